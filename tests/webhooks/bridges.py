"""Bridges as the tests make them: with a clock, dice and a transport of their own."""

from __future__ import annotations

__all__ = ("NOON", "Nameless", "Odd", "Paid", "make_bridge", "opened")

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from tests.webhooks.fakes import FakeTransport, Middle, make_endpoint

from upcall import Bus, event
from upcall.testing import ManualClock
from upcall.webhooks import (
    Bridge,
    Outbox,
)

NOON = 1_700_000_000.0


@event("bridge_test.paid", version=2)
class Paid:
    """An event with a version."""

    number: int


@event("bridge_test.odd")
@attrs.frozen
class Odd:
    """An event that JSON would lose a part of."""

    number: int = attrs.field(converter=int)


class Nameless:
    """An event that has no name."""


def make_bridge(bus: Bus, outbox: Outbox | str = "sqlite://", **options: Any) -> Bridge:
    """Make a bridge with a clock and dice of its own, that talks to nobody."""
    given: dict[str, Any] = {
        "transport": FakeTransport(),
        "clock": ManualClock(NOON),
        "random": Middle(),
    }
    return Bridge(bus, outbox, **(given | options))


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[Bus, Bridge]]:
    """Give an open bus and bridge, with one endpoint."""
    async with Bus() as bus, make_bridge(bus, **options) as bridge:
        await bridge.add(make_endpoint())
        yield bus, bridge
