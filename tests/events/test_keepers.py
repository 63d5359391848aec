"""Keepers: what has to be kept is kept before anybody hears of it."""

from __future__ import annotations

__all__ = ()

from typing import Any

import anyio
import pytest
from tests.events.fakes import settle

from upcall import STOP, Bus, CallbackErrors, Envelope, event
from upcall._events.inside import hub_of


@event("test.keepers.paid")
class Paid:
    """What some tests emit."""

    order_id: int


class Nameless:
    """An event of no name."""


class Safe:
    """A keeper that takes its time, and notes what it has kept.

    Attributes:
        open: until it is set, `keep` waits.
    """

    closed = False

    def __init__(self, log: list[str], name: str = "safe", wanted: str = "") -> None:
        self.log = log
        self.name = name
        self.wanted = wanted
        self.open = anyio.Event()
        self.asked: list[str] = []

    def wants(self, name: str) -> bool:
        self.asked.append(name)
        return self.wanted in name

    async def keep(self, envelope: Envelope[Any]) -> None:
        self.log.append(f"{self.name} begins")
        await self.open.wait()
        self.keep_soon(envelope)

    def keep_soon(self, envelope: Envelope[Any]) -> None:
        self.log.append(f"{self.name} {envelope.payload}")


async def test_aemit_waits_for_each_keeper_in_turn_and_then_calls() -> None:
    """In the order they were added."""
    log: list[str] = []
    bus = Bus()
    one, other = Safe(log, "one"), Safe(log, "other")
    hub_of(bus).add_keeper(one)
    hub_of(bus).add_keeper(other)
    bus.on("a", lambda x: log.append(f"heard {x}"))

    async with anyio.create_task_group() as group:
        group.start_soon(bus.aemit, "a", 1)
        await settle()
        assert log == ["one begins"]
        one.open.set()
        await settle()
        assert log == ["one begins", "one 1", "other begins"]
        other.open.set()

    assert log[3:] == ["other 1", "heard 1"]


async def test_emit_soon_waits_for_the_keepers_too() -> None:
    """It is an aemit in the background."""
    log: list[str] = []

    async with Bus() as bus:
        hub_of(bus).add_keeper(safe := Safe(log))
        bus.on("a", lambda x: log.append(f"heard {x}"))
        promise = bus.emit_soon("a", 1)
        await settle()
        assert log == ["safe begins"]
        safe.open.set()
        await promise

    assert log == ["safe begins", "safe 1", "heard 1"]


async def test_aemit_that_is_cancelled_while_it_is_kept_is_heard_by_nobody() -> None:
    """Whether it was kept is for the keeper to know."""
    log: list[str] = []
    bus = Bus()
    hub_of(bus).add_keeper(Safe(log))
    bus.on("a", lambda x: log.append(f"heard {x}"))

    async with anyio.create_task_group() as group:
        group.start_soon(bus.aemit, "a", 1)
        await settle()
        group.cancel_scope.cancel()

    assert log == ["safe begins"]


def test_what_is_wanted_is_asked_once_per_name() -> None:
    """And again when something has changed."""
    bus = Bus()
    safe = Safe([])
    hub_of(bus).add_keeper(safe)

    for _ in range(3):
        bus.emit("a", 1)
        bus.emit(Paid(1))

    assert safe.asked == ["a", "test.keepers.paid"]


def test_event_is_kept_by_its_name_and_one_without_a_name_never() -> None:
    """A keeper knows names only."""
    log: list[str] = []
    bus = Bus()
    safe = Safe(log)
    hub_of(bus).add_keeper(safe)

    bus.emit(Paid(1))
    bus.emit(Nameless())

    assert log == ["safe Paid(order_id=1)"]
    assert "" not in safe.asked


def test_what_is_stopped_is_not_kept_and_what_is_replaced_is_kept_as_that() -> None:
    """Interceptors come first."""
    log: list[str] = []
    bus = Bus()
    hub_of(bus).add_keeper(Safe(log))

    with bus.intercept("a", lambda _: STOP):
        bus.emit("a", 1)

    with bus.intercept(
        "a", lambda e: Envelope(id=e.id, name=e.name, payload=2, time=e.time)
    ):
        bus.emit("a", 1)

    assert log == ["safe 2"]


async def test_each_bus_has_its_own_keepers() -> None:
    """What is forwarded is kept by both, each before its own callbacks."""
    log: list[str] = []
    bus, other = Bus(), Bus()
    bus.forward(other)

    for each, name in ((bus, "one"), (other, "other")):
        hub_of(each).add_keeper(safe := Safe(log, name))
        each.on("a", lambda _, name=name: log.append(f"heard in {name}"))  # type: ignore[misc]
        safe.open.set()

    bus.emit("a", 1)
    assert log == ["one 1", "heard in one", "other 1", "heard in other"]

    log.clear()
    await bus.aemit("a", 2)
    assert [entry for entry in log if "begins" not in entry] == [
        "one 2",
        "heard in one",
        "other 2",
        "heard in other",
    ]


@pytest.mark.parametrize("sequential", [False, True])
async def test_refusal_by_a_keeper_of_another_bus_is_one_failure_among_others(
    sequential: bool,
) -> None:
    """The callbacks of the first bus have run by then."""
    heard: list[int] = []
    bus, other = Bus(), Bus()
    bus.forward(other)
    bus.signal("a", sequential=sequential)
    bus.on("a", heard.append)
    other.on("a", heard.append)

    class Refusing(Safe):
        def keep_soon(self, envelope: Envelope[Any]) -> None:
            raise OSError("disk full")

    hub_of(other).add_keeper(refusing := Refusing([]))
    refusing.open.set()

    with pytest.raises(CallbackErrors) as caught:
        bus.emit("a", 1)

    assert [type(error) for error in caught.value.exceptions] == [OSError]

    with pytest.raises(CallbackErrors) as caught:
        await bus.aemit("a", 2)

    assert [type(error) for error in caught.value.exceptions] == [OSError]
    assert heard == [1, 2]
