"""`aemit`: values, order, failures, and the caller's cancel scope."""

from __future__ import annotations

__all__ = ()

from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from upcall import (
    Bus,
    CallbackErrors,
)


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


async def afailing(_: object) -> None:
    """An async callback that fails."""
    raise ValueError("afailing")


async def test_aemit_gives_the_values_sync_ones_first() -> None:
    """Each in the order of subscription."""
    bus = Bus()

    async def later(x: int) -> str:
        await anyio.lowlevel.checkpoint()
        return f"async {x}"

    bus.on("a", later)
    bus.on("a", lambda x: f"sync {x}")
    bus.on("a", later)

    assert await bus.aemit("a", 1) == ["sync 1", "async 1", "async 1"]


async def test_aemit_to_nobody_gives_nothing() -> None:
    """The empty case."""
    assert await Bus().aemit("a", 1) == []


async def test_aemit_runs_async_callbacks_at_the_same_time() -> None:
    """Each waits for the other here, and it ends all the same."""
    bus = Bus()
    first, second = anyio.Event(), anyio.Event()

    async def one(_: object) -> None:
        first.set()
        await second.wait()

    async def other(_: object) -> None:
        second.set()
        await first.wait()

    bus.on("a", one)
    bus.on("a", other)

    await bus.aemit("a")


async def test_aemit_awaits_what_a_sync_callback_returned() -> None:
    """A coroutine is never dropped."""
    bus = Bus()

    async def work(x: int) -> int:
        await anyio.lowlevel.checkpoint()
        return x + 1

    def taken_for_sync(x: int) -> object:
        return work(x)

    bus.on("a", taken_for_sync)

    assert await bus.aemit("a", 1) == [2]


async def test_aemit_collects_failures_of_every_kind() -> None:
    """All have run; each failure names its callback."""
    bus = Bus()
    heard: list[object] = []
    for callback in (failing, afailing, heard.append, afailing):
        bus.on("a", callback)

    with pytest.raises(CallbackErrors) as caught:
        await bus.aemit("a", 1)

    assert [str(error) for error in caught.value.exceptions] == [
        "failing",
        "afailing",
        "afailing",
    ]
    assert all("event 'a'" in e.__notes__[0] for e in caught.value.exceptions)
    assert heard == [1]


async def test_one_async_callback_runs_in_the_callers_task() -> None:
    """Its context changes are the caller's."""
    variable: ContextVar[int] = ContextVar("variable", default=0)
    bus = Bus()

    async def change(x: int) -> None:
        variable.set(x)

    bus.on("a", change)
    await bus.aemit("a", 1)

    assert variable.get() == 1


async def test_cancelled_aemit_cancels_and_awaits_its_callbacks() -> None:
    """Nothing is left behind, and cleaning up is waited for."""
    bus = Bus()
    log: list[str] = []

    async def callback(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                log.append("clean")

    bus.on("a", callback)
    bus.on("a", callback)

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(bus.aemit, "a")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert log == ["clean", "clean"]


async def test_timeout_around_an_aemit_reaches_the_callbacks() -> None:
    """They see its deadline."""
    bus = Bus()
    seen: list[bool] = []

    async def callback(_: object) -> None:
        seen.append(anyio.current_effective_deadline() < float("inf"))
        await anyio.sleep_forever()

    bus.on("a", callback)
    bus.on("a", callback)

    with anyio.move_on_after(0.01) as scope:
        await bus.aemit("a")

    assert scope.cancelled_caught
    assert seen == [True, True]


async def test_shield_in_a_callback_holds() -> None:
    """A cancelled aemit lets a shielded block end."""
    bus = Bus()
    saved: list[str] = []
    entered = anyio.Event()
    go_on = anyio.Event()

    async def callback(_: object) -> None:
        with anyio.CancelScope(shield=True):
            entered.set()
            await go_on.wait()
            saved.append("saved")
        await anyio.sleep_forever()

    bus.on("a", callback)
    bus.on("a", callback)

    async with anyio.create_task_group() as group:
        group.start_soon(bus.aemit, "a")
        await entered.wait()
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
        go_on.set()

    assert saved == ["saved", "saved"]


async def test_sequential_signal_finishes_each_before_the_next() -> None:
    """Sync and async in one order."""
    bus = Bus()
    signal = bus.signal("a", sequential=True)
    log: list[str] = []

    async def slow(name: object) -> None:
        log.append("slow begins")
        await anyio.lowlevel.checkpoint()
        log.append("slow ends")

    signal.on(lambda _: log.append("first"))
    signal.on(slow)
    signal.on(lambda _: log.append("last"))

    await bus.aemit("a")
    assert log == ["first", "slow begins", "slow ends", "last"]

    log.clear()
    async with bus:
        assert bus.emit("a") == 3
        assert log == ["first"]
    assert log == ["first", "slow begins", "slow ends", "last"]
