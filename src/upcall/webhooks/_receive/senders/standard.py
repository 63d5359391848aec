"""Senders of Standard Webhooks, and Svix: the body says the type, a header the id."""

from __future__ import annotations

__all__ = ("STANDARD", "SVIX")

from collections.abc import Callable, Sequence
from typing import Final

from upcall.webhooks._receive.request import Request

from .bridged import read_type
from .contract import DAY, Incoming, Sender, wanted


def _reading(id_header: str) -> Callable[[Request], Sequence[Incoming]]:
    def read(request: Request) -> Sequence[Incoming]:
        kind, payload = read_type(request, request.plain())
        id_ = wanted(request, id_header)
        return [Incoming(id=id_, digest=None, type=kind, payload=payload)]

    return read


def _sender(id_header: str) -> Sender:
    # A retry has the same id; the schedule that is recommended takes 76 hours.
    return Sender(
        read=_reading(id_header),
        headers=frozenset({id_header, "upcall-event"}),
        keep=4 * DAY,
        patience=15.0,
    )


STANDARD: Final = _sender("webhook-id")
SVIX: Final = _sender("svix-id")
