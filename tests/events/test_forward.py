"""`forward` and `intercept`, in their finer points (`test_around` has the rest)."""

from __future__ import annotations

__all__ = ()

from abc import ABC
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import attrs
import pytest

from upcall import STOP, Bus, BusNotOpenError, CallbackErrors, Envelope, event


class Base:
    """An undecorated base."""


@event("test.forward.paid")
class Paid(Base):
    """What most tests emit."""

    order_id: int


class Shape(Protocol):
    """What has an order id."""

    order_id: int


class Registered(ABC):  # noqa: B024 (others are registered with it)
    """A class that others are registered with."""


Registered.register(Paid)


@pytest.mark.parametrize("key", [Base, Paid, "test.forward.paid", "test.*.*", "**"])
def test_forward_and_intercept_hear_what_a_subscriber_of_the_key_would(
    key: type | str,
) -> None:
    """Classes with their bases, names and patterns."""
    bus, other = Bus(), Bus()
    names: list[str] = []
    bus.forward(other, key)
    bus.intercept(key, lambda envelope: names.append(envelope.name))
    other.on(Paid, lambda _: None)

    assert bus.emit(Paid(1)) == 1
    assert bus.emit("something.else", 1) == 0
    assert names.count("test.forward.paid") == 1


@pytest.mark.parametrize("key", [Shape, Registered])
def test_class_that_is_no_base_of_the_event_hears_nothing_of_it(key: type) -> None:
    """What counts is the MRO, for interceptors and retained events too."""
    bus = Bus(retain=1)
    heard: list[object] = []
    bus.intercept(key, lambda _: STOP)

    bus.emit(Paid(1))
    bus.on(key, heard.append)

    assert bus.emit(Paid(2)) == 0
    assert heard == []


def test_envelope_and_its_id_are_the_same_in_every_bus() -> None:
    """A given id too."""
    bus, other = Bus(), Bus()
    heard: list[Envelope[Any]] = []
    bus.forward(other)
    bus.on("a", heard.append, envelope=True)
    other.on("a", heard.append, envelope=True)

    bus.emit("a", 1, id="mine")
    bus.emit("a", 2)

    assert [each.id for each in heard[:2]] == ["mine", "mine"]
    assert heard[2] is heard[3]


def test_what_an_interceptor_replaced_is_what_goes_on() -> None:
    """To retained, and to other buses, which may intercept it once more."""
    bus, other = Bus(), Bus(retain=1)
    heard: list[int] = []
    bus.forward(other)

    for each in (bus, other):
        each.intercept("a", lambda e: attrs.evolve(e, payload=e.payload * 10))

    bus.emit("a", 1)
    other.on("a", heard.append)

    assert heard == [100]


def test_what_another_bus_stops_has_been_heard_in_the_first() -> None:
    """Each bus decides for itself."""
    bus, other = Bus(), Bus()
    bus.forward(other)
    bus.on("a", lambda _: None)
    other.on("a", lambda _: None)
    other.intercept("a", lambda _: STOP)

    assert bus.emit("a", 1) == 1


def test_bus_counts_its_own_emissions_and_calls() -> None:
    """What is forwarded counts where it is heard."""
    bus, other = Bus(), Bus()
    bus.forward(other)
    bus.on("a", lambda _: None)
    other.on("a", lambda _: None)
    other.on("a", lambda _: 1 / 0)

    with pytest.raises(CallbackErrors):
        bus.emit("a", 1)

    ours, theirs = bus.statistics(), other.statistics()
    assert (ours.emissions, ours.calls, ours.failures) == (1, 1, 0)
    assert (theirs.emissions, theirs.calls, theirs.failures) == (1, 2, 1)


async def test_aemit_has_the_values_of_other_buses_after_its_own() -> None:
    """And waits for them."""
    bus, other = Bus(), Bus()
    bus.forward(other)

    async def later(x: int) -> str:
        await anyio.lowlevel.checkpoint()
        return f"later {x}"

    other.on("a", later)
    other.on("a", lambda x: f"other {x}")
    bus.on("a", lambda x: f"own {x}")

    assert await bus.aemit("a", 1) == ["own 1", "other 1", "later 1"]

    bus.signal("a", sequential=True)
    assert await bus.aemit("a", 1) == ["own 1", "other 1", "later 1"]


async def test_aemit_that_would_be_delayed_in_another_bus_needs_that_bus_open() -> None:
    """It is refused before anybody was called."""
    bus, other = Bus(), Bus()
    heard: list[int] = []
    bus.forward(other)
    bus.on("a", heard.append)
    other.on("a", heard.append, debounce=1)

    with pytest.raises(BusNotOpenError, match="append"):
        await bus.aemit("a", 1)

    assert heard == []


async def test_background_callbacks_run_in_the_bus_they_are_subscribed_to() -> None:
    """Which waits for them, and hears of their failures."""
    told: list[str] = []

    async def fails(_: object) -> None:
        raise ValueError("fails")

    async with (
        Bus(on_error=lambda *_: told.append("bus")) as bus,
        Bus(on_error=lambda *_: told.append("other")) as other,
    ):
        bus.forward(other)
        other.on("a", fails)
        bus.emit("a", 1)

    assert told == ["other"]


def test_cause_of_what_is_emitted_in_another_bus() -> None:
    """Causes know no buses."""
    bus, other = Bus(), Bus()
    heard: list[Envelope[Any]] = []
    bus.forward(other)
    other.on("a", lambda _: other.emit("b"))
    other.on("**", heard.append, envelope=True)

    bus.emit("a", 1)

    assert [each.name for each in heard] == ["b", "a"]
    assert heard[0].cause == heard[1].id


def test_paused_interceptor_and_forward_do_nothing_until_resumed() -> None:
    """They are subscriptions like others."""
    bus, other = Bus(), Bus()
    other.on("a", lambda _: None)
    forward = bus.forward(other)
    intercept = bus.intercept("a", lambda _: STOP)

    intercept.pause()
    assert bus.emit("a", 1) == 1
    forward.pause()
    assert bus.emit("a", 1) == 0
    forward.resume()
    assert bus.emit("a", 1) == 1
    intercept.resume()
    assert bus.emit("a", 1) == 0


def test_two_forwards_to_one_bus_are_heard_there_once() -> None:
    """An envelope enters a bus once."""
    bus, other = Bus(), Bus()
    other.on("a", lambda _: None)
    bus.forward(other, "a")
    bus.forward(other, "*")

    assert bus.emit("a", 1) == 1
