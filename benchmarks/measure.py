"""Measuring: cases side by side in one process, in shuffled rounds, as ratios."""

# Rule 1: no figure stands alone. What is compared runs in the same process, in the same
#   rounds, each round in a new order; then a noisy neighbour hits all alike.
# Rule 2: a case loops by itself (`case(number)`), so that no call of ours stands
#   between the loop and what is measured.
# Rule 3: the garbage collector is off while a sample is taken, and has run before.

from __future__ import annotations

__all__ = ("AsyncCase", "Case", "Race", "arace", "calls", "no_garbage", "race")

import gc
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import attrs
from benchmarks.results import Result

Case: TypeAlias = Callable[[int], object]
"""Does the thing that many times."""

AsyncCase: TypeAlias = Callable[[int], Awaitable[object]]
"""Does the thing that many times, in the running loop."""

Clock: TypeAlias = Callable[[], float]


@attrs.frozen
class Race:
    """The seconds per call of each case, one entry per round."""

    times: Mapping[str, tuple[float, ...]]

    def best(self, name: str) -> float:
        """Return the least seconds per call: the cost with the least disturbance."""
        return min(self.times[name])

    def ratio(self, name: str, against: str) -> float:
        """Return the best of one over the best of the other."""
        return self.best(name) / self.best(against)

    def median(self, name: str, against: str) -> float:
        """Return the median of the rounds' ratios: what a disturbed machine shows."""
        pairs = zip(self.times[name], self.times[against], strict=True)
        return statistics.median(one / other for one, other in pairs)

    def result(
        self, title: str, name: str, against: str, limit: float | None = None
    ) -> Result:
        """Make the line "this case, against that one", with the costs in its note."""
        note = (
            f"{_shown(self.best(name))} against {_shown(self.best(against))}; "
            f"median of rounds {self.median(name, against):.2f}"
        )
        return Result(title, self.ratio(name, against), limit, note=note)


def race(
    cases: Mapping[str, Case],
    *,
    quick: bool = False,
    rounds: int | None = None,
    sample: float | None = None,
    clock: Clock = time.thread_time,
) -> Race:
    """Measure the cases against each other.

    Args:
        cases: by name. Each is run once before anything is measured.
        quick: few and short rounds, to see that it runs; the figures mean little.
        rounds: how many; 75 by default, 3 when quick. Many short ones: where the speed
            of the machine changes, each case has to meet its better moments.
        sample: seconds one sample should take; 0.01 by default, 0.001 when quick.
        clock: the seconds used. By default those of this thread on a processor; take
            `time.perf_counter` where threads, disks or sockets are part of the cost.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}

    with no_garbage():
        numbers = {
            name: _fitting_number(case, _sample(sample, quick=quick), clock)
            for name, case in cases.items()
        }

        for name in _shuffled(cases, rounds, quick=quick):
            start = clock()
            cases[name](numbers[name])
            times[name].append((clock() - start) / numbers[name])

    return Race({name: tuple(found) for name, found in times.items()})


async def arace(
    cases: Mapping[str, AsyncCase],
    *,
    quick: bool = False,
    rounds: int | None = None,
    sample: float | None = None,
    clock: Clock = time.thread_time,
) -> Race:
    """Measure cases in the running loop against each other; else like `race`."""
    times: dict[str, list[float]] = {name: [] for name in cases}

    with no_garbage():
        numbers = {
            name: await _afitting_number(case, _sample(sample, quick=quick), clock)
            for name, case in cases.items()
        }

        for name in _shuffled(cases, rounds, quick=quick):
            start = clock()
            await cases[name](numbers[name])
            times[name].append((clock() - start) / numbers[name])

    return Race({name: tuple(found) for name, found in times.items()})


def calls(function: Callable[..., object], /, *args: Any) -> Case:
    """Make the case that calls the function with these arguments (at most two).

    The arguments are spelled out, not unpacked: `f(*args)` costs more than `f(a)`.
    """
    match args:
        case ():

            def case(number: int) -> None:
                for _ in itertools.repeat(None, number):
                    function()
        case (one,):

            def case(number: int) -> None:
                for _ in itertools.repeat(None, number):
                    function(one)
        case (one, two):

            def case(number: int) -> None:
                for _ in itertools.repeat(None, number):
                    function(one, two)
        case _:
            raise TypeError(f"{len(args)} arguments are too many: write the loop")

    return case


def _sample(seconds: float | None, *, quick: bool) -> float:
    if seconds is not None:
        return seconds

    return 0.001 if quick else 0.01


def _shuffled(
    cases: Mapping[str, object], rounds: int | None, *, quick: bool
) -> Iterator[str]:
    """Give the names once per round, in an order of its own."""
    names = list(cases)
    seeded = random.Random(2)

    for _ in range(rounds or (3 if quick else 75)):
        seeded.shuffle(names)
        yield from names


def _fitting_number(case: Case, sample: float, clock: Clock) -> int:
    """Double the number until one sample is long enough. Warms the case up, too."""
    number = 1
    case(number)

    while True:
        start = clock()
        case(number)

        if clock() - start >= sample:
            return number

        number *= 2


async def _afitting_number(case: AsyncCase, sample: float, clock: Clock) -> int:
    number = 1
    await case(number)

    while True:
        start = clock()
        await case(number)

        if clock() - start >= sample:
            return number

        number *= 2


@contextmanager
def no_garbage() -> Iterator[None]:
    """Collect garbage now, and none within."""
    on = gc.isenabled()
    gc.collect()
    gc.disable()

    try:
        yield
    finally:
        if on:
            gc.enable()


def _shown(seconds: float) -> str:
    """Show a duration in the unit that fits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size * 0.9995:
            return f"{seconds / size:.3g} {unit}"

    return f"{seconds / 1e-9:.3g} ns"
