"""Nothing of ours keeps what is not needed, not even until the next collection."""

from __future__ import annotations

__all__ = ()

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import anyio.lowlevel
import pytest

from upcall import Bus, CallbackErrors, Signal, event
from upcall._events.inside import hub_of


@event("test.leaks.paid")
class Paid:
    """What some tests emit, in many kinds."""


class Thing:
    """Something to keep alive."""

    def hear(self, payload: object) -> None:
        """Hear it."""

    def fail(self, payload: object) -> None:
        """Fail."""
        raise ValueError("fail")

    async def fail_later(self, payload: object) -> None:
        """Fail, a turn later."""
        await anyio.lowlevel.checkpoint()
        raise ValueError("later")


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    """Leave nothing to the collector: what is in a cycle stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_callback_is_free_when_its_subscription_ends() -> None:
    """Its plan is gone with it."""
    thing = Thing()
    gone = weakref.ref(thing)
    signal = Signal[int]("tick")
    subscription = signal.on(thing.hear)
    signal.emit(1)

    subscription.cancel()
    del thing, subscription

    assert gone() is None


@pytest.mark.parametrize("options", [{}, {"priority": 1}, {"once": True}])
@pytest.mark.parametrize("make", [lambda: Signal[object]("tick"), Bus])
def test_callback_is_free_when_its_signal_or_bus_is_gone(
    make: Callable[[], Any], options: dict[str, Any]
) -> None:
    """Though its subscription has never ended."""
    owner, thing = make(), Thing()
    key = ("tick",) if isinstance(owner, Bus) else ()
    gone = weakref.ref(thing)
    owner.on(*key, thing.hear, **options)
    owner.emit(*key, 1)
    owner.emit(*key, 2)

    del owner, thing

    assert gone() is None


def test_subscription_that_outlives_its_signal_has_ended() -> None:
    """It can be asked, and cancelled, all the same."""
    signal = Signal[int]("tick")
    subscription = signal.on(Thing().hear)

    del signal

    assert not subscription.active
    assert subscription.key == "tick"
    assert "ended" in repr(subscription)
    subscription.pause()
    subscription.resume()
    assert not subscription.cancel()


@pytest.mark.parametrize("options", [{}, {"priority": 1}])
@pytest.mark.parametrize("count", [1, 2])
def test_payload_is_free_after_callbacks_have_failed(
    count: int, options: dict[str, Any]
) -> None:
    """The errors and the frames they came through do not keep each other."""
    signal, payload = Signal[Thing]("tick"), Thing()
    gone = weakref.ref(payload)

    for _ in range(count):
        signal.on(Thing().fail, **options)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(payload)

    del payload, caught

    assert gone() is None


@pytest.mark.parametrize("options", [{}, {"priority": 1}])
@pytest.mark.parametrize("count", [1, 2])
async def test_payload_is_free_after_async_callbacks_have_failed(
    count: int, options: dict[str, Any]
) -> None:
    """One in the caller's task, several in tasks of their own."""
    signal, payload = Signal[Thing]("tick"), Thing()
    gone = weakref.ref(payload)

    for _ in range(count):
        signal.on(Thing().fail_later, **options)

    try:
        await signal.aemit(payload)
    except CallbackErrors:
        del payload

    for _ in range(3):  # the loop may have a last word with the tasks
        await anyio.lowlevel.checkpoint()

    if sys.version_info >= (3, 12):  # there a cycle is left, to the collector
        gc.collect()

    assert gone() is None


async def test_payload_is_free_after_it_was_awaited() -> None:
    """By `next`, in a stream, in the background."""
    async with Bus() as bus:

        @bus.on("a")
        async def hear(_: object) -> None:
            await anyio.lowlevel.checkpoint()

        async with bus.stream("a") as events:
            promise = bus.next("a")
            payload = Thing()
            gone = weakref.ref(payload)
            bus.emit("a", payload)
            assert await promise is await anext(events) is payload
            await bus.drain()
            del payload, promise

            for _ in range(3):
                await anyio.lowlevel.checkpoint()

            assert gone() is None


def test_names_that_come_and_go_leave_nothing_in_a_bus() -> None:
    """Neither tables nor plans pile up."""
    bus = Bus()

    for i in range(3000):
        subscription = bus.on(f"user.{i}", print)
        subscription.cancel()
        bus.emit(f"user.{i}", i)

    assert len(bus._name_runs) < 2000
    assert list(hub_of(bus)._routes) == []
    assert not hub_of(bus)._retired


def test_classes_that_come_and_go_do_not_pile_up_in_a_bus() -> None:
    """Those that were emitted lately are known, and no others."""
    bus, gone = Bus(), list[weakref.ref[type]]()

    for i in range(1500):
        kind = type(f"Paid{i}", (Paid,), {})
        bus.emit(kind())
        gone.append(weakref.ref(kind))

    del kind
    gc.collect()

    assert gone[0]() is None
    assert sum(each() is not None for each in gone) <= 1024
    assert len(hub_of(bus)._classes["test.leaks.paid"]) <= 1024

    for i in range(1500):
        bus.emit(f"other.{i}")

    assert not hub_of(bus)._classes


def test_signal_declared_in_slots_is_gone_with_its_instance() -> None:
    """Though it is kept elsewhere."""

    class Slotted:
        __slots__ = ("__weakref__",)
        moved = Signal[object]("slotted.moved")

    one, thing = Slotted(), Thing()
    gone = weakref.ref(thing)
    one.moved.on(thing.hear)
    one.moved.emit(1)

    del one, thing

    assert gone() is None
