"""`debounce=` and `throttle=`: background callbacks that run later, with the newest."""

from __future__ import annotations

__all__ = ()

from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.events.fakes import Worker
from tests.events.virtual import LOOPS, Backend, backend

from upcall import Bus, BusNotOpenError, Envelope

DELAYS: list[dict[str, Any]] = [{"debounce": 10}, {"throttle": 10}]


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Choose a loop with virtual time."""
    return backend(request.param)


class Diary:
    """A callback that notes when it was called, counted from its making."""

    def __init__(self) -> None:
        self.begin = anyio.current_time()
        self.entries: list[tuple[float, object]] = []

    def __call__(self, payload: object) -> None:
        time = round(anyio.current_time() - self.begin, 3)
        self.entries.append((time, payload))


async def emit_at(bus: Bus, *times: float) -> None:
    """Emit each time, in seconds from now, when it has come."""
    begin = anyio.current_time()

    for time in times:
        await anyio.sleep(begin + time - anyio.current_time())
        bus.emit("a", time)


async def test_debounce_runs_once_with_the_newest_after_a_quiet_time() -> None:
    """Each emission begins the waiting anew."""
    async with Bus() as bus:
        diary = Diary()
        bus.on("a", diary, debounce=10)

        await emit_at(bus, 0, 4, 13, 15, 60)
        await anyio.sleep(30)

    assert diary.entries == [(25, 15), (70, 60)]


async def test_throttle_runs_at_once_and_then_at_most_once_per_interval() -> None:
    """With the newest; after a whole interval of silence, at once again."""
    async with Bus() as bus:
        diary = Diary()
        bus.on("a", diary, throttle=10)

        await emit_at(bus, 0, 2, 4, 13, 50, 51)
        await anyio.sleep(30)

    assert diary.entries == [(0, 0), (10, 4), (20, 13), (50, 50), (60, 51)]


async def test_emit_to_a_delayed_callback_counts_it_as_heard() -> None:
    """It was queued; how often it runs is another matter."""
    async with Bus() as bus:
        diary = Diary()
        bus.on("a", diary, debounce=10)

        assert [bus.emit("a", i) for i in range(3)] == [1, 1, 1]
        assert diary.entries == []
        assert bus.statistics().waiting == 1

    assert [payload for _, payload in diary.entries] == [2]


@pytest.mark.parametrize("options", DELAYS)
async def test_aemit_does_not_wait_for_a_delayed_callback(
    options: dict[str, Any],
) -> None:
    """It belongs to the background, and leaves no value."""
    async with Bus() as bus:
        work = Worker()
        bus.on("a", work, **options)
        bus.on("a", lambda _: "value")

        assert await bus.aemit("a", 1) == ["value"]
        assert work.log == []
        work.let_go(1)

    assert work.log == ["+1", "-1"]


@pytest.mark.parametrize("options", DELAYS)
async def test_delayed_callback_needs_an_open_bus_even_if_it_is_sync(
    options: dict[str, Any],
) -> None:
    """For `emit` and `aemit`, and before any callback is called."""
    bus = Bus()
    heard: list[object] = []
    bus.on("a", heard.append)
    bus.on("a", heard.append, **options)

    with pytest.raises(BusNotOpenError, match="append"):
        bus.emit("a")

    with pytest.raises(BusNotOpenError, match="append"):
        await bus.aemit("a")

    assert heard == []


@pytest.mark.parametrize("drained", [True, False])
@pytest.mark.parametrize("options", DELAYS)
async def test_drain_and_closing_run_what_is_pending_at_once(
    options: dict[str, Any], drained: bool
) -> None:
    """Nobody waits for a clock then."""
    async with Bus() as bus:
        diary = Diary()
        bus.on("a", diary, **options)
        bus.emit("a", 1)
        await now()
        bus.emit("a", 2)

        if drained:
            await bus.drain()
            assert diary.entries[-1:] == [(0, 2)]
            assert bus.is_open

    assert diary.entries[-1:] == [(0, 2)]
    assert len(diary.entries) <= 2


async def now() -> None:
    """Let all that is due run, but let no time pass."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("options", DELAYS)
async def test_after_a_drain_time_counts_anew(options: dict[str, Any]) -> None:
    """The hurry is over with the drain."""
    async with Bus() as bus:
        diary = Diary()
        bus.on("a", diary, **options)
        bus.emit("a", 1)
        await bus.drain()
        await anyio.sleep(100)

        await emit_at(bus, 0, 1)
        await anyio.sleep(100)

    times = [time for time, _ in diary.entries]
    assert times == ([0, 111] if "debounce" in options else [0, 100, 110])


@pytest.mark.parametrize("options", DELAYS)
async def test_cancelling_the_subscription_drops_what_is_pending(
    options: dict[str, Any],
) -> None:
    """From the loop's thread, and from another."""
    for elsewhere in (False, True):
        async with Bus() as bus:
            diary = Diary()
            subscription = bus.on("a", diary, **options)
            bus.emit("a", 1)
            await now()
            bus.emit("a", 2)

            if elsewhere:
                await anyio.to_thread.run_sync(subscription.cancel)
            else:
                subscription.cancel()

        assert (0, 2) not in diary.entries


async def test_when_is_asked_before_the_delay() -> None:
    """What it refuses does not begin the waiting anew."""
    async with Bus() as bus:
        diary = Diary()
        bus.on("a", diary, debounce=10, when=lambda time: time != 5)

        await emit_at(bus, 0, 5)
        await anyio.sleep(30)

    assert diary.entries == [(10, 0)]


@pytest.mark.parametrize("options", DELAYS)
async def test_once_and_a_delay_run_once_with_the_first(
    options: dict[str, Any],
) -> None:
    """The first emission uses it up; its time comes all the same."""
    async with Bus() as bus:
        diary = Diary()
        bus.once("a", diary, **options)

        assert [bus.emit("a", 1), bus.emit("a", 2)] == [1, 0]

    assert [payload for _, payload in diary.entries] == [1]


@pytest.mark.parametrize("options", DELAYS)
async def test_failure_of_a_delayed_run_is_told_with_its_own_envelope(
    options: dict[str, Any],
) -> None:
    """Not with that of the emission that began the waiting."""
    told: list[object] = []

    def on_error(error: Exception, _: object, envelope: Envelope[Any] | None) -> None:
        told.append((str(error), envelope and envelope.payload))

    def fails(envelope: Envelope[Any]) -> None:
        raise ValueError(envelope.payload)

    async with Bus(on_error=on_error) as bus:
        bus.on("a", fails, envelope=True, **options)
        bus.emit("a", 1)
        bus.emit("a", 2)

    assert told[-1] == ("2", 2)


@pytest.mark.parametrize("options", DELAYS)
async def test_delayed_run_sees_the_context_of_its_own_emission(
    options: dict[str, Any],
) -> None:
    """Of the newest, that is."""
    variable: ContextVar[int] = ContextVar("variable")
    seen: list[int] = []

    async with Bus() as bus:
        bus.on("a", lambda _: seen.append(variable.get()), **options)

        for i in (1, 2):
            variable.set(i)
            bus.emit("a")

    assert seen[-1] == 2


async def test_delayed_runs_overlap_as_they_are_told_to() -> None:
    """First the delay, then what becomes of runs that meet."""
    async with Bus() as bus:
        work = Worker()
        bus.on("a", work, throttle=1, overlap="queue")

        for payload in (1, 2):
            bus.emit("a", payload)
            await anyio.sleep(5)

        assert work.log == ["+1"]
        work.let_go(1, 2)

    assert work.log == ["+1", "-1", "+2", "-2"]


@pytest.mark.parametrize("options", DELAYS)
async def test_what_was_pending_in_a_bus_that_was_cancelled_is_gone(
    options: dict[str, Any],
) -> None:
    """Opened again, the bus has nothing left of it."""
    bus = Bus()
    diary = Diary()
    bus.on("a", diary, **options)

    with pytest.raises(KeyError):
        async with bus:
            bus.emit("a", 1)
            await now()
            bus.emit("a", 2)
            raise KeyError("block")

    assert bus.statistics().waiting == 0

    async with bus:
        bus.emit("a", 3)

    assert diary.entries[-1:] == [(0, 3)]
    assert (0, 2) not in diary.entries


async def test_a_burst_keeps_one_task_waiting() -> None:
    """Whatever comes in, nothing piles up."""
    async with Bus() as bus:
        bus.on("a", Diary(), debounce=10)

        for i in range(1000):
            bus.emit("a", i)

        assert bus.statistics().running == 1
        assert bus.statistics().waiting == 1
