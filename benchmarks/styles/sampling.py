"""Taking samples of an open style: how long, how many, how much."""

from __future__ import annotations

__all__ = ("Samples", "Spent", "held_bytes", "sample")

import gc
import statistics
import time
import tracemalloc
from collections.abc import Iterator
from typing import Final

import anyio
import attrs
from anyio.abc import TaskGroup
from benchmarks.loops import Loop
from benchmarks.measure import no_garbage
from benchmarks.styles.job import IN_FLIGHT, PATIENCE, Job, Style, Way

SETTLED: Final = 0.03
"""Seconds given to whatever is still under way when all that can wait is waiting."""

_MOST: Final = 500
_WARM: Final = 3


@attrs.frozen(kw_only=True)
class Spent:
    """What is spent on samples in one round."""

    seconds: float
    """How long one kind of sample is taken, about."""

    least: int
    """How many latencies are taken at least, if they are long."""


@attrs.define
class Samples:
    """What was found of one style, over all rounds."""

    latencies: list[float] = attrs.field(factory=list[float])
    """Seconds from before an emission until the last listener is through."""

    walls: list[float] = attrs.field(factory=list[float])
    """Seconds per event with many in flight, by the clock on the wall; per round."""

    processors: list[float] = attrs.field(factory=list[float])
    """The same, in seconds of all processors, over all threads of the process."""

    number: int = 0
    """How many events make such a sample long enough. Found in the first round."""

    held: float = 0.0
    """Bytes that an event in flight holds."""

    def late(self) -> float:
        """Return the latency that one in a hundred exceeds, or the longest."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]

    def median(self) -> float:
        """Return the latency that every other one exceeds."""
        return statistics.median(self.latencies)


async def sample(style: Style, job: Job, samples: Samples, spent: Spent) -> None:
    """Open a style, take its latencies and its rate, and see that all was heard."""
    async with style.open(job) as way:
        await _latencies(way, job, least=_WARM, seconds=0)

        if not samples.number:
            samples.number = await _fitting_number(way, job, spent.seconds)

        with no_garbage():
            samples.latencies += await _latencies(
                way, job, least=spent.least, seconds=spent.seconds
            )
            wall, processor = await _emit(way, job, samples.number)

    job.check()
    samples.walls.append(wall / samples.number)
    samples.processors.append(processor / samples.number)


async def _latencies(way: Way, job: Job, *, least: int, seconds: float) -> list[float]:
    """Emit one event after another, each when the one before was heard."""
    found: list[float] = []
    end = time.perf_counter() + seconds

    while len(found) < least or (len(found) < _MOST and time.perf_counter() < end):
        job.expect(1)
        await way.one()
        await job.done()
        found.append(job.ended - job.began)

    return found


async def _fitting_number(way: Way, job: Job, seconds: float) -> int:
    number = IN_FLIGHT

    while True:
        wall, _ = await _emit(way, job, number)

        if wall >= seconds:
            return number

        number *= 2


async def _emit(way: Way, job: Job, number: int) -> tuple[float, float]:
    """Emit so many, with many in flight; return seconds by the wall, and spent."""
    wall, processor = time.perf_counter(), time.process_time()

    for part in _parts(number, way.at_once or number):
        job.expect(part)
        await way.many(part)
        await job.done()

    return time.perf_counter() - wall, time.process_time() - processor


def _parts(number: int, largest: int) -> Iterator[int]:
    while number > 0:
        yield min(number, largest)
        number -= largest


# --- memory ---


class _Gate:
    """What listeners wait for while their memory is counted."""

    def __init__(self) -> None:
        self._missing = 0
        self._crowded = anyio.Event()
        self._open = anyio.Event()
        self._open.set()

    def close(self, until: int) -> None:
        """Let nobody through, until so many wait and it is opened."""
        self._missing = until
        self._crowded = anyio.Event()
        self._open = anyio.Event()

    def open(self) -> None:
        self._open.set()

    async def crowded(self) -> None:
        with anyio.fail_after(PATIENCE):
            await self._crowded.wait()

    async def wait(self) -> None:
        self._missing -= 1

        if not self._missing:
            self._crowded.set()

        await self._open.wait()


async def held_bytes(style: Style, listeners: int, loop: Loop) -> float:
    """Return what Python allocates for an event, while its listeners wait.

    As many events as are in flight are emitted, and none can end: whoever waits waits
    at a gate. Counted is all that was allocated since just before the first emission.
    So it has no part of whoever emits, a task or a thread, which was there already; nor
    what SQLite and the loop allocate in C. It is divided by the events.
    """
    gate = _Gate()
    job = Job(listeners, loop, pause=gate.wait)
    taken = 0

    async with style.open(job) as way:
        await _emit(way, job, IN_FLIGHT)  # connections and windows grow
        await _emit(way, job, IN_FLIGHT)
        gate.close(until=_held(style, job))
        job.expect(IN_FLIGHT)

        async with anyio.create_task_group() as group:
            begin = anyio.Event()
            _ready(group, way, begin)
            await anyio.sleep(SETTLED)
            taken = await _taken(begin, gate)
            gate.open()
            await job.done()

    job.check()
    return taken / IN_FLIGHT


def _ready(group: TaskGroup, way: Way, begin: anyio.Event) -> None:
    """Start those who emit; they wait for the beginning."""

    async def one() -> None:
        await begin.wait()
        await way.one()

    async def many() -> None:
        await begin.wait()
        await way.many(IN_FLIGHT)

    if way.at_once:
        group.start_soon(many)
    else:
        for _ in range(IN_FLIGHT):
            group.start_soon(one)


def _held(style: Style, job: Job) -> int:
    """Return how many calls of listeners are at the gate when nothing can go on."""
    match style.held:
        case "each":
            return IN_FLIGHT * job.waiting
        case "first":
            return IN_FLIGHT
        case "buffered":
            return job.waiting


async def _taken(begin: anyio.Event, gate: _Gate) -> int:
    gc.collect()
    tracemalloc.start()

    try:
        begin.set()
        await gate.crowded()
        await anyio.sleep(SETTLED)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
