"""Noise: a loop against itself. What its ratio is off by, any may be off by."""

from __future__ import annotations

__all__ = ("run",)

import time
from collections.abc import Callable

from benchmarks.callbacks import bare, functions
from benchmarks.measure import race
from benchmarks.results import Result

TIMES = 10


def run(quick: bool) -> list[Result]:
    """Race it against its double by either clock, several times."""
    clocks = {"the processor": time.thread_time, "the wall": time.perf_counter}
    return [_furthest(name, clock, quick=quick) for name, clock in clocks.items()]


def _furthest(name: str, clock: Callable[[], float], *, quick: bool) -> Result:
    found = []

    for _ in range(2 if quick else TIMES):
        called = functions(100)
        cases = {"one": bare(called, 1), "other": bare(called, 1)}
        found.append(race(cases, quick=quick, clock=clock).ratio("one", "other"))

    furthest = max(found, key=lambda ratio: abs(ratio - 1))
    note = f"the furthest from 1 of {len(found)}, from {min(found):.3f} "
    return Result(
        f"a bare loop against itself, by the clock of {name}",
        furthest,
        note=f"{note}to {max(found):.3f}",
    )
