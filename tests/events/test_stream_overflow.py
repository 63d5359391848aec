"""What becomes of a payload for which a stream has no room."""

from __future__ import annotations

__all__ = ()

import anyio
import pytest
from tests.events.fakes import settle

from upcall import Bus, CallbackErrors, Stream, StreamFullError


async def drained(stream: Stream[int]) -> list[int]:
    """End a stream, and give what is left in it."""
    stream._feed.end()
    return [payload async for payload in stream]


async def test_drop_oldest_makes_room_for_the_new() -> None:
    """The newest are left."""
    bus = Bus()

    async with bus.stream("a", capacity=2, overflow="drop_oldest") as events:
        assert [bus.emit("a", i) for i in range(4)] == [1, 1, 1, 1]
        assert await bus.aemit("a", 4) == []
        assert await drained(events) == [3, 4]


async def test_drop_newest_keeps_what_is_there() -> None:
    """The oldest are left."""
    bus = Bus()

    async with bus.stream("a", capacity=2, overflow="drop_newest") as events:
        assert [bus.emit("a", i) for i in range(4)] == [1, 1, 1, 1]
        assert await bus.aemit("a", 4) == []
        assert await drained(events) == [0, 1]


async def test_error_fails_the_emission_and_keeps_what_is_there() -> None:
    """Like any other callback that fails: the others run."""
    bus = Bus()
    heard: list[int] = []

    async with bus.stream("a", capacity=1, overflow="error") as events:
        bus.on("a", heard.append)
        bus.emit("a", 0)

        for emit in (bus.emit, bus.aemit):
            with pytest.raises(CallbackErrors) as caught:
                found = emit("a", 1)
                await found  # type: ignore[misc]

            (error,) = caught.value.exceptions
            assert isinstance(error, StreamFullError)
            assert "capacity 1" in str(error)

        assert heard == [0, 1, 1]
        assert await drained(events) == [0]


async def test_block_lets_aemit_wait_for_room() -> None:
    """Back-pressure: the producer goes as fast as the consumer."""
    bus = Bus()
    log: list[str] = []

    async def produce() -> None:
        for i in range(4):
            await bus.aemit("a", i)
            log.append(f"sent {i}")

    async with (
        bus.stream("a", capacity=2) as events,
        anyio.create_task_group() as group,
    ):
        group.start_soon(produce)
        await settle()
        assert log == ["sent 0", "sent 1"]

        assert await anext(events) == 0
        await settle()
        assert log == ["sent 0", "sent 1", "sent 2"]

        assert [await anext(events) for _ in range(3)] == [1, 2, 3]


async def test_block_fails_an_emit_for_which_there_is_no_room() -> None:
    """It cannot wait, and nothing is buffered beyond the capacity."""
    bus = Bus()

    async with bus.stream("a", capacity=1) as events:
        bus.emit("a", 0)

        with pytest.raises(CallbackErrors) as caught:
            bus.emit("a", 1)

        (error,) = caught.value.exceptions
        assert isinstance(error, StreamFullError)
        assert "use aemit" in str(error)
        assert await drained(events) == [0]


async def test_block_lets_those_who_wait_in_by_their_order() -> None:
    """The order of their emissions, whatever else these wait for."""
    bus = Bus()

    async with (
        bus.stream("a", capacity=1) as events,
        anyio.create_task_group() as group,
    ):

        @bus.on("a", when=lambda i: i == 1)
        def follow(_: object) -> None:
            group.start_soon(bus.aemit, "a", 2)

        @bus.on("a", when=lambda i: i == 1)
        async def beside(_: object) -> None:
            await anyio.lowlevel.checkpoint()

        await bus.aemit("a", 0)
        group.start_soon(bus.aemit, "a", 1)
        await settle()

        assert [await anext(events) for _ in range(3)] == [0, 1, 2]


async def test_block_keeps_the_place_of_who_waits_against_who_comes_later() -> None:
    """An `emit` does not slip in where an `aemit` waits."""
    bus = Bus()

    async with (
        bus.stream("a", capacity=1) as events,
        anyio.create_task_group() as group,
    ):
        bus.emit("a", 0)
        group.start_soon(bus.aemit, "a", 1)
        await settle()

        assert await anext(events) == 0

        with pytest.raises(CallbackErrors):
            bus.emit("a", 2)

        assert await anext(events) == 1


async def test_cancelled_aemit_that_waits_for_room_leaves_nothing() -> None:
    """Its payload does not come later."""
    bus = Bus()

    async with bus.stream("a", capacity=1) as events:
        bus.emit("a", 0)

        async with anyio.create_task_group() as group:
            group.start_soon(bus.aemit, "a", 1)
            await settle()
            group.cancel_scope.cancel()

        assert await anext(events) == 0
        bus.emit("a", 2)
        assert await drained(events) == [2]


async def test_leaving_a_stream_frees_those_who_wait_for_room() -> None:
    """Nobody will make any."""
    bus = Bus()

    async with anyio.create_task_group() as group, bus.stream("a", capacity=1):
        bus.emit("a", 0)
        group.start_soon(bus.aemit, "a", 1)
        await settle()


async def test_closing_the_bus_lets_in_what_waits_for_room() -> None:
    """It was heard, so the consumer gets it."""
    heard: list[int] = []

    async with anyio.create_task_group() as group:
        async with Bus() as bus:
            stream = await bus.stream("a", capacity=1).__aenter__()
            bus.emit("a", 0)
            group.start_soon(bus.aemit, "a", 1)
            await settle()

        heard.extend([payload async for payload in stream])

    assert heard == [0, 1]


async def test_aemit_in_another_loop_cannot_wait_for_room() -> None:
    """A stream waits in its own loop only; elsewhere that is like `emit`."""
    bus = Bus()

    async with bus.stream("a", capacity=1):
        bus.emit("a", 0)

        def elsewhere() -> None:
            with pytest.raises(CallbackErrors) as caught:
                anyio.run(bus.aemit, "a", 1)

            assert isinstance(caught.value.exceptions[0], StreamFullError)

        await anyio.to_thread.run_sync(elsewhere)
