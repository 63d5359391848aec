"""Where each scheme's senders put the type of an event, its id and its payload."""

# Rule 1: what is read here was verified before. That a header was not signed is said
#   where it is read.
# Rule 2: an id that is not signed names an event only together with the digest of what
#   is signed, or whoever caught one request could send it again under fresh ids.

from __future__ import annotations

__all__ = ("SENDERS", "Incoming", "Sender")

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeAlias

import attrs

from .refusal import Refusal

_DAY: Final = 24 * 3600.0
_MIB: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Incoming:
    """One verified request, read."""

    id: str
    """The sender's, as it came."""

    digest: str | None
    """Of what is signed, where the id is not; None where it is."""

    type: str
    payload: Any
    """Plain data."""


Read: TypeAlias = Callable[[Mapping[str, str], bytes, str, Any], Incoming]
"""Takes headers, raw body, the signed id ("" for none), and the body as plain data."""


@attrs.frozen(kw_only=True)
class Sender:
    """What is known of those who sign with one scheme."""

    read: Read
    """Raises `Refusal`, 400, when something is missing."""

    keep: float
    """Seconds for which they may send the same event again."""

    max_body: int
    """Bytes that no body of theirs exceeds."""


def _read_standard(
    headers: Mapping[str, str],  # noqa: ARG001 (the signed ones were read by the scheme)
    body: bytes,  # noqa: ARG001 (as above)
    signed_id: str,
    plain: Any,
) -> Incoming:
    """Read a request of Standard Webhooks 1.0.0.

    A body with ``type``, ``timestamp`` and ``data`` has the standard format, and
    ``data`` is the payload. Any other body with a ``type`` is the payload as a whole.
    """
    match plain:
        case {"type": str(kind), "timestamp": _, "data": payload}:
            pass
        case {"type": str(kind)}:
            payload = plain
        case _:
            raise Refusal(400, 'the body is no object with a text as its "type"')

    return Incoming(id=signed_id, digest=None, type=kind, payload=payload)


def _read_github(
    headers: Mapping[str, str],
    body: bytes,
    signed_id: str,  # noqa: ARG001 (there is none: nothing but the body is signed)
    plain: Any,
) -> Incoming:
    """Read a request of GitHub's.

    The event and the delivery's GUID are in headers that are not signed.
    """
    return Incoming(
        id=_wanted(headers, "x-github-delivery"),
        digest=sha256(body).hexdigest(),
        type=_wanted(headers, "x-github-event"),
        payload=plain,
    )


def _wanted(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")

    if not value:
        raise Refusal(400, f"there is no {name} header")

    return value


# A retry has the same id; the schedule that Standard Webhooks recommends takes 76 h.
_STANDARD: Final = Sender(read=_read_standard, keep=4 * _DAY, max_body=_MIB)

SENDERS: Final[Mapping[str, Sender]] = {
    "standard": _STANDARD,
    "svix": _STANDARD,
    # Nothing is sent again but by hand, for three days; bodies are capped at 25 MB.
    "github": Sender(read=_read_github, keep=3 * _DAY, max_body=25 * _MIB),
}
"""By the name of the scheme."""
