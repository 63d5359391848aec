"""Opening and closing a bus: what is waited for, what is cancelled."""

from __future__ import annotations

__all__ = ()


from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.events.fakes import Worker, settle

from upcall import Bus, BusNotOpenError, CallbackErrors, OptionError, UpcallError


async def test_leaving_the_bus_waits_for_what_it_started() -> None:
    """No orphan tasks, and what they emit is taken."""
    heard: list[str] = []
    bus = Bus()

    async def first(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append("first")
        bus.emit("b")

    async def second(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append("second")

    bus.on("a", first)
    bus.on("b", second)

    async with bus:
        assert bus.emit("a") == 1
        assert heard == []

    assert heard == ["first", "second"]


async def test_error_in_the_block_cancels_the_background_and_comes_out_bare() -> None:
    """Not in a group."""
    ended: list[str] = []
    started = anyio.Event()

    async def endless(_: object) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    with pytest.raises(KeyError):
        async with Bus() as bus:
            bus.on("a", endless)
            bus.emit("a")
            await started.wait()
            raise KeyError("block")

    assert ended == ["endless"]


async def test_grace_ends_what_runs_too_long() -> None:
    """After that it is cancelled, and waited for."""
    ended: list[str] = []

    async def endless(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with Bus(grace=0.01) as bus:
        bus.on("a", endless)
        bus.emit("a")

    assert ended == ["endless"]


async def test_cancelling_the_block_cancels_the_background() -> None:
    """From outside, while it waits."""
    ended: list[str] = []
    started = anyio.Event()

    async def endless(_: object) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with anyio.create_task_group() as group:

        async def block() -> None:
            async with Bus() as bus:
                bus.on("a", endless)
                bus.emit("a")

        group.start_soon(block)
        await started.wait()
        group.cancel_scope.cancel()

    assert ended == ["endless"]


async def test_opening_an_open_bus_is_refused() -> None:
    """It has one owner."""
    async with Bus() as bus:
        with pytest.raises(UpcallError, match="open already"):
            async with bus:
                pass


async def test_leaving_a_bus_that_is_not_open_is_refused() -> None:
    """Somebody has mixed something up."""
    with pytest.raises(UpcallError, match="not open"):
        await Bus().__aexit__(None, None, None)


async def test_bus_can_be_opened_again() -> None:
    """With the same subscriptions, and a background of its own."""
    bus = Bus()
    heard: list[int] = []

    async def callback(payload: int) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(payload)

    bus.on("a", callback)

    for i in range(3):
        async with bus:
            assert bus.is_open
            bus.emit("a", i)

        assert not bus.is_open

    assert heard == [0, 1, 2]


async def test_two_buses_are_strangers() -> None:
    """One slow callback holds up nobody on another bus."""
    heard: list[str] = []
    go_on = anyio.Event()

    async with Bus() as slow, Bus() as quick:

        @slow.on("a")
        async def waits(_: object) -> None:
            await go_on.wait()
            heard.append("slow")

        @quick.on("a")
        async def hurries(_: object) -> None:
            heard.append("quick")

        slow.emit("a")
        quick.emit("a")
        await quick.drain()
        assert heard == ["quick"]
        go_on.set()


async def test_what_still_runs_may_emit_until_nothing_runs() -> None:
    """Afterwards the bus says that it is closed."""
    bus = Bus()
    heard: list[int] = []

    async def again(payload: int) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(payload)

        if payload < 5:
            bus.emit("a", payload + 1)

    bus.on("a", again)

    async with bus:
        bus.emit("a", 1)

    assert heard == [1, 2, 3, 4, 5]

    with pytest.raises(BusNotOpenError):
        bus.emit("a", 1)


async def test_chain_of_promises_is_waited_for_to_its_end() -> None:
    """Its handlers may start tasks, and those other handlers."""
    log: list[int] = []

    async def step(number: int) -> int:
        await anyio.lowlevel.checkpoint()
        log.append(number)
        return number + 1

    async with Bus() as bus:
        bus.run(step, 1).then(step).then(lambda number: number).then(step)

    assert log == [1, 2, 3]


async def test_closing_leaves_an_aemit_of_others_alone() -> None:
    """It belongs to who awaits it, not to the bus."""
    bus = Bus()
    go_on = anyio.Event()
    results: list[list[object]] = []

    @bus.on("a")
    async def callback(_: object) -> str:
        await go_on.wait()
        return "done"

    async def emit() -> None:
        results.append(await bus.aemit("a"))

    async with anyio.create_task_group() as group:
        async with bus:
            group.start_soon(emit)
            await settle()

        assert results == []
        go_on.set()

    assert results == [["done"]]


async def test_bus_closed_by_an_error_while_it_emits_ends_what_it_started() -> None:
    """The emission that raised it is over by then."""
    ended: list[int] = []

    async def endless(payload: int) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(payload)

    with pytest.raises(CallbackErrors):
        async with Bus() as bus:
            bus.on("a", endless)
            bus.emit("a", 1)
            await settle()
            bus.on("a", lambda _: 1 / 0)
            bus.emit("a", 2)

    assert sorted(ended) == [1, 2]


async def test_cancelled_drain_leaves_everything_as_it_is() -> None:
    """It was only looking."""
    async with Bus() as bus:
        work = Worker()
        bus.on("a", work)
        bus.emit("a", 1)

        async with anyio.create_task_group() as group:
            group.start_soon(bus.drain)
            await settle()
            group.cancel_scope.cancel()

        assert bus.statistics().running == 1
        work.let_go(1)

    assert work.log == ["+1", "-1"]


async def test_drains_of_several_background_callbacks_do_not_wait_for_each_other() -> (
    None
):
    """They would for ever."""
    heard: list[int] = []

    async with Bus() as bus:

        @bus.on("a")
        async def callback(payload: int) -> None:
            await bus.drain()
            heard.append(payload)

        for i in range(3):
            bus.emit("a", i)

    assert sorted(heard) == [0, 1, 2]


async def test_drain_of_a_bus_that_is_not_open_has_nothing_to_wait_for() -> None:
    """It is no error."""
    await Bus().drain()


@pytest.mark.parametrize("grace", [-1, float("nan")])
def test_grace_that_makes_no_sense_is_refused(grace: float) -> None:
    """At the making of the bus."""
    with pytest.raises(OptionError, match="grace"):
        Bus(grace=grace)


@pytest.mark.parametrize("on_error", ["print", None, 3])
def test_on_error_that_makes_no_sense_is_refused(on_error: Any) -> None:
    """With what would do."""
    with pytest.raises(OptionError, match="'log', 'raise' or a callable"):
        Bus(on_error=on_error)


async def test_promise_of_a_closed_bus_can_start_no_more_tasks() -> None:
    """Its async handlers are refused, and no coroutine is left behind."""

    async def work(number: int) -> int:
        return number + 1

    async with Bus() as bus:
        promise = bus.run(work, 1)

    assert await promise.then(lambda number: number + 1) == 3

    with pytest.raises(BusNotOpenError, match="closed"):
        await promise.then(work)


async def test_work_for_a_closed_bus_is_refused_at_the_call() -> None:
    """Not later, in a promise; and no coroutine is left behind."""
    bus = Bus()

    async def work() -> None:
        """Do nothing."""

    for _ in range(2):
        with pytest.raises(BusNotOpenError, match="work") as caught:
            bus.run(work)

        assert "aemit" not in str(caught.value)

        with pytest.raises(BusNotOpenError):
            bus.emit_soon("a")

        async with bus:
            bus.run(work)
