"""What stands behind a bus, and the one door to it."""

# A bus is what users see. What it is made of, a hub with a background, is for us: for
#   signals, emitters, other buses and the bridge. They go through `hub_of`, which also
#   says what is no bus at all.

from __future__ import annotations

__all__ = ("AnyBus", "hub_of")

from upcall.errors import OptionError

from .owner import Owner


class AnyBus:
    """Any `Bus`: whatever has a hub inside."""

    _hub: Owner


def hub_of(bus: object, what: str = "bus") -> Owner:
    """Return the hub of a bus, or raise.

    Args:
        bus: what was given for one.
        what: what it was given as, for the message.

    Raises:
        OptionError: this is no bus.
    """
    if not isinstance(bus, AnyBus):
        raise OptionError(f"{what}={bus!r} is no bus: give a Bus")

    return bus._hub  # noqa: SLF001 (the door)  # pyright: ignore[reportPrivateUsage]
