"""One event accepted for delivery, and the request it becomes."""

# Rule 1: the bytes of the payload are written once, when the event is accepted. Every
#   attempt and every replay sends the same body; only signature and time are new.
# Rule 2: a message is JSON that somebody else encoded: it is put in, never parsed.

from __future__ import annotations

__all__ = ("Message", "headers_for", "standard_body")

import json
from datetime import datetime
from typing import Final

import attrs

_COMMON: Final = (("Content-Type", "application/json"), ("User-Agent", "Upcall"))
_EVENT_HEADERS: Final = {"github": "X-GitHub-Event"}
"""Where receivers of a scheme look for the name of the event, if not in the body."""


@attrs.frozen(kw_only=True)
class Message:
    """One event accepted for delivery."""

    id: str
    """The id of the emission; receivers see it, on every attempt the same."""

    name: str
    """The name of the event."""

    time: datetime
    """When the event was emitted; aware, UTC."""

    data: bytes = attrs.field(repr=False)
    """The payload as JSON."""

    version: int = 1
    """The version of the event's class; 1 for events without one."""


def standard_body(message: Message) -> bytes:
    """Return the body in the format "standard": type, timestamp, data.

    See Standard Webhooks 1.0.0, "Payload structure".
    """
    stamp = message.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = f'{{"type":{json.dumps(message.name)},"timestamp":"{stamp}","data":'
    return b"%b%b}" % (head.encode(), message.data)


def headers_for(message: Message, *, scheme: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of a message, but for signatures and those of the endpoint."""
    header = _EVENT_HEADERS.get(scheme)
    return _COMMON if header is None else (*_COMMON, (header, message.name))
