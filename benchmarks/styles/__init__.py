"""The same job in every style: latency, throughput, CPU and memory of an event.

An order is paid, and its listeners hear of it; every third of them, the first included,
waits for a turn of the loop. The job is done with 1, 3, 10 and 100 listeners, on
asyncio, uvloop and trio.

- *latency*: from just before the emission until the last listener is through, one event
  at a time; the median and the 99th of 100, over all rounds.
- *throughput*: events per second by the clock on the wall with 50 in flight; the best
  round. Where an emission can be awaited, 50 tasks emit; where it cannot, 50 are
  emitted, and heard, before the next 50. Of webhooks, 50 are stored at once, and as
  many requests are made at once.
- *CPU*: seconds of processors per event in the same samples, over all threads of this
  process; the best round. Of the webhook that is both ends, server included.
- *memory*: what Python allocates for an event in flight, with 50 in flight whose
  listeners all wait.

Styles, loops and numbers of listeners take turns, in each round in another order.
"""

from __future__ import annotations

__all__ = ("run",)

import contextlib
import gc
import random
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from benchmarks.loops import LOOPS, Loop, why_absent
from benchmarks.results import Figure
from benchmarks.styles.callbacks import CALLBACKS
from benchmarks.styles.job import Job, Style
from benchmarks.styles.sampling import Samples, Spent, held_bytes, sample
from benchmarks.styles.values import VALUES
from benchmarks.styles.webhooks import WEBHOOKS, cost_of_commit

TABLE: Final = "styles"
LISTENERS: Final = (1, 3, 10, 100)
STYLES: Final = (*CALLBACKS, *VALUES, *WEBHOOKS)
ROUNDS: Final = 4
FULL: Final = Spent(seconds=0.05, least=25)
QUICK: Final = Spent(seconds=0.001, least=2)
METRICS: Final = {
    "latency": "s",
    "latency p99": "s",
    "throughput": "1/s",
    "CPU": "s",
    "memory": "bytes",
}

Found: TypeAlias = Mapping[tuple[str, int, str], Samples]
"""By loop, number of listeners and style."""


def run(quick: bool) -> list[Figure]:
    """Measure every style on every loop, for each number of listeners.

    The quick form does the job with ten listeners only.
    """
    numbers = (10,) if quick else LISTENERS
    spent = QUICK if quick else FULL
    places = [
        (loop, listeners)
        for loop in LOOPS
        if why_absent(loop) is None
        for listeners in numbers
    ]
    found = {
        (loop.name, listeners, style.name): Samples()
        for loop, listeners in places
        for style in STYLES
        if loop.name not in style.absent
    }

    with _frozen_heap():
        _sample(places, found, spent, rounds=1 if quick else ROUNDS)

        for loop, listeners in places:
            loop.run(_hold, loop, listeners, found)

    notes = dict.fromkeys([style.name for style in WEBHOOKS], cost_of_commit())
    return [
        figure
        for style in STYLES
        for loop in LOOPS
        for listeners in numbers
        for figure in _figures(style, loop, listeners, found, notes)
    ]


def _sample(
    places: Sequence[tuple[Loop, int]], found: Found, spent: Spent, *, rounds: int
) -> None:
    """Let all take turns, in each round in an order of its own."""
    seeded = random.Random(3)

    for _ in range(rounds):
        for loop, listeners in seeded.sample(places, len(places)):
            styles = seeded.sample(STYLES, len(STYLES))
            loop.run(_sample_here, styles, loop, listeners, found, spent)


async def _sample_here(
    styles: Sequence[Style], loop: Loop, listeners: int, found: Found, spent: Spent
) -> None:
    for style in styles:
        samples = found.get((loop.name, listeners, style.name))

        if samples is not None:
            await sample(style, Job(listeners, loop), samples, spent)


async def _hold(loop: Loop, listeners: int, found: Found) -> None:
    for style in STYLES:
        samples = found.get((loop.name, listeners, style.name))

        if samples is not None:
            samples.held = await held_bytes(style, listeners, loop)


@contextlib.contextmanager
def _frozen_heap() -> Generator[None]:
    """Let collections look at nothing that is there already: they are many here."""
    gc.collect()
    gc.freeze()

    try:
        yield
    finally:
        gc.unfreeze()


def _figures(
    style: Style, loop: Loop, listeners: int, found: Found, notes: Mapping[str, str]
) -> Iterator[Figure]:
    samples = found.get((loop.name, listeners, style.name))
    values = {} if samples is None else _values(samples)
    absent = why_absent(loop) or style.absent.get(loop.name)
    several = "listener" if listeners == 1 else "listeners"

    for metric, unit in METRICS.items():
        yield Figure(
            table=TABLE,
            row=style.name,
            column=f"{metric}, {listeners} {several}, {loop.name}",
            value=values.get(metric),
            unit=unit,
            note=absent or notes.get(style.name, ""),
        )


def _values(samples: Samples) -> dict[str, float]:
    return {
        "latency": samples.median(),
        "latency p99": samples.late(),
        "throughput": 1 / min(samples.walls),
        "CPU": min(samples.processors),
        "memory": samples.held,
    }
