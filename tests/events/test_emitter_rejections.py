"""`EventEmitter`: where failures of async listeners go."""

from __future__ import annotations

__all__ = ()

import asyncio
from collections.abc import Generator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.events.sinks import failures_of_loop

from upcall import Bus, CallbackCancelledError
from upcall._events.emitter import EventEmitter
from upcall._events.emitter_waits import once

Heard = list[Any]


async def afailing(error: Exception, *args: object, **kwargs: object) -> None:
    """An async listener that fails as it is told."""
    await anyio.lowlevel.checkpoint()
    raise error


class Rude:
    """An awaitable that fails before it waits for anything."""

    def __await__(self) -> Generator[Any, Any, None]:
        raise ZeroDivisionError


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
    assert "test_emitter_rejections.py" in note
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
