"""The event that tries an endpoint: ``webhook.ping``."""

from __future__ import annotations

__all__ = ("PING", "ping_keep")

import json
from datetime import UTC, datetime
from typing import Final

from upcall.webhooks._proto.message import Message
from upcall.webhooks.outbox.contract import Keep

PING: Final = "webhook.ping"
"""The name of the event."""


def ping_keep(endpoint: str, *, id: str, now: float) -> Keep:
    """Return a message for one endpoint, whose payload is the endpoint's id."""
    message = Message(
        id=id,
        name=PING,
        time=datetime.fromtimestamp(now, UTC),
        data=json.dumps({"endpoint": endpoint}).encode(),
    )
    return Keep(message=message, now=now, only=endpoint)
