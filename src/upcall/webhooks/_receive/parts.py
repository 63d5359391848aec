"""A batch taken apart: a request for each of its events, to be stored alone."""

from __future__ import annotations

__all__ = ("parted",)

from typing import Any, Final

from upcall.webhooks.codec import JSON

from .encodings import unpacked
from .request import Request

_SINGLE: Final = {"content-type": "application/cloudevents+json"}


def parted(request: Request, number: int, *, limit: int) -> list[Request]:
    """Return requests that read as the events of this one, each as one of them.

    Args:
        request: one that could be read.
        number: of its events. More than one come in a batch of CloudEvents alone.
        limit: bytes of its body, unpacked.
    """
    if number == 1:
        return [request]

    events: list[Any] = unpacked(request, limit=limit).plain()
    return [Request(headers=_SINGLE, body=JSON.encode(each)) for each in events]
