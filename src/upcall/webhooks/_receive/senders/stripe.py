"""Stripe: the body, which is signed, says all."""

# https://docs.stripe.com/webhooks

from __future__ import annotations

__all__ = ("STRIPE",)

from collections.abc import Sequence
from typing import Any, Final

from upcall.webhooks._receive.request import Request

from .bridged import BRIDGED, read_bridged
from .contract import DAY, Incoming, Sender


def _read(request: Request) -> Sequence[Incoming]:
    plain = request.plain()

    match plain:
        case {"id": str(id_), "type": str(kind), "object": str()}:
            owner = _owner(plain)
            return [
                Incoming(id=id_, owner=owner, digest=None, type=kind, payload=plain)
            ]
        case _:
            return [read_bridged(request, plain, signed=True)]


def _owner(plain: dict[str, Any]) -> str:
    """Return the connected account; thin events call it their context."""
    return str(plain.get("account") or plain.get("context") or "")


STRIPE: Final = Sender(
    read=_read,
    headers=BRIDGED,
    keep=4 * DAY,  # it is sent again for three
    status=200,
    patience=10.0,
)
