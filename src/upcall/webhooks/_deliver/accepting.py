"""How an emission becomes a message that can be stored."""

from __future__ import annotations

__all__ = ("accept",)

from typing import Any

from upcall._events.envelope import Envelope
from upcall._events.event import version_of
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.news import News
from upcall.webhooks._proto.tenant import check_tenant
from upcall.webhooks.codec import Codec
from upcall.webhooks.outbox.contract import Keep
from upcall.webhooks.versions import render


def accept(
    envelope: Envelope[Any],
    *,
    tenant: str | None,
    now: float,
    codec: Codec,
    max_payload: int,
) -> Keep:
    """Return an emission as it is stored, its payload as JSON in all its versions.

    Args:
        envelope: the emission.
        tenant: whose it is.
        now: when it is accepted, in Unix seconds.
        codec: makes the JSON.
        max_payload: the largest payload as JSON, in bytes.

    Raises:
        PayloadError: if the payload cannot be encoded or downgraded, or is too large.
        OptionError: if this cannot be a tenant.
    """
    data, renderings = render(
        envelope.payload, envelope.name, codec=codec, largest=max_payload
    )
    message = Message(
        id=envelope.id,
        name=envelope.name,
        time=envelope.time,
        data=data,
        version=version_of(envelope.payload),
        tenant=check_tenant(tenant),
    )
    about = envelope.payload.endpoint if isinstance(envelope.payload, News) else None
    return Keep(message=message, now=now, renderings=renderings, about=about)
