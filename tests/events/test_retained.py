"""What late subscribers get."""

from __future__ import annotations

__all__ = ()

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from upcall import Bus, BusNotOpenError, CallbackErrors, Envelope, OptionError, Signal


def test_late_subscriber_gets_the_last_ones_inside_on() -> None:
    """Oldest first, and then what comes."""
    signal = Signal[int]("tick", retain=2)
    for x in (1, 2, 3):
        signal.emit(x)
    heard: list[int] = []

    signal.on(heard.append)
    assert heard == [2, 3]
    signal.emit(4)
    assert heard == [2, 3, 4]


def test_patterns_get_what_is_retained_of_all_they_match() -> None:
    """In the order of the emissions."""
    bus = Bus(retain=1)
    for name in ("a.x", "a.y", "b.x"):
        bus.emit(name, name)
    heard: list[Envelope[Any]] = []

    bus.on("a.*", heard.append, envelope=True)

    assert [envelope.payload for envelope in heard] == ["a.x", "a.y"]


def test_once_takes_one_of_them() -> None:
    """And is used up."""
    signal = Signal[int]("tick", retain=3)
    signal.emit(1)
    signal.emit(2)
    heard: list[int] = []

    signal.once(heard.append)

    assert heard == [1]
    assert signal.subscriptions() == []


def test_when_filters_what_is_retained() -> None:
    """As it filters what comes."""
    signal = Signal[int]("tick", retain=3)
    for x in (1, 2, 3):
        signal.emit(x)
    heard: list[int] = []

    signal.on(heard.append, when=lambda x: x != 2)

    assert heard == [1, 3]


async def test_async_subscriber_needs_an_open_bus_for_what_is_retained() -> None:
    """Else it is refused, and not subscribed."""
    bus = Bus(retain=1)
    bus.emit("a", 1)
    heard: list[int] = []

    async def hear(x: int) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(x)

    with pytest.raises(BusNotOpenError):
        bus.on("a", hear)
    assert bus.subscriptions() == []

    async with bus:
        bus.on("a", hear)
        assert heard == []
    assert heard == [1]


async def test_debounced_subscriber_gets_the_newest() -> None:
    """It runs at the drain."""
    heard: list[int] = []

    async with Bus(retain=2) as bus:
        bus.emit("a", 1)
        bus.emit("a", 2)
        bus.on("a", heard.append, debounce=60)

    assert heard == [2]


def test_subscriber_that_fails_on_what_is_retained_is_not_subscribed() -> None:
    """It has seen all of it."""
    signal = Signal[int]("tick", retain=2)
    signal.emit(1)
    signal.emit(2)

    def broken(x: int) -> None:
        raise ValueError(x)

    with pytest.raises(CallbackErrors) as caught:
        signal.on(broken)

    assert len(caught.value.exceptions) == 2
    assert signal.subscriptions() == []


async def test_next_ignores_what_is_retained() -> None:
    """It waits for what comes."""
    signal = Signal[int]("tick", retain=1)
    signal.emit(1)
    promise = signal.next()

    signal.emit(2)

    assert await promise == 2


@pytest.mark.parametrize("retain", [-1, 1.5, True, "2"])
def test_bad_retain_is_refused(retain: Any) -> None:
    """On a signal, on a bus, on a bus's signal."""
    with pytest.raises(OptionError, match="retain"):
        Signal("a", retain=retain)
    with pytest.raises(OptionError, match="retain"):
        Bus(retain=retain)
    with pytest.raises(OptionError, match="retain"):
        Bus().signal("a", retain=retain)


def test_awaitable_that_a_late_subscriber_returns_needs_an_open_bus() -> None:
    """The coroutine is closed, and the subscriber is refused."""
    signal = Signal[int]("tick", retain=1)
    signal.emit(1)

    async def later(x: int) -> None:
        await anyio.lowlevel.checkpoint()

    def taken_for_sync(x: int) -> object:
        return later(x)

    with pytest.raises(CallbackErrors) as caught:
        signal.on(taken_for_sync)

    assert isinstance(caught.value.exceptions[0], BusNotOpenError)
    assert signal.subscriptions() == []


async def test_awaitable_that_a_late_subscriber_returns_runs_in_the_bus() -> None:
    """As one does that comes of an emission."""
    heard: list[int] = []

    async def later(x: int) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(x)

    def taken_for_sync(x: int) -> object:
        return later(x)

    async with Bus(retain=2) as bus:
        bus.emit("a", 1)
        bus.emit("a", 2)
        bus.on("a", taken_for_sync)

    assert sorted(heard) == [1, 2]


async def test_stream_begins_with_what_is_retained() -> None:
    """It is a late subscriber like others."""
    bus = Bus(retain=2)

    for x in (1, 2, 3):
        bus.emit("a", x)

    async with bus.stream("a") as events:
        bus.emit("a", 4)

        assert [await anext(events) for _ in range(3)] == [2, 3, 4]


def test_late_subscriber_to_a_class_gets_what_its_subclasses_left() -> None:
    """As it hears their emissions."""

    class Base:
        """An event."""

    class Derived(Base):
        """A special one."""

    bus = Bus(retain=1)
    heard: list[object] = []
    bus.emit(Base())
    bus.emit(Derived())

    bus.on(Base, heard.append)

    assert [type(each) for each in heard] == [Base, Derived]
