"""One event accepted for delivery."""

# Rule 1: the bytes of the payload are written once, when the event is accepted. Every
#   attempt and every replay sends the same body; only signature and time are new.

from __future__ import annotations

__all__ = ("Message",)

from datetime import datetime

import attrs


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

    tenant: str | None = None
    """Whose it is; endpoints of other tenants do not get it."""
