"""Waiting for an emitter with `on`: an async iterator."""

from __future__ import annotations

__all__ = ()

import gc
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from upcall._events.emitter import EventEmitter
from upcall._events.emitter_waits import EmitterStream, on

Heard = list[Any]


def listening(emitter: EventEmitter) -> list[Any]:
    """Tell what is listened to."""
    return emitter.event_names()


async def turns(count: int = 5) -> None:
    """Let the loop go on for a few turns."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def test_on_gives_the_arguments_of_each_event_in_order() -> None:
    """From the moment it was made on; other events do not appear."""
    emitter = EventEmitter()
    stream = on(emitter, "x")
    emitter.emit("x", 1)

    async with stream:
        emitter.emit("y", 2)
        emitter.emit("x", 3, 4)
        emitter.emit("x", 5, a=6)

        assert [await anext(stream) for _ in range(3)] == [(1,), (3, 4), (5, {"a": 6})]


async def test_on_waits_for_events() -> None:
    """One after the other."""
    emitter = EventEmitter()
    got: Heard = []

    async def consume(stream: EmitterStream) -> None:
        async for args in stream:
            got.append(args)

    async with (
        on(emitter, "x", close=["end"]) as stream,
        anyio.create_task_group() as g,
    ):
        g.start_soon(consume, stream)

        for i in range(3):
            await turns()
            emitter.emit("x", i)

        emitter.emit("end")

    assert got == [(0,), (1,), (2,)]


async def test_leaving_the_block_removes_the_listeners() -> None:
    """At once, whether by a break or by an exception."""
    emitter = EventEmitter()

    async with on(emitter, "x", close=["end"]) as stream:
        assert listening(emitter) == ["x", "error", "end"]
        emitter.emit("x")

        async for _ in stream:
            break

    assert listening(emitter) == []

    with pytest.raises(ZeroDivisionError):
        async with on(emitter, "x"):
            raise ZeroDivisionError

    assert listening(emitter) == []


async def test_an_iterator_that_is_dropped_stops_listening() -> None:
    """In the next turn of the loop."""
    emitter = EventEmitter()
    stream = on(emitter, "x")
    emitter.emit("x", 1)

    async for args in stream:
        assert args == (1,)
        break

    del stream
    gc.collect()
    await turns()

    assert listening(emitter) == []


async def test_an_error_ends_the_iteration_after_what_came_before() -> None:
    """It is raised once; then it is at its end, for good."""
    emitter = EventEmitter()
    error = ValueError("failing")

    async with on(emitter, "x") as stream:
        emitter.emit("x", 1)
        assert emitter.emit("error", error)
        assert listening(emitter) == []
        emitter.emit("x", 2)

        assert await anext(stream) == (1,)

        with pytest.raises(ValueError, match="failing") as caught:
            await anext(stream)

        assert caught.value is error

        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)


async def test_errors_can_be_iterated_over() -> None:
    """They are events like others then."""
    emitter = EventEmitter()
    error = ValueError()

    async with on(emitter, "error") as stream:
        emitter.emit("error", error)

        assert await anext(stream) == (error,)


async def test_a_closing_event_ends_the_iteration_after_what_came_before() -> None:
    """None is a name here, too."""
    emitter = EventEmitter()
    stream = on(emitter, "x", close=["end", None])

    emitter.emit("x", 1)
    emitter.emit(None, "ignored")

    assert listening(emitter) == []
    assert [args async for args in stream] == [(1,)]


@pytest.mark.parametrize("wrong", ["end", 5])
async def test_closing_events_come_as_a_collection(wrong: Any) -> None:
    """A string would be taken for its letters."""
    emitter = EventEmitter()

    with pytest.raises(TypeError):
        on(emitter, "x", close=wrong)

    assert listening(emitter) == []


async def test_aclose_ends_the_iteration_after_what_is_buffered() -> None:
    """Closing twice is fine."""
    emitter = EventEmitter()
    stream = on(emitter, "x")
    emitter.emit("x", 1)

    await stream.aclose()
    await stream.aclose()
    emitter.emit("x", 2)

    assert [args async for args in stream] == [(1,)]


async def test_who_waits_first_is_served_first() -> None:
    """Several may; when it ends, the rest of them end too."""
    emitter = EventEmitter()
    got: Heard = []

    async def take(stream: EmitterStream, who: int) -> None:
        got.append((who, await anext(stream, "ended")))

    async with on(emitter, "x") as stream, anyio.create_task_group() as group:
        for who in range(4):
            group.start_soon(take, stream, who)
            await turns()

        emitter.emit("x", "a")
        emitter.emit("x", "b")
        await turns()
        await stream.aclose()

    assert got[:2] == [(0, ("a",)), (1, ("b",))]
    assert sorted(got[2:]) == [(2, "ended"), (3, "ended")]


async def test_an_error_is_raised_to_one_of_those_who_wait() -> None:
    """The others are at the end."""
    emitter = EventEmitter()
    got: Heard = []

    async def take(stream: EmitterStream) -> None:
        try:
            got.append(await anext(stream, "ended"))
        except ValueError:
            got.append("raised")

    async with on(emitter, "x") as stream, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(take, stream)
            await turns()

        emitter.emit("error", ValueError())

    assert got == ["raised", "ended", "ended"]


async def test_a_wait_that_is_cancelled_has_taken_nothing() -> None:
    """The next one gets it; whether it was cancelled before the event or with it."""
    emitter = EventEmitter()
    got: Heard = []

    async def take(stream: EmitterStream, scope: anyio.CancelScope) -> None:
        with scope:
            got.append(await anext(stream))

    def event() -> None:
        emitter.emit("x", 1)

    async with on(emitter, "x") as stream:
        for early in (True, False):
            async with anyio.create_task_group() as group:
                scope = anyio.CancelScope()
                group.start_soon(take, stream, scope)
                await turns()
                first, second = (
                    (scope.cancel, event) if early else (event, scope.cancel)
                )
                first()
                second()

            if not got:
                got.append(await anext(stream))

            assert got == [(1,)]
            got.clear()


async def test_an_iteration_that_has_ended_takes_nothing_more() -> None:
    """Not from an emission either that had begun before the end."""
    emitter = EventEmitter()

    for name in ("x", "error"):
        emitter.on(name, lambda: emitter.emit("end"))
        stream = on(emitter, "x", close=["end"])

        assert emitter.emit(name)
        assert [args async for args in stream] == []


async def test_on_hears_emissions_in_other_threads() -> None:
    """They wake who waits in the loop."""
    emitter = EventEmitter()
    got: Heard = []

    async def consume(stream: EmitterStream) -> None:
        async for args in stream:
            got.append(args)

    def work() -> None:
        emitter.emit("x", 1)
        emitter.emit("x", 2)
        emitter.emit("end")

    async with (
        on(emitter, "x", close=["end"]) as stream,
        anyio.create_task_group() as g,
    ):
        g.start_soon(consume, stream)
        await turns()
        await anyio.to_thread.run_sync(work)

    assert got == [(1,), (2,)]
