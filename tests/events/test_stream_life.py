"""How a stream begins and ends, and who takes what out of it."""

from __future__ import annotations

__all__ = ()

import threading
from functools import partial

import anyio
import anyio.to_thread
import pytest
from tests.events.fakes import settle

from upcall import Bus, Signal, event


@event("test.streams.paid")
class Paid:
    """What some tests emit."""

    order_id: int


async def test_stream_of_a_signal_and_of_a_class() -> None:
    """They are made in the same way."""
    signal, bus = Signal[int]("tick"), Bus()

    async with signal.stream() as ticks, bus.stream(Paid) as paid:
        signal.emit(1)
        bus.emit(Paid(2))

        assert await anext(ticks) == 1
        assert await anext(paid) == Paid(2)


async def test_stream_is_subscribed_from_entering_to_leaving() -> None:
    """Not when it is made, and no longer than its block."""
    bus = Bus()
    stream = bus.stream("a")
    assert bus.emit("a", 1) == 0

    async with stream as events:
        assert bus.emit("a", 2) == 1
        assert await anext(events) == 2
        assert not events._feed.ended

    assert bus.emit("a", 3) == 0
    assert stream._feed.ended


async def test_stream_that_was_left_gives_nothing_any_more() -> None:
    """What was buffered is dropped with it."""
    bus = Bus()

    async with bus.stream("a") as events:
        bus.emit("a", 1)

    assert [payload async for payload in events] == []


async def test_bus_task_with_many_consumers_counts_as_one_that_idles() -> None:
    """Or `drain` would think that everybody else had finished too."""
    log: list[str] = []
    go_on = anyio.Event()

    async with Bus() as bus:

        async def consume() -> None:
            async with bus.stream("a") as events:
                async for _ in events:
                    pass

        async def consumers() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(consume)

        @bus.on("b")
        async def works(_: object) -> None:
            await go_on.wait()
            log.append("worked")

        bus.run(consumers)
        await settle()
        bus.emit("b")

        async with anyio.create_task_group() as group:

            async def drain() -> None:
                await bus.drain()
                log.append("drained")

            group.start_soon(drain)
            await settle()
            go_on.set()

    assert log == ["worked", "drained"]


async def test_several_consumers_all_end_with_the_stream() -> None:
    """Those who wait are woken, and nothing is left."""
    heard: list[int] = []
    bus = Bus()

    async with bus.stream("a") as events, anyio.create_task_group() as group:

        async def consume() -> None:
            heard.extend([payload async for payload in events])

        for _ in range(3):
            group.start_soon(consume)

        await settle()

        for i in range(10):
            bus.emit("a", i)

        await settle()
        events._feed.end()

    assert sorted(heard) == list(range(10))


async def test_two_streams_each_get_everything() -> None:
    """They are two subscriptions."""
    bus = Bus()

    async with bus.stream("a") as one, bus.stream("a") as other:
        assert bus.emit("a", 1) == 2
        assert await anext(one) == await anext(other) == 1


async def test_cancelled_consumer_has_taken_nothing() -> None:
    """The next one gets the payload."""
    bus = Bus()

    async with bus.stream("a") as events:

        async def consume() -> None:
            await anext(events)

        async with anyio.create_task_group() as group:
            group.start_soon(consume)
            await settle()
            group.cancel_scope.cancel()

        bus.emit("a", 1)

        assert await anext(events) == 1


async def test_many_threads_never_fill_a_stream_beyond_its_capacity() -> None:
    """Nor does one take out what another has just made room with."""
    bus = Bus()

    async with bus.stream("a", capacity=3, overflow="drop_oldest") as events:

        def work() -> None:
            for i in range(300):
                bus.emit("a", i)
                assert len(events) <= 3

        async def consume() -> None:
            async for _ in events:
                pass

        async with anyio.create_task_group() as outer:
            outer.start_soon(consume)

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(anyio.to_thread.run_sync, work)

            events._feed.end()


async def test_stream_opened_by_a_task_while_the_bus_closes_ends_too() -> None:
    """It would wait for ever otherwise."""
    began = anyio.Event()
    log: list[str] = []

    async with Bus() as bus:

        async def late() -> None:
            began.set()
            await settle()

            async with bus.stream("a") as events:
                log.extend([payload async for payload in events])

            log.append("ended")

        bus.run(late)
        await began.wait()

    assert log == ["ended"]


async def test_stream_that_is_older_than_the_open_bus_ends_with_it() -> None:
    """A task that reads it would be waited for, for ever."""
    bus, heard = Bus(), list[int]()

    async with bus.stream("a") as events:

        async def read() -> None:
            heard.extend([payload async for payload in events])

        with anyio.fail_after(5):
            async with bus:
                bus.run(read)
                await settle()
                bus.emit("a", 1)

    assert heard == [1]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
async def test_stream_in_another_loop_ends_when_the_bus_closes(loop: str) -> None:
    """At once: its reader and who waits for room are woken in their own thread."""
    bus, heard = Bus(), list[int]()
    is_ready, is_closed = threading.Event(), threading.Event()

    async def read() -> None:
        async with (
            bus.stream("a", capacity=1) as events,
            anyio.create_task_group() as group,
        ):
            bus.emit("a", 1)
            group.start_soon(bus.aemit, "a", 2)
            await settle()
            is_ready.set()
            assert await anyio.to_thread.run_sync(is_closed.wait, 20)
            heard.extend([payload async for payload in events])

    async def wait() -> None:
        async with bus.stream("a") as events:
            is_ready.set()
            heard.extend([payload async for payload in events])

    for function in (read, wait):
        is_ready.clear()
        reader = threading.Thread(target=partial(anyio.run, function, backend=loop))

        async with bus:
            reader.start()
            assert await anyio.to_thread.run_sync(is_ready.wait, 20)

        is_closed.set()
        await anyio.to_thread.run_sync(reader.join, 5)
        assert not reader.is_alive()

    assert heard == [1, 2]


async def test_payload_that_is_dropped_may_be_heard_of_as_it_dies() -> None:
    """By the same stream; it must not wait for itself, nor grow."""
    bus = Bus()

    class Dying:
        def __del__(self) -> None:
            bus.emit("died", "died")

    async with bus.stream("**", capacity=1, overflow="drop_oldest") as events:
        bus.emit("born", Dying())
        bus.emit("other", "other")

        assert len(events) == 1
        assert await anext(events) == "died"


async def test_reader_that_a_background_task_left_behind_is_nobodys() -> None:
    """`drain` does not take it for a task of the bus that idles."""
    bus, log, go_on = Bus(), list[str](), anyio.Event()

    async def read() -> None:
        async with bus.stream("a") as events:
            log.extend([payload async for payload in events])

    async with anyio.create_task_group() as group:

        async def leave_behind() -> None:
            for _ in range(2):
                group.start_soon(read)

            await settle()
            group.start_soon(read)

        async def work() -> None:
            await go_on.wait()
            log.append("worked")

        async with bus:
            await bus.run(leave_behind)
            await settle()
            bus.run(work)

            async with anyio.create_task_group() as others:

                async def drain() -> None:
                    await bus.drain()
                    log.append("drained")

                others.start_soon(drain)
                await settle()
                go_on.set()

    assert log == ["worked", "drained"]


async def test_what_is_emitted_after_a_stream_was_left_is_not_kept() -> None:
    """An emission under way may find it ended."""
    bus = Bus()
    bus.signal("a", sequential=True)
    stream = bus.stream("a", capacity=1)

    @bus.on("a", priority=1)
    async def leaves(_: object) -> None:
        await stream.__aexit__(None, None, None)

    async with stream:
        assert await bus.aemit("a", 1) == [None]
        assert len(stream) == 0
