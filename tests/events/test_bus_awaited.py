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
    Signal,
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


async def test_sequential_signal_finishes_what_sync_callbacks_returned() -> None:
    """Though nobody knew that they were async."""
    bus = Bus()
    bus.signal("a", sequential=True)
    log: list[str] = []

    async def work(name: str) -> str:
        log.append(f"+{name}")
        await anyio.lowlevel.checkpoint()
        log.append(f"-{name}")
        return name

    bus.on("a", lambda _: work("one"))
    bus.on("a", lambda _: work("two"))

    assert await bus.aemit("a") == ["one", "two"]
    assert log == ["+one", "-one", "+two", "-two"]


async def test_sequential_aemit_goes_on_after_failures() -> None:
    """Sync and async ones; each in its place."""
    bus = Bus()
    bus.signal("a", sequential=True)
    heard: list[object] = []

    for callback in (failing, afailing, heard.append, afailing):
        bus.on("a", callback)

    with pytest.raises(CallbackErrors) as caught:
        await bus.aemit("a", 1)

    found = [str(error) for error in caught.value.exceptions]
    assert found == ["failing", "afailing", "afailing"]
    assert heard == [1]


async def test_sequential_callbacks_with_options_each_finish_too() -> None:
    """Once, when, dropped ones and streams leave no entry."""
    bus = Bus()
    bus.signal("a", sequential=True)

    async def later(payload: int) -> int:
        await anyio.lowlevel.checkpoint()
        return payload

    bus.once("a", later)
    bus.on("a", later, when=lambda payload: payload > 1)
    bus.on("a", later, overlap="drop", priority=-1)
    bus.on("a", lambda payload: -payload)

    async with bus.stream("a") as events:
        assert await bus.aemit("a", 1) == [1, -1, 1]
        assert await bus.aemit("a", 2) == [2, -2, 2]
        assert len(events) == 2


async def test_aemit_calls_those_subscribed_when_it_began() -> None:
    """What changes while it waits acts from the next one on."""
    bus = Bus()
    heard: list[str] = []

    async def first(_: object) -> None:
        second.cancel()
        bus.on("a", lambda _: heard.append("third"))
        await anyio.lowlevel.checkpoint()
        heard.append("first")

    async def late(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append("second")

    own = bus.on("a", first)
    second = bus.on("a", late)

    await bus.aemit("a")
    assert sorted(heard) == ["first", "second"]

    heard.clear()
    own.cancel()
    await bus.aemit("a")
    assert heard == ["third"]


async def test_aemit_inside_an_aemit_is_awaited_with_it() -> None:
    """Of the same key too."""
    bus = Bus()

    @bus.on("a")
    async def again(payload: int) -> object:
        return await bus.aemit("a", payload - 1) if payload else "end"

    assert await bus.aemit("a", 3) == [[[["end"]]]]


async def test_aemit_needs_no_open_bus_and_no_bus_at_all() -> None:
    """Whatever is async runs in the caller's scope."""
    signal = Signal[int]("a")

    async def later(payload: int) -> int:
        await anyio.lowlevel.checkpoint()
        return payload

    signal.on(later)
    signal.on(later, thread=False, timeout=10)

    @signal.on()
    def taken_for_sync(payload: int) -> object:
        return later(payload)

    assert await signal.aemit(1) == [1, 1, 1]
    assert await signal.aemit(2, id="mine") == [2, 2, 2]


async def test_aemit_makes_no_checkpoint_of_its_own() -> None:
    """With nobody to wait for, it is a plain call."""
    bus = Bus()
    bus.on("a", lambda payload: payload)

    with anyio.CancelScope() as scope:
        scope.cancel()

        assert await bus.aemit("a", 1) == [1]
        assert await bus.aemit("b", 1) == []


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_interrupt_in_an_awaited_callback_ends_the_others_and_comes_out_bare(
    loop: str,
) -> None:
    """A Ctrl-C is nobody's failure."""
    bus = Bus()
    ended: list[str] = []

    async def endless(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async def interrupted(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    bus.on("a", endless)
    bus.on("a", interrupted)

    with pytest.raises(KeyboardInterrupt):
        anyio.run(bus.aemit, "a", backend=loop)

    assert ended == ["endless"]


async def test_cancellation_in_the_middle_stops_what_is_sequential() -> None:
    """What has not begun is not begun any more."""
    bus = Bus()
    bus.signal("a", sequential=True)
    heard: list[object] = []

    async def waits(_: object) -> None:
        await anyio.sleep_forever()

    bus.on("a", waits)
    bus.on("a", heard.append)

    async with anyio.create_task_group() as group:
        group.start_soon(bus.aemit, "a")
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert heard == []
