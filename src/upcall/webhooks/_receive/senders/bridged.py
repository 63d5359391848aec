"""What a bridge of Upcall sends, with whichever scheme it signs."""

# Rule 1: this is tried last. A body that has the form of the scheme's own sender is
#   read as that, whatever headers somebody has added to it.

from __future__ import annotations

__all__ = ("BRIDGED", "header_text", "read_bridged", "read_type")

from typing import Any, Final
from urllib.parse import unquote_to_bytes

from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import Request

from .contract import Incoming, digest_of

BRIDGED: Final = frozenset({"upcall-event", "upcall-id"})
"""Headers that a bridge sets where nothing else says the event and its id."""


def read_type(request: Request, plain: Any) -> tuple[str, Any]:
    """Return type and payload of a body in one of the formats of a bridge.

    In a body with ``type``, ``timestamp`` and ``data``, as Standard Webhooks 1.0.0
    recommends it, the data is the payload. Any other body is the payload as a whole,
    and has its ``type``, or else the header ``Upcall-Event``, which is not signed.

    Raises:
        Refusal: 400, if there is no type.
    """
    match plain:
        case {"type": str(kind), "timestamp": _, "data": payload}:
            return kind, payload
        case {"type": str(kind)}:
            return kind, plain
        case _ if "upcall-event" in request.headers:
            return header_text(request.headers["upcall-event"]), plain
        case _:
            raise Refusal(400, 'the body is no object with a text as its "type"')


def read_bridged(request: Request, plain: Any, *, signed: bool) -> Incoming:
    """Read a request whose scheme has no place for an id.

    Args:
        request: the id is in a header, ``Upcall-Id``.
        plain: its body.
        signed: whether the body was; the id never is.

    Raises:
        Refusal: 400, if there is no type.
    """
    kind, payload = read_type(request, plain)
    id_ = request.headers.get("upcall-id", "")
    digest = digest_of(request.body) if signed or not id_ else None
    return Incoming(id=id_, digest=digest, type=kind, payload=payload)


def header_text(value: str) -> str:
    """Return the text that a header carries (CloudEvents' HTTP binding 1.0, 3.1.3.2).

    Raises:
        Refusal: 400, if it is no UTF-8.
    """
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError:
        raise Refusal(400, "a text in a header is no UTF-8") from None
