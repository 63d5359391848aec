"""What a worker finds out about an endpoint, and the bus is told: ``webhook.*``."""

# Rule 1: these names are reserved: no wildcard stands for their first segment, and the
#   endpoint that they are about never gets them.

from __future__ import annotations

__all__ = ("News",)

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
