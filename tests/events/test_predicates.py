"""What goes wrong before a callback runs: in its predicate, or as it is called."""

from __future__ import annotations

__all__ = ()

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.events.fakes import Worker, settle

from upcall import Bus, CallbackErrors, Signal


def refuses(_: object) -> bool:
    """Be a predicate that fails."""
    raise ValueError("when")


def interrupted(_: object) -> bool:
    """Be a predicate in which somebody presses Ctrl-C."""
    raise KeyboardInterrupt


async def later(payload: object) -> object:
    """Wait a turn."""
    await anyio.lowlevel.checkpoint()
    return payload


def raises_at_once(_: object) -> Any:
    """Be said to be async, and fail before there is anything to await."""
    raise ValueError("at once")


@pytest.mark.parametrize("sequential", [False, True])
async def test_failing_predicate_is_a_failure_of_its_callback(sequential: bool) -> None:
    """Which is not called; the others are."""
    async with Bus() as bus:
        bus.signal("a", sequential=sequential)
        bus.on("a", lambda payload: payload, when=refuses)
        bus.on("a", later, when=refuses)
        bus.on("a", later)

        for emit in (bus.emit, bus.aemit):
            with pytest.raises(CallbackErrors) as caught:
                emitted: Any = emit("a", 1)
                await emitted

            assert [str(e) for e in caught.value.exceptions] == ["when", "when"]

        await bus.drain()
        assert bus.statistics().calls == 2


async def test_failure_at_the_call_of_an_async_callback_is_one_of_the_emission() -> (
    None
):
    """There is nothing that could run in the background."""
    async with Bus() as bus:
        bus.on("a", raises_at_once, kind="async")
        bus.on("a", later)

        for emit in (bus.emit, bus.aemit):
            with pytest.raises(CallbackErrors) as caught:
                emitted: Any = emit("a", 1)
                await emitted

            (error,) = caught.value.exceptions
            assert str(error) == "at once"
            assert "raises_at_once" in error.__notes__[0]


@pytest.mark.parametrize("sequential", [False, True])
async def test_interrupt_before_a_callback_runs_leaves_no_coroutine(
    sequential: bool,
) -> None:
    """Those that were made already are closed: nobody would await them."""
    bus = Bus()
    bus.signal("a", sequential=sequential)
    bus.on("a", later)
    bus.on("a", later, when=interrupted)

    with pytest.raises(KeyboardInterrupt):
        await bus.aemit("a")


async def test_awaitable_of_a_callback_with_options_runs_in_the_background() -> None:
    """On that path too."""
    heard: list[object] = []

    async with Bus() as bus:

        async def hear(payload: object) -> None:
            await anyio.lowlevel.checkpoint()
            heard.append(payload)

        def taken_for_sync(payload: object) -> object:
            return hear(payload)

        bus.on("a", taken_for_sync, priority=1)
        assert bus.emit("a", 1) == 1
        assert heard == []

    assert heard == [1]


async def test_weak_method_whose_object_dies_while_it_waits_for_its_turn() -> None:
    """It leaves no value, and is no failure."""
    signal, work = Signal[int]("a"), Worker()

    class Listener:
        """Waits in its first run."""

        async def hear(self, payload: int) -> int:
            return await work(payload)

    listeners = [Listener()]
    signal.on(listeners[0].hear, weak=True, overlap="queue")
    results: list[list[int]] = []

    async def emit(payload: int) -> None:
        results.append(await signal.aemit(payload))

    async with anyio.create_task_group() as group:
        for payload in (1, 2):
            group.start_soon(emit, payload)
            await settle()

        listeners.clear()
        work.let_go(1)

    assert results == [[1], []]
    assert work.log == ["+1", "-1"]


async def test_sequential_callbacks_may_be_dropped_or_delayed() -> None:
    """Nobody waits for either."""
    async with Bus() as bus:
        bus.signal("a", sequential=True)
        work, delayed = Worker(), Worker()
        bus.on("a", delayed, debounce=60)
        bus.on("a", work, overlap="drop")
        bus.on("a", lambda payload: payload)

        async with anyio.create_task_group() as group:
            group.start_soon(bus.aemit, "a", 1)
            await settle()
            assert await bus.aemit("a", 2) == [2]
            work.let_go(1)

        delayed.let_go(2)

    assert work.log == ["+1", "-1"]
    assert delayed.log == ["+2", "-2"]
