"""What workers find out, and the bus is told: ``webhook.*``."""

# Rule 1: these names are reserved: no wildcard stands for their first segment, and the
#   endpoint that they are about never gets them.

from __future__ import annotations

__all__ = ("Dead", "News")

from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class News:
    """The payload of an operational event."""

    name: Literal[
        "webhook.failing", "webhook.exhausted", "webhook.recovered", "webhook.disabled"
    ]
    """``failing`` is told when an attempt of a delivery failed for the fourth time,
    ``exhausted`` when a delivery is dead, ``recovered`` when an endpoint that had been
    failing has a success, ``disabled`` when one answered 410, or has failed for five
    days."""

    endpoint: str
    """The id of the endpoint."""

    tenant: str | None = None
    """Whose endpoint it is."""

    reason: str | None = None
    """Why, in words."""

    delivery: int | None = None
    """The delivery by which it was found out."""

    message: str | None = None
    """The id of its message."""

    event: str | None = None
    """The name of the event that was to be delivered."""

    attempts: int = 0
    """How many attempts the delivery had."""


@attrs.frozen(kw_only=True)
class Dead:
    """The payload of ``webhook.dead``: what came in and was stored is given up.

    The schedule has ended, or it is no event that can be read. It stays on record.
    `Receiver.replay` lets it wait again; so does its sender, by sending it again.
    """

    source: str
    """The name of the source that took it."""

    event: str
    """The name of the event."""

    envelope: str
    """The id of the envelope; callbacks saw the same at every attempt."""

    request: int
    """The number of its `StoredRequest`."""

    attempts: int
    """How many there were."""

    reason: str
    """What the last one failed of."""
