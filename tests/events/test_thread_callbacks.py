"""`thread=True`: blocking callbacks, in worker threads."""

from __future__ import annotations

__all__ = ()

import threading
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.events.fakes import settle

from upcall import (
    Bus,
    BusNotOpenError,
    CallbackErrors,
    Signal,
    WrongThreadError,
)


async def test_thread_callback_runs_in_another_thread_and_gives_its_value() -> None:
    """The loop goes on meanwhile."""
    signal = Signal[int]("a")
    ticks: list[int] = []
    go_on = threading.Event()

    @signal.on(thread=True)
    def blocks(payload: int) -> tuple[int, bool]:
        go_on.wait(10)
        return payload + 1, threading.current_thread() is threading.main_thread()

    async def tick() -> None:
        for i in range(3):
            await anyio.lowlevel.checkpoint()
            ticks.append(i)

        go_on.set()

    async with anyio.create_task_group() as group:
        group.start_soon(tick)

        assert await signal.aemit(1) == [(2, False)]

    assert ticks == [0, 1, 2]


async def test_thread_callback_counts_as_async() -> None:
    """`emit` needs an open bus for it, and says so before any call."""
    heard: list[object] = []
    bus = Bus()
    bus.on("a", heard.append)
    bus.on("a", heard.append, thread=True)

    with pytest.raises(BusNotOpenError, match="append"):
        bus.emit("a", 1)

    assert heard == []

    async with bus:
        assert bus.emit("a", 2) == 2

    assert heard == [2, 2]


async def test_failing_thread_callback_is_a_failure_like_any_other() -> None:
    """With its callback's name."""
    signal = Signal[int]("a")

    @signal.on(thread=True)
    def fails(payload: int) -> None:
        raise ValueError(payload)

    with pytest.raises(CallbackErrors) as caught:
        await signal.aemit(1)

    assert "fails" in caught.value.exceptions[0].__notes__[0]


async def test_thread_callback_sees_the_emitters_context() -> None:
    """Copied: what it changes is its own."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    signal = Signal[int]("a")

    @signal.on(thread=True)
    def callback(_: int) -> str:
        seen = variable.get()
        variable.set("changed")
        return seen

    variable.set("emitter")

    assert await signal.aemit(1) == ["emitter"]
    assert variable.get() == "emitter"


async def test_cancelling_waits_for_the_thread() -> None:
    """A thread cannot be stopped, so it is not left behind either."""
    signal = Signal[int]("a")
    began, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    @signal.on(thread=True)
    def blocks(_: int) -> None:
        began.set()
        go_on.wait(10)
        ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(signal.aemit, 1)
        await anyio.to_thread.run_sync(began.wait, 10)
        group.cancel_scope.cancel()
        go_on.set()

    assert ended.is_set()


async def test_awaitable_that_a_thread_returns_is_awaited_in_the_loop() -> None:
    """A coroutine is never dropped, nor handed out as a value."""
    signal = Signal[int]("a")

    async def work(payload: int) -> tuple[int, bool]:
        await anyio.lowlevel.checkpoint()
        return payload, threading.current_thread() is threading.main_thread()

    def taken_for_sync(payload: int) -> object:
        return work(payload)

    signal.on(taken_for_sync, thread=True)

    assert await signal.aemit(1) == [(1, True)]


async def test_emissions_made_in_the_thread_go_through_emit_threadsafe() -> None:
    """A plain `emit` to async callbacks is refused there."""
    heard: list[str] = []

    async with Bus() as bus:

        @bus.on("b")
        async def inner(_: object) -> None:
            heard.append("b")

        @bus.on("a", thread=True)
        def outer(_: object) -> list[Any]:
            with pytest.raises(WrongThreadError):
                bus.emit("b")

            return bus.emit_threadsafe("b").result(10)

        assert await bus.aemit("a") == [[None]]
        await settle()

    assert heard == ["b"]
