"""The background of an open bus: callbacks, promises, tasks."""

from __future__ import annotations

__all__ = ()

import asyncio
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from upcall import (
    Bus,
    BusNotOpenError,
)


async def nothing(_: object) -> None:
    """An async callback."""


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


async def test_emit_with_async_callback_on_a_closed_bus_calls_nobody() -> None:
    """Neither before it is opened nor after."""
    bus = Bus()
    heard: list[object] = []
    bus.on("a", heard.append)
    bus.on("a", nothing)

    for _ in range(2):
        with pytest.raises(BusNotOpenError, match="nothing"):
            bus.emit("a")
        async with bus:
            assert bus.emit("a") == 2

    assert len(heard) == 2


async def test_emit_soon_is_a_promise_of_the_values() -> None:
    """In the background, in order."""
    async with Bus() as bus:
        bus.on("a", lambda x: x + 1)

        assert await bus.emit_soon("a", 1) == [2]


async def test_emit_soon_on_a_closed_bus_raises_at_once() -> None:
    """Not later, in a promise."""
    with pytest.raises(BusNotOpenError):
        Bus().emit_soon("a")


async def test_drain_waits_and_leaves_the_bus_open() -> None:
    """A callback that drains is not waited for by itself."""
    heard: list[str] = []

    async with Bus() as bus:

        async def callback(_: object) -> None:
            await anyio.lowlevel.checkpoint()
            await bus.drain()
            heard.append("done")

        bus.on("a", callback)
        bus.emit("a")
        await bus.drain()

        assert bus.is_open

    assert heard == ["done"]


async def test_background_callbacks_see_the_emitters_context() -> None:
    """Copied, so nothing leaks back."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    seen: list[str] = []

    async with Bus() as bus:

        async def callback(_: object) -> None:
            seen.append(variable.get())
            variable.set("changed")

        bus.on("a", callback)
        variable.set("emitter")
        bus.emit("a")
        bus.emit_soon("a")
        await bus.drain()

    assert seen == ["emitter", "emitter"]
    assert variable.get() == "emitter"


async def test_run_is_a_task_of_the_bus() -> None:
    """Its result is a promise; cancelling that cancels the task."""
    ended: list[str] = []

    async def work(x: int) -> int:
        await anyio.lowlevel.checkpoint()
        return x + 1

    async def endless() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with Bus() as bus:
        assert await bus.run(work, 1) == 2
        promise = bus.run(endless)
        await anyio.wait_all_tasks_blocked()
        promise.cancel()

    assert ended == ["endless"]


def test_emit_from_loop_callbacks_under_plain_asyncio_run() -> None:
    """Protocols and signal handlers emit from there."""
    heard: list[int] = []

    async def main() -> None:
        async def callback(x: int) -> None:
            await asyncio.sleep(0)
            heard.append(x)

        async with Bus() as bus:
            bus.on("a", callback)
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            loop.call_soon(bus.emit, "a", 1)
            loop.call_soon(bus.emit_soon, "a", 2)
            loop.call_later(0, bus.emit, "a", 3)
            loop.call_later(0.001, done.set_result, None)
            await done

    asyncio.run(main())

    assert sorted(heard) == [1, 2, 3]


def test_two_loops_one_after_the_other() -> None:
    """Nothing of the first is left in the second."""
    bus = Bus()
    heard: list[int] = []

    async def callback(x: int) -> None:
        heard.append(x)

    bus.on("a", callback)

    async def main(x: int) -> None:
        async with bus:
            bus.emit("a", x)

    asyncio.run(main(1))
    anyio.run(main, 2, backend="trio")
    asyncio.run(main(3))

    assert heard == [1, 2, 3]
