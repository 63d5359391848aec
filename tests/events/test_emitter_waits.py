"""Waiting for an emitter with `once`: a promise."""

from __future__ import annotations

__all__ = ()

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from upcall import Bus, NoRunningLoopError, PromiseCancelledError
from upcall._events.emitter import EventEmitter
from upcall._events.emitter_listeners import UnhandledError
from upcall._events.emitter_waits import on, once
from upcall._promises.promise import Promise

Heard = list[Any]


def listening(emitter: EventEmitter) -> list[Any]:
    """Tell what is listened to."""
    return emitter.event_names()


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_once_gives_the_arguments(count: int) -> None:
    """As a tuple; afterwards nobody listens any more."""
    emitter = EventEmitter()
    promise = once(emitter, "x")
    assert listening(emitter) == ["x", "error"]

    assert emitter.emit("x", *range(count))

    assert listening(emitter) == []
    assert await promise == tuple(range(count))


async def test_once_gives_keyword_arguments_last_as_one_dict() -> None:
    """Nothing of what was emitted is lost."""
    emitter = EventEmitter()
    promise = once(emitter, None)

    emitter.emit(None, 1, a=2)

    assert await promise == (1, {"a": 2})


async def test_once_gives_what_was_emitted_as_it_is() -> None:
    """A promise among the arguments is not waited for."""
    emitter = EventEmitter()
    promise, inner = once(emitter, "x"), Promise.fulfilled(1)

    emitter.emit("x", inner)

    assert (await promise)[0] is inner


async def test_an_error_ends_the_wait() -> None:
    """It is raised by the await, and counts as handled; the monitor hears of it."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.on(emitter.error_monitor, heard.append)
    promise, error = once(emitter, "x"), ValueError("failing")

    assert emitter.emit("error", error)
    assert not emitter.emit("x", 1)

    with pytest.raises(ValueError, match="failing") as caught:
        await promise

    assert caught.value is error
    assert heard == [error]
    assert listening(emitter) == [emitter.error_monitor]


async def test_an_error_that_is_no_exception_is_made_one() -> None:
    """A promise is rejected with an exception."""
    emitter = EventEmitter()
    promise = once(emitter, "x")

    emitter.emit("error", "text")

    with pytest.raises(UnhandledError, match="'text'"):
        await promise


async def test_errors_can_be_waited_for() -> None:
    """They fulfil then."""
    emitter = EventEmitter()
    promise, error = once(emitter, "error"), ValueError()
    assert emitter.listener_count("error") == 1

    emitter.emit("error", error)

    assert await promise == (error,)


async def test_cancelling_the_promise_removes_the_listeners() -> None:
    """An event after that is not heard."""
    emitter = EventEmitter()
    promise = once(emitter, "x")

    promise.cancel()

    assert listening(emitter) == []
    assert not emitter.emit("x")

    with pytest.raises(PromiseCancelledError):
        await promise


async def test_cancelling_it_after_the_event_does_nothing() -> None:
    """It is over."""
    emitter = EventEmitter()
    promise = once(emitter, "x")

    emitter.emit("x", 1)
    promise.cancel()

    assert await promise == (1,)


async def test_a_timeout_removes_the_listeners() -> None:
    """It cancels what it timed."""
    emitter = EventEmitter()

    with pytest.raises(TimeoutError):
        await once(emitter, "x").timeout(0)

    assert listening(emitter) == []


async def test_two_waits_at_once_see_the_same_event() -> None:
    """And each sees one; a wait made later sees only what comes later."""
    emitter = EventEmitter()
    one, two = once(emitter, "x"), once(emitter, "x")

    emitter.emit("x", 1)
    emitter.emit("x", 2)
    three = once(emitter, "x")
    emitter.emit("x", 3)

    assert [await one, await two, await three] == [(1,), (1,), (3,)]


async def test_once_in_an_emission_under_way_waits_for_the_next() -> None:
    """It was not there when that began."""
    emitter = EventEmitter()
    waits: list[Promise[tuple[Any, ...]]] = []
    emitter.on("x", lambda _: waits.append(once(emitter, "x")))

    emitter.emit("x", 1)
    emitter.emit("x", 2)

    assert await waits[0] == (2,)
    waits[1].cancel()


async def test_a_wait_that_is_refused_leaves_nothing_behind() -> None:
    """Half of its listeners, say."""
    emitter = EventEmitter()

    @emitter.on("new_listener")
    def refuse(name: object, _: object) -> None:
        if name == "error":
            raise ZeroDivisionError

    for wait in (once, on):
        with pytest.raises(ZeroDivisionError):
            wait(emitter, "x")

    assert listening(emitter) == ["new_listener"]


async def test_an_ignored_wait_that_fails_is_told_to_the_bus() -> None:
    """The promise of an emitter that has a bus is the bus's."""
    told: Heard = []
    error = ValueError()

    async with Bus(on_error=lambda *args: told.append(args[0])) as bus:
        emitter = EventEmitter(bus=bus)
        once(emitter, "x")
        emitter.emit("error", error)

    assert told == [error]


async def test_once_hears_an_emission_in_another_thread() -> None:
    """It listens no more from that moment on, and is settled in its own loop."""
    emitter = EventEmitter()
    promise = once(emitter, "x")

    def work() -> list[bool]:
        return [emitter.emit("x", 1), emitter.emit("x", 2)]

    assert await anyio.to_thread.run_sync(work) == [True, False]
    assert await promise == (1,)


def test_waits_of_a_loop_that_has_ended_trouble_nobody() -> None:
    """An emission finds out, and removes their listeners."""
    emitter = EventEmitter()
    held: Heard = []

    async def main() -> None:
        held.extend([once(emitter, "x"), on(emitter, "x")])

    asyncio.run(main())

    assert emitter.emit("x")
    assert listening(emitter) == []


@pytest.mark.parametrize("wait", [once, on])
def test_waiting_needs_a_loop(wait: Callable[..., object]) -> None:
    """Nothing has been added when it is refused."""
    emitter = EventEmitter()

    with pytest.raises(NoRunningLoopError):
        wait(emitter, "x")

    assert listening(emitter) == []


@pytest.mark.parametrize("wait", [once, on])
async def test_waiting_needs_an_emitter(wait: Callable[..., object]) -> None:
    """A bus is none."""
    with pytest.raises(TypeError, match="is no EventEmitter"):
        wait(Bus(), "x")
