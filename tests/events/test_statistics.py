"""What a bus tells of itself: statistics and subscriptions."""

from __future__ import annotations

__all__ = ()

import threading

import attrs
import pytest
from tests.events.fakes import Worker, settle

from upcall import Bus, CallbackErrors, Statistics


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


def counted(bus: Bus) -> tuple[int, int, int]:
    """Give the emissions, calls and failures."""
    found = bus.statistics()
    return found.emissions, found.calls, found.failures


def test_statistics_count() -> None:
    """On the fast path too, and across changes of subscriptions."""
    bus = Bus()
    bus.on("a", lambda _: None)

    for _ in range(3):
        bus.emit("a")

    bus.on("a", lambda _: None, when=lambda x: x)
    bus.emit("a", False)
    bus.emit("a", True)
    bus.on("b", failing)

    with pytest.raises(CallbackErrors):
        bus.emit("b")

    found = bus.statistics()

    assert (found.emissions, found.calls, found.failures) == (6, 7, 1)
    assert (found.running, found.waiting, found.subscriptions) == (0, 0, 3)


def test_statistics_are_a_frozen_record() -> None:
    """What was told stays as it was."""
    found = Bus().statistics()

    assert found == Statistics(
        emissions=0, calls=0, failures=0, running=0, waiting=0, subscriptions=0
    )
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.calls = 1  # type: ignore[misc]


def test_emission_that_changes_its_own_plan_is_counted() -> None:
    """It is under way when the plan is dropped."""
    bus = Bus()
    bus.on("a", lambda _: bus.on("a", lambda _: None))

    bus.emit("a")
    assert counted(bus) == (1, 1, 0)
    bus.emit("a")
    assert counted(bus) == (2, 3, 0)


def test_emission_inside_an_emission_is_counted_however_plans_change() -> None:
    """Each once, with the calls it made."""
    bus = Bus()
    bus.on("a", lambda x: bus.emit("a", x - 1) and None if x else None)
    bus.on("a", lambda _: bus.on("**", lambda _: None).cancel() and None)

    bus.emit("a", 5)

    assert counted(bus) == (6, 12, 0)


def test_once_is_counted() -> None:
    """Though it ends its own subscription before it is called."""
    bus = Bus()
    bus.once("a", lambda _: None)

    bus.emit("a")
    bus.emit("a")

    assert counted(bus) == (2, 1, 0)


async def test_awaited_and_background_calls_are_counted_alike() -> None:
    """With their failures."""
    async with Bus(on_error=lambda *_: None) as bus:

        @bus.on("a")
        async def fails(_: object) -> None:
            raise ValueError("fails")

        bus.on("a", lambda _: None)
        bus.emit("a")
        await bus.drain()

        with pytest.raises(CallbackErrors):
            await bus.aemit("a")

    assert counted(bus) == (2, 4, 2)


async def test_statistics_tell_what_runs_and_what_waits() -> None:
    """Background callbacks, queued runs, promises of a next payload."""
    async with Bus() as bus:
        work = Worker()
        bus.on("a", work, overlap="queue")

        for payload in (1, 2, 3):
            bus.emit("a", payload)

        bus.next("b")
        await settle()
        found = bus.statistics()
        assert (found.running, found.waiting, found.subscriptions) == (3, 3, 2)

        work.let_go(1, 2, 3)

    found = bus.statistics()
    assert (found.running, found.waiting, found.subscriptions) == (0, 0, 1)


def test_emissions_of_many_threads_are_all_counted() -> None:
    """On the fast path, while subscriptions change."""
    bus = Bus()
    bus.on("a", lambda _: None)

    def emit() -> None:
        for _ in range(500):
            bus.emit("a")

    def change() -> None:
        for _ in range(100):
            bus.on("a", lambda _: None).cancel()

    threads = [threading.Thread(target=target) for target in (emit, change, emit)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert counted(bus)[0] == 1000


def test_subscriptions_are_told_by_time_all_or_of_one_key() -> None:
    """Of this very key: a pattern is a key of its own."""
    bus = Bus()
    first = bus.on("a.b", print)
    second = bus.on("a.*", print)
    third = bus.on("a.b", print)

    assert bus.subscriptions() == [first, second, third]
    assert bus.subscriptions("a.b") == [first, third]
    assert bus.subscriptions("a.*") == [second]
    assert bus.subscriptions("nobody") == []
