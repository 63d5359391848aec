"""A bus and other threads than its own."""

from __future__ import annotations

__all__ = ()

import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from upcall import (
    Bus,
    BusNotOpenError,
    CallbackErrors,
    WrongThreadError,
)


async def nothing(_: object) -> None:
    """An async callback."""


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


async def test_emit_threadsafe_carries_values_and_errors() -> None:
    """From any thread, and it wakes an idle loop."""
    async with Bus() as bus:

        async def double(x: int) -> int:
            return 2 * x

        bus.on("a", double)
        bus.on("b", failing)

        def work() -> list[Any]:
            return bus.emit_threadsafe("a", 4).result(5)

        assert await anyio.to_thread.run_sync(work) == [8]
        with pytest.raises(CallbackErrors):
            await anyio.to_thread.run_sync(lambda: bus.emit_threadsafe("b").result(5))


async def test_many_threads_at_once() -> None:
    """Every emission is heard."""
    heard: list[int] = []

    async with Bus() as bus:

        async def hear(x: int) -> None:
            heard.append(x)

        bus.on("a", hear)

        def work(n: int) -> None:
            for future in [bus.emit_threadsafe("a", n * 50 + i) for i in range(50)]:
                future.result(10)

        async with anyio.create_task_group() as group:
            for n in range(4):
                group.start_soon(anyio.to_thread.run_sync, work, n)

    assert sorted(heard) == list(range(200))


async def test_emit_of_async_callbacks_from_another_thread_is_refused() -> None:
    """The error names what to use."""
    async with Bus() as bus:
        bus.on("a", nothing)

        with pytest.raises(WrongThreadError, match="emit_threadsafe"):
            await anyio.to_thread.run_sync(bus.emit, "a")


async def test_emit_threadsafe_on_a_closed_bus_raises_at_once() -> None:
    """There is nobody who would take it."""
    bus = Bus()
    with pytest.raises(BusNotOpenError):
        bus.emit_threadsafe("a")
    async with bus:
        pass
    with pytest.raises(BusNotOpenError):
        bus.emit_threadsafe("a")


async def test_emission_sent_before_the_bus_closes_is_made() -> None:
    """What is on its way counts as work."""
    heard: list[object] = []
    bus = Bus()
    bus.on("a", heard.append)

    async with bus:
        thread = threading.Thread(
            target=lambda: futures.append(bus.emit_threadsafe("a"))
        )
        futures: list[Any] = []
        thread.start()
        thread.join()

    assert futures[0].result(0) == [None]
    assert heard == [None]
