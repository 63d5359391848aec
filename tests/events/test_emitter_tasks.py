"""`EventEmitter`: async listeners, who owns them, and where their failures go."""

from __future__ import annotations

__all__ = ()

import asyncio
import gc
import threading
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.events.sinks import failures_of_loop

from upcall import Bus, BusNotOpenError, CallbackCancelledError, WrongThreadError
from upcall._events.emitter import EventEmitter
from upcall._events.emitter_waits import once

Heard = list[Any]


async def anothing(*args: object, **kwargs: object) -> None:
    """An async listener."""


async def afailing(error: Exception, *args: object, **kwargs: object) -> None:
    """An async listener that fails as it is told."""
    await anyio.lowlevel.checkpoint()
    raise error


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
    emitter = EventEmitter().on("x", print).on("x", anothing).on("x", anothing)

    with pytest.raises(BusNotOpenError):
        emitter.off("x", anothing).emit("x")

    assert emitter.off("x", anothing).off("x", print).on("x", list).emit("x")


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


# Captured failures


async def test_the_failure_of_an_async_listener_is_emitted_as_an_error() -> None:
    """It is the same exception; a note names the listener and the event."""
    emitter = EventEmitter().on("x", afailing)
    error = ValueError("failing")
    heard = once(emitter, "error")

    emitter.emit("x", error)

    assert await heard == (error,)
    [note] = error.__notes__
    assert "afailing" in note
    assert "test_emitter_tasks.py" in note
    assert "event 'x'" in note


async def test_each_failure_is_an_error_of_its_own() -> None:
    """The monitor hears of them as well."""
    heard: Heard = []

    async with Bus(on_error="raise") as bus:
        emitter = EventEmitter(bus=bus).on("x", afailing).once("x", afailing)
        emitter.on("error", heard.append).on(emitter.error_monitor, heard.append)
        emitter.emit("x", ValueError())

    assert len(heard) == 4


async def test_a_failure_without_a_listener_for_errors_goes_to_on_error() -> None:
    """As itself, noted once."""
    told: Heard = []
    error = ValueError()

    async with Bus(on_error=lambda *args: told.append(args)) as bus:
        EventEmitter(bus=bus).on("x", afailing).emit("x", error)

    assert told == [(error, None, None)]
    assert len(error.__notes__) == 1


async def test_without_a_bus_it_goes_to_the_loop() -> None:
    """To the exception handler on asyncio, to the log on trio."""
    error = ValueError()

    with failures_of_loop() as failures:
        EventEmitter().on("x", afailing).emit("x", error)

        assert await failures.wait_for(1) == [error]


@pytest.mark.parametrize("owned", [True, False])
async def test_uncaptured_failures_are_not_emitted(owned: bool) -> None:
    """They go to the bus, or to the loop."""
    told: Heard = []
    error = ValueError()

    with failures_of_loop() as failures:
        async with Bus(on_error=lambda *args: told.append(args[0])) as bus:
            emitter = EventEmitter(bus=bus if owned else None, capture_rejections=False)
            emitter.on("x", afailing).on("error", told.append).emit("x", error)

            if not owned:
                told = await failures.wait_for(1)

    assert told == [error]


async def test_a_class_may_say_that_failures_are_not_captured() -> None:
    """Subclasses that skip the initialiser follow it; an emitter may differ."""

    class Quiet(EventEmitter):
        capture_rejections = False

    class Careless(Quiet):
        def __init__(self) -> None:
            pass

    assert not Careless().capture_rejections
    assert not Quiet().capture_rejections
    assert Quiet(capture_rejections=True).capture_rejections


@pytest.mark.parametrize("wrong", ["yes", 1, 0, ()])
def test_capture_rejections_is_a_bool(wrong: Any) -> None:
    """Anything else may be a mistake."""
    with pytest.raises(TypeError, match="capture_rejections="):
        EventEmitter(capture_rejections=wrong)


async def test_a_subclass_may_handle_failures_itself() -> None:
    """It gets the failure, the name and the arguments; no error is emitted."""
    got: Heard = []

    class Handling(EventEmitter):
        def handle_rejection(self, *args: Any, **kwargs: Any) -> None:
            got.append((args, kwargs))

    error = ValueError()

    async with Bus(on_error="raise") as bus:
        emitter = Handling(bus=bus).on("x", afailing).on("error", got.append)
        emitter.emit("x", error, 2, a=3)

    assert got == [((error, "x", error, 2), {"a": 3})]


async def test_it_may_do_so_in_an_async_method() -> None:
    """What that raises goes to the bus, and not round again."""
    told: Heard = []
    heard: Heard = []

    class Handling(EventEmitter):
        async def handle_rejection(self, error: Exception, *args: Any) -> None:
            await anyio.lowlevel.checkpoint()
            raise KeyError from error

    async with Bus(on_error=lambda *args: told.append(args[0])) as bus:
        emitter = Handling(bus=bus).on("x", afailing).on("error", heard.append)
        emitter.emit("x", ValueError())

    [error] = told
    assert isinstance(error, KeyError)
    assert isinstance(error.__cause__, ValueError)
    assert heard == []


async def test_a_failing_async_listener_for_errors_does_not_go_round() -> None:
    """Its failure goes to the bus, whoever emitted the error; the monitor's too."""
    told: Heard = []
    calls: Heard = []

    async def fails(error: object) -> None:
        calls.append(error)
        raise KeyError(len(calls))

    async with Bus(on_error=lambda *args: told.append(args[0])) as bus:
        emitter = EventEmitter(bus=bus).on("error", fails).on("x", afailing)
        emitter.on(emitter.error_monitor, fails)
        emitter.emit("error", ValueError())
        await bus.drain()
        emitter.emit("x", ValueError())

    assert len(calls) == 4
    assert sorted(error.args for error in told) == [(1,), (2,), (3,), (4,)]


async def test_a_listener_for_errors_that_raises_is_told_to_the_bus() -> None:
    """Later failures are captured as before."""
    told: Heard = []
    calls: Heard = []

    def fails(error: object) -> None:
        calls.append(error)
        raise KeyError

    async with Bus(on_error=lambda *args: told.append(args[0])) as bus:
        emitter = EventEmitter(bus=bus).on("error", fails).on("x", afailing)
        emitter.emit("x", ValueError())
        await bus.drain()
        emitter.emit("x", ValueError())

    assert [type(error) for error in calls] == [ValueError, ValueError]
    assert [type(error) for error in told] == [KeyError, KeyError]


async def test_an_awaitable_that_cannot_begin_has_failed() -> None:
    """It is captured as others are."""
    heard: Heard = []

    async with Bus() as bus:
        emitter = EventEmitter(bus=bus).on("x", Rude).on("error", heard.append)
        emitter.emit("x")

    assert [type(error) for error in heard] == [ZeroDivisionError]


# Cancellation


@pytest.mark.parametrize("owned", [True, False])
def test_a_listener_that_ends_cancelled_by_itself_has_failed(owned: bool) -> None:
    """Nobody had cancelled it. Only asyncio lets one do that."""

    async def stray() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    heard: Heard = []

    async def main() -> None:
        async with Bus() as bus:
            emitter = EventEmitter(bus=bus if owned else None).on("x", stray)
            error = once(emitter, "error")
            emitter.emit("x")
            heard.extend(await error)

    asyncio.run(main())

    [error] = heard
    assert isinstance(error, CallbackCancelledError)
    assert isinstance(error.__cause__, asyncio.CancelledError)
    assert "stray" in error.__notes__[0]


async def test_a_listener_that_is_cancelled_has_not_failed() -> None:
    """The bus closes without patience."""
    heard: Heard = []

    async def waits() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            heard.append("cancelled")

    async with Bus(grace=0, on_error="raise") as bus:
        emitter = EventEmitter(bus=bus).on("x", waits).on("error", heard.append)
        emitter.emit("x")
        await anyio.lowlevel.checkpoint()

    assert heard == ["cancelled"]


def test_a_sync_listener_that_raises_a_cancellation_has_failed() -> None:
    """It must not look as if the task that emits had been cancelled."""

    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        EventEmitter().on("x", future.result).emit("x")

    with pytest.raises(CallbackCancelledError):
        asyncio.run(main())
