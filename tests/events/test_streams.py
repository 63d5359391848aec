"""`Stream`: buffers, overflow, back-pressure, and ends."""

from __future__ import annotations

__all__ = ()

import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from upcall import (
    Bus,
    CallbackErrors,
    OptionError,
    Signal,
    Stream,
    StreamFullError,
    UpcallError,
)


async def take(stream: Stream[Any], number: int) -> list[Any]:
    """Take so many payloads."""
    return [await stream.__anext__() for _ in range(number)]


async def test_stream_gives_payloads_in_order() -> None:
    """Of a pattern too; nothing comes of the time before it was entered."""
    bus = Bus()
    bus.emit("order.paid", 0)

    async with bus.stream("order.*") as events:
        assert bus.emit("order.paid", 1) == 1
        await bus.aemit("order.sent", 2)
        assert len(events) == 2
        assert await take(events, 2) == [1, 2]

    assert bus.emit("order.paid", 3) == 0


async def test_stream_waits_for_the_next_payload() -> None:
    """A consumer that comes first is woken."""
    signal = Signal[int]("tick")
    heard: list[int] = []

    async with signal.stream() as events, anyio.create_task_group() as group:

        async def consume() -> None:
            heard.extend(await take(events, 1))

        group.start_soon(consume)
        await anyio.wait_all_tasks_blocked()
        signal.emit(1)

    assert heard == [1]


async def test_aemit_waits_for_room_in_order() -> None:
    """Back-pressure: what waits is let in as it came, and never beyond capacity."""
    bus = Bus()
    done: list[int] = []

    async def emit(x: int) -> None:
        await bus.aemit("a", x)
        done.append(x)

    async with (
        bus.stream("a", capacity=1) as events,
        anyio.create_task_group() as group,
    ):
        for x in (1, 2, 3):
            group.start_soon(emit, x)
            await anyio.wait_all_tasks_blocked()

        assert (done, len(events)) == ([1], 1)
        assert await take(events, 3) == [1, 2, 3]

    assert sorted(done) == [1, 2, 3]


async def test_aemit_that_gives_up_waiting_has_put_nothing_in() -> None:
    """A cancelled emission is not heard later."""
    bus = Bus()

    async with bus.stream("a", capacity=1) as events:
        await bus.aemit("a", 1)
        with anyio.move_on_after(0.001) as scope:
            await bus.aemit("a", 2)
        await take(events, 1)
        await bus.aemit("a", 3)

        assert scope.cancelled_caught
        assert await take(events, 1) == [3]


@pytest.mark.parametrize("overflow", ["block", "error"])
async def test_emit_without_room_fails(overflow: Any) -> None:
    """It cannot wait; the others hear it all the same."""
    bus = Bus()
    heard: list[int] = []
    bus.on("a", heard.append)

    async with bus.stream("a", capacity=1, overflow=overflow) as events:
        bus.emit("a", 1)
        with pytest.raises(CallbackErrors) as caught:
            bus.emit("a", 2)

        assert isinstance(caught.value.exceptions[0], StreamFullError)
        assert await take(events, 1) == [1]

    assert heard == [1, 2]


@pytest.mark.parametrize(
    ("overflow", "kept"), [("drop_oldest", [2, 3]), ("drop_newest", [1, 2])]
)
async def test_stream_drops_what_it_is_told_to(overflow: Any, kept: list[int]) -> None:
    """With `emit` and `aemit` alike."""
    bus = Bus()

    async with bus.stream("a", capacity=2, overflow=overflow) as events:
        bus.emit("a", 1)
        await bus.aemit("a", 2)
        bus.emit("a", 3)

        assert await take(events, 2) == kept


async def test_closing_the_bus_ends_the_iteration_after_what_is_buffered() -> None:
    """Nothing that was heard is lost, and nobody waits for ever."""
    heard: list[int] = []

    async with anyio.create_task_group() as group, Bus() as bus:
        events = bus.stream("a")
        await events.__aenter__()
        bus.emit("a", 1)
        bus.emit("a", 2)

        async def consume() -> None:
            heard.extend([x async for x in events])

        group.start_soon(consume)

    assert heard == [1, 2]


async def test_bus_task_that_consumes_a_stream_ends_with_the_bus() -> None:
    """The bus waits for what others still emit, and then ends the stream."""
    heard: list[int] = []
    ready = anyio.Event()

    async with Bus() as bus:

        async def consume() -> None:
            async with bus.stream("a") as events:
                ready.set()
                heard.extend([x async for x in events])

        async def later(_: object) -> None:
            await anyio.lowlevel.checkpoint()
            bus.emit("a", 2)

        bus.on("b", later)
        bus.run(consume)
        await ready.wait()
        bus.emit("a", 1)
        bus.emit("b")

    assert heard == [1, 2]


async def test_each_payload_goes_to_one_of_several_consumers() -> None:
    """None twice, none lost."""
    bus = Bus()
    heard: list[int] = []

    async with bus.stream("a") as events, anyio.create_task_group() as group:

        async def consume() -> None:
            heard.extend(await take(events, 2))

        group.start_soon(consume)
        group.start_soon(consume)
        await anyio.wait_all_tasks_blocked()
        for x in range(4):
            bus.emit("a", x)

    assert sorted(heard) == [0, 1, 2, 3]


async def test_stream_hears_other_threads() -> None:
    """And wakes the loop."""
    signal = Signal[int]("tick")

    async with signal.stream() as events:
        thread = threading.Thread(target=signal.emit, args=(1,))
        thread.start()
        assert await take(events, 1) == [1]
        thread.join()


async def test_stream_is_entered_once_and_before_it_is_read() -> None:
    """It says what to do."""
    stream = Bus().stream("a")

    with pytest.raises(UpcallError, match="enter it first"):
        await stream.__anext__()

    async with stream:
        with pytest.raises(UpcallError, match="once"):
            await stream.__aenter__()


@pytest.mark.parametrize(
    "options", [{"capacity": 0}, {"capacity": 1.5}, {"overflow": "spill"}]
)
def test_bad_stream_options_are_refused(options: dict[str, Any]) -> None:
    """At the call."""
    with pytest.raises(OptionError, match=next(iter(options))):
        Bus().stream("a", **options)
