"""`EventEmitter`: async listeners, and who owns them."""

from __future__ import annotations

__all__ = ()

import gc
import threading
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from upcall import Bus, BusNotOpenError, WrongThreadError
from upcall._events.emitter import EventEmitter

Heard = list[Any]


async def anothing(*args: object, **kwargs: object) -> None:
    """An async listener."""


class Rude:
    """An awaitable that fails before it waits for anything."""

    def __await__(self) -> Generator[Any, Any, None]:
        raise ZeroDivisionError


# Where they run


async def test_an_async_listener_runs_in_the_bus() -> None:
    """Which waits for it when it drains, and when it closes."""
    heard: Heard = []

    async def listener(*args: object, **kwargs: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append((args, kwargs))

    async with Bus() as bus:
        emitter = EventEmitter(bus=bus).on("x", listener)

        assert emitter.emit("x", 1, a=2)
        assert bus.statistics().running == 1
        await bus.drain()
        assert heard == [((1,), {"a": 2})]

        emitter.emit("x", 2)

    assert len(heard) == 2


async def test_without_a_bus_it_is_a_task_that_the_loop_holds() -> None:
    """Nobody else need hold it until it is done."""
    emitter = EventEmitter()
    go, done = anyio.Event(), anyio.Event()

    @emitter.on("x")
    async def listener() -> None:
        await go.wait()
        done.set()

    emitter.emit("x")
    await anyio.lowlevel.checkpoint()
    gc.collect()
    go.set()

    await done.wait()


async def test_async_listeners_are_called_in_order_and_run_later() -> None:
    """Emit waits for none of them."""
    emitter = EventEmitter()
    heard: Heard = []
    done = anyio.Event()

    @emitter.on("x")
    async def first() -> None:
        heard.append("first")

    emitter.on("x", lambda: heard.append("sync"))

    @emitter.on("x")
    async def last() -> None:
        heard.append("last")
        done.set()

    emitter.emit("x")
    assert heard == ["sync"]

    await done.wait()
    assert sorted(heard[1:]) == ["first", "last"]


async def test_an_async_listener_runs_in_the_context_of_the_emission() -> None:
    """In a copy of it."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    heard: Heard = []

    async def listener() -> None:
        heard.append(variable.get())
        variable.set("changed")

    async with Bus() as bus:
        emitter = EventEmitter(bus=bus).on("x", listener)
        variable.set("emitting")
        emitter.emit("x")

    assert heard == ["emitting"]
    assert variable.get() == "emitting"


@pytest.mark.parametrize("method", ["on", "once", "prepend_listener"])
def test_without_bus_and_loop_nobody_is_called(method: str) -> None:
    """Emit refuses, and names the async listener and its place."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.on("x", lambda: heard.append(1))
    getattr(emitter, method)("x", anothing)

    with pytest.raises(BusNotOpenError) as caught:
        emitter.emit("x")

    assert heard == []
    assert emitter.listener_count("x") == 2
    text = str(caught.value)
    assert "anothing" in text
    assert "test_emitter_tasks.py" in text
    assert "'x'" in text


async def test_with_a_bus_that_is_not_open_nobody_is_called() -> None:
    """The running loop is no substitute; once the bus is open, all is well."""
    bus = Bus()
    heard: Heard = []
    emitter = EventEmitter(bus=bus).on("x", lambda: heard.append(1)).on("x", anothing)

    with pytest.raises(BusNotOpenError, match="open it with"):
        emitter.emit("x")

    assert heard == []

    async with bus:
        assert emitter.emit("x")

    with pytest.raises(BusNotOpenError):
        emitter.emit("x")

    assert heard == [1]


def test_an_async_listener_that_went_needs_nothing_any_more() -> None:
    """As long as there is one, it does."""
    emitter = EventEmitter().on("x", list).on("x", anothing).on("x", anothing)

    with pytest.raises(BusNotOpenError):
        emitter.off("x", anothing).emit("x")

    assert emitter.off("x", anothing).emit("x")


def test_an_async_monitor_is_looked_at_before_anybody_hears_the_error() -> None:
    """As are those who handle the error."""
    heard: Heard = []
    emitter = EventEmitter().on("error", anothing)
    emitter.on(emitter.error_monitor, heard.append)

    with pytest.raises(BusNotOpenError, match="'error'"):
        emitter.emit("error", ValueError())

    emitter.off("error", anothing).on("error", heard.append)
    emitter.on(emitter.error_monitor, anothing)

    with pytest.raises(BusNotOpenError, match="error_monitor"):
        emitter.emit("error", ValueError())

    assert heard == []


def test_sync_listeners_need_neither_bus_nor_loop() -> None:
    """Also where the emitter has a bus."""
    heard: Heard = []

    assert EventEmitter(bus=Bus()).on("x", heard.append).emit("x", 1)
    assert heard == [1]


async def test_in_another_thread_it_is_refused() -> None:
    """The bus starts its tasks in its own; sync listeners may be called anywhere."""
    async with Bus() as bus:
        emitter = EventEmitter(bus=bus).on("x", anothing).on("y", list)

        with pytest.raises(WrongThreadError, match=r"from_thread\.run_sync"):
            await anyio.to_thread.run_sync(emitter.emit, "x")

        assert await anyio.to_thread.run_sync(emitter.emit, "y")

    emitter = EventEmitter().on("x", anothing)

    with pytest.raises(BusNotOpenError, match="in this thread"):
        await anyio.to_thread.run_sync(emitter.emit, "x")


async def test_from_a_thread_it_can_be_emitted_in_the_loop() -> None:
    """As the error says."""
    heard: Heard = []

    async def listener(payload: object) -> None:
        heard.append((payload, threading.current_thread()))

    def work() -> None:
        anyio.from_thread.run_sync(emitter.emit, "x", 1)

    async with Bus() as bus:
        emitter = EventEmitter(bus=bus).on("x", listener)
        await anyio.to_thread.run_sync(work)

    assert heard == [(1, threading.current_thread())]


# What sync listeners return


async def test_an_awaitable_that_a_sync_listener_returns_is_awaited() -> None:
    """It is treated as that of an async listener; nothing is dropped."""
    heard: Heard = []

    async def work(what: object) -> None:
        heard.append(what)

    async with Bus() as bus:
        emitter = EventEmitter(bus=bus)
        emitter.on("x", lambda: work("coroutine")).once("x", lambda: work("once"))
        emitter.on("x", lambda: bus.run(work, "promise"))
        emitter.emit("x")

    assert sorted(heard) == ["coroutine", "once", "promise"]


def test_an_awaitable_that_nobody_can_own_is_closed() -> None:
    """Its listener has failed, then, and ends the emission as one that raises."""
    heard: Heard = []
    coroutine = anothing()
    emitter = EventEmitter().on("x", lambda: coroutine).on("x", lambda: heard.append(1))

    with pytest.raises(BusNotOpenError) as caught:
        emitter.emit("x")

    assert heard == []
    assert "event 'x'" in caught.value.__notes__[0]

    with pytest.raises(RuntimeError, match="cannot reuse"):
        coroutine.send(None)

    with pytest.raises(BusNotOpenError):
        EventEmitter().on("x", Rude).emit("x")
