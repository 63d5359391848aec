"""Where each scheme's senders put the type of an event, its id and its payload."""

from __future__ import annotations

__all__ = ("SENDERS", "Incoming", "Sender", "sender_of")

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .cloudevents import of_cloudevents
from .contract import Incoming as Incoming
from .contract import Sender as Sender
from .discord import DISCORD
from .github import GITHUB
from .shopify import SHOPIFY
from .slack import SLACK
from .standard import STANDARD, SVIX
from .stripe import STRIPE
from .twilio import TWILIO
from .unsigned import UNSIGNED

SENDERS: Final[Mapping[str, Sender]] = MappingProxyType(
    {
        "standard": STANDARD,
        "svix": SVIX,
        "github": GITHUB,
        "stripe": STRIPE,
        "slack": SLACK,
        "shopify": SHOPIFY,
        "discord": DISCORD,
        "twilio": TWILIO,
        "bearer": UNSIGNED,
        "none": UNSIGNED,
    }
)
"""By the name of the scheme."""


def sender_of(scheme: str, format: str | None) -> Sender:
    """Return who sends in this format, or in the scheme's own, None."""
    sender = SENDERS[scheme]

    if format is None:
        return sender

    return of_cloudevents(sender, signed=sender is not UNSIGNED)
