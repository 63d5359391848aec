"""An event that has come in, and how it gets onto the bus."""

from __future__ import annotations

__all__ = ("Arrival", "Invalid", "emit")

from typing import Any, Final

import attrs

from upcall._events.bus import Bus
from upcall.keys import RESERVED

from .request import Reply

_INVALID: Final = f"{RESERVED}.invalid"


@attrs.frozen(kw_only=True)
class Arrival:
    """An event that has come in, verified and built, and not yet emitted."""

    id: str
    """Of its envelope; the same each time the sender sends it."""

    name: str

    payload: Any = attrs.field(repr=False)

    typed: bool
    """Whether the payload is an instance of the event class of that name."""

    invalid: str | None = None
    """Where the payload does not fit the event class of that name, if it does not."""

    sender_id: str

    digest: str | None
    """Of what was signed, where the id was not."""

    stem: str | None = None
    """What the ids of all begin with that have this sender's id, where it was not
    signed."""

    reply: Reply
    """What the sender is told when this has been taken."""


@attrs.frozen(kw_only=True)
class Invalid:
    """The payload of ``webhook.invalid``: an event came that is not as its class is."""

    source: str
    """The name of the source."""

    event: str
    """The name that the event would have had."""

    reason: str
    """What is wrong, with the path in the payload, and without its values."""

    sender_id: str
    """The sender's id of it."""

    payload: Any = attrs.field(repr=False)
    """What came, as plain data."""


async def emit(bus: Bus, arrival: Arrival, *, source: str) -> None:
    """Emit what has arrived and call its callbacks, as `Bus.aemit` does.

    Args:
        bus: where.
        arrival: if it is invalid, ``webhook.invalid`` is emitted in its place.
        source: the name of the source that it came by.

    Raises:
        Exception: as `Bus.aemit` does.
    """
    if arrival.invalid is not None:
        told = Invalid(
            source=source,
            event=arrival.name,
            reason=arrival.invalid,
            sender_id=arrival.sender_id,
            payload=arrival.payload,
        )
        await bus.aemit(_INVALID, told, id=arrival.id)
    elif arrival.typed:
        await bus.aemit(arrival.payload, id=arrival.id)
    else:
        await bus.aemit(arrival.name, arrival.payload, id=arrival.id)
