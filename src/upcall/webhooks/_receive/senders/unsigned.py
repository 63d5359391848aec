"""Senders of which at most a token is known, in the header Authorization."""

from __future__ import annotations

__all__ = ("UNSIGNED",)

from collections.abc import Sequence
from typing import Final

from upcall.webhooks._receive.request import Request

from .bridged import BRIDGED, read_bridged
from .contract import DAY, Incoming, Sender


def _read(request: Request) -> Sequence[Incoming]:
    """Read what has its type in the body or, like its id, in a header."""
    return [read_bridged(request, request.plain(), signed=False)]


UNSIGNED: Final = Sender(read=_read, headers=BRIDGED, keep=4 * DAY, patience=15.0)
