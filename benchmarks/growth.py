"""Growth: what one operation costs beside ever more subscriptions, events, links.

Each curve has points from few to many, half a decade apart, that are measured in turns.
The cost is seconds of the processor, of the best round. A line through the logarithms
of all points has a slope: 0 if the cost does not grow, 1 if it grows in proportion.

- Of subscriptions: an emission to ten while ever more are subscribed to other events of
  the bus; the first emission after a change, likewise; an emission to all of them; to
  subscribe one more to their event, and cancel it.
- Of patterns: an emission while ever more patterns match other names; the first
  emission of a name, likewise, and while ever more patterns have to be looked at,
  because they begin with the same segment; an emission to one callback of each.
- Of events in flight: an emission to a callback that lets the loop turn once, until it
  is through, while callbacks of ever more events wait.
- Of links: a promise chain, from its first link to the value of its last.
- Of waiting deliveries: a claim of fifty, for one of a hundred endpoints each, while
  nine of ten wait for a dead one, and giving them back; a transaction each.
"""

from __future__ import annotations

__all__ = ("run", "spaced")

import itertools
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
from benchmarks.callbacks import functions
from benchmarks.loops import LOOPS, Loop, why_absent
from benchmarks.measure import AsyncCase, Case, Race, arace, calls, race
from benchmarks.results import Figure
from benchmarks.waiting import claiming, in_memory, waiting

from upcall import Bus, Promise

TABLE: Final = "growth"
CALLED: Final = 10
ROUNDS: Final = 9
LARGEST: Final = 300
"""The most of anything in the quick form."""

NAME: Final = "order.paid"
DEEP: Final = ".".join("abcdefghijkl")
"""A name that 2 to the 12th patterns match, with a star or none for each segment."""

Make: TypeAlias = Callable[[int], Case]
AsyncMake: TypeAlias = Callable[[int, Loop, AsyncExitStack], Awaitable[AsyncCase]]


def run(quick: bool) -> list[Figure]:
    """Measure all curves; the quick form has only their lower ends."""
    found = [
        figure
        for (row, column), (make, most) in CURVES.items()
        for figure in _points(row, column, _race(make, most, quick=quick))
    ]

    for loop in LOOPS:
        for row, column in IN_LOOPS:
            found += _in_loop(row, column, loop, quick=quick)

    return [*found, *_claims(quick=quick)]


def spaced(first: int, last: int) -> list[int]:
    """Return the numbers 1, 3, 10, 30 and so on that are neither smaller nor larger."""
    decades = (digit * 10**power for power in itertools.count() for digit in (1, 3))
    few = itertools.takewhile(lambda number: number <= last, decades)
    return [number for number in few if number >= first]


def _numbers(most: int, *, quick: bool) -> list[int]:
    """Return seven numbers, or in the quick form what is left of them."""
    numbers = spaced(1, most)[-7:]
    return [each for each in numbers if each <= LARGEST] if quick else numbers


def _race(make: Make, most: int, *, quick: bool) -> Race:
    cases = {f"{number}": make(number) for number in _numbers(most, quick=quick)}
    return race(cases, quick=quick, rounds=None if quick else ROUNDS)


def _points(row: str, column: str, found: Race, note: str = "") -> Iterator[Figure]:
    for number in found.times:
        yield Figure(
            table=TABLE,
            row=row,
            column=column,
            value=found.best(number),
            unit="s",
            at=float(number),
            note=note,
        )


# --- subscriptions ---


def _beside_others(number: int) -> Case:
    return calls(_bus_with_others(number).emit, NAME, 1)


def _after_a_change(number: int) -> Case:
    bus = _bus_with_others(number)
    (callback,) = functions(1)

    def case(times: int) -> None:
        for _ in itertools.repeat(None, times):
            bus.on(NAME, callback).cancel()
            bus.emit(NAME, 1)

    return case


def _bus_with_others(number: int) -> Bus:
    """Make a bus whose events have ten subscriptions each, so many without ours."""
    bus = Bus()
    callbacks = functions(CALLED)

    for callback in callbacks:
        bus.on(NAME, callback)

    for place in range(number):
        bus.on(f"other.e{place // CALLED}", callbacks[place % CALLED])

    return bus


def _to_all(number: int) -> Case:
    return calls(_bus_of_one_event(number).emit, NAME, 1)


def _one_more(number: int) -> Case:
    bus = _bus_of_one_event(number)
    (callback,) = functions(1)

    def case(times: int) -> None:
        for _ in itertools.repeat(None, times):
            bus.on(NAME, callback).cancel()

    return case


def _bus_of_one_event(number: int) -> Bus:
    bus = Bus()

    for callback in functions(number):
        bus.on(NAME, callback)

    return bus


# --- patterns ---


def _beside_patterns(number: int) -> Case:
    return calls(_bus_with(f"other{each}.*" for each in range(number)).emit, NAME, 1)


def _first_emission(number: int) -> Case:
    return _new_names(_bus_with(f"other{each}.*" for each in range(number)))


def _first_among_alike(number: int) -> Case:
    return _new_names(_bus_with(f"order.*.not{each}" for each in range(number)))


def _bus_with(patterns: Iterable[str]) -> Bus:
    """Make a bus with these patterns, and ten callbacks that hear every order."""
    bus = Bus()
    (callback,) = functions(1)

    for hearing in functions(CALLED):
        bus.on("order.**", hearing)

    for pattern in patterns:
        bus.on(pattern, callback)

    return bus


def _new_names(bus: Bus) -> Case:
    numbers = itertools.count()

    def case(times: int) -> None:
        for number in itertools.islice(numbers, times):
            bus.emit(f"order.o{number}.paid", 1)

    return case


def _to_each_pattern(number: int) -> Case:
    bus = Bus()
    choices = [(segment, "*") for segment in DEEP.split(".")]
    patterns = [".".join(each) for each in itertools.product(*choices)][-number:]

    for pattern, callback in zip(patterns, functions(number), strict=True):
        bus.on(pattern, callback)

    assert bus.emit(DEEP, 1) == number
    return calls(bus.emit, DEEP, 1)


CURVES: Final[Mapping[tuple[str, str], tuple[Make, int]]] = {
    ("emit to 10, others elsewhere", "subscriptions"): (_beside_others, 100_000),
    ("first emit after a change, others elsewhere", "subscriptions"): (
        _after_a_change,
        100_000,
    ),
    ("emit to all", "subscriptions"): (_to_all, 10_000),
    ("subscribe one more, and cancel it", "subscriptions"): (_one_more, 10_000),
    ("emit to 10, none matches", "patterns"): (_beside_patterns, 10_000),
    ("first emit of a name, none matches", "patterns"): (_first_emission, 10_000),
    ("first emit of a name, none matches, but all begin like it", "patterns"): (
        _first_among_alike,
        10_000,
    ),
    ("emit to all that match", "patterns"): (_to_each_pattern, 3_000),
}


# --- in a loop ---


def _in_loop(row: str, column: str, loop: Loop, *, quick: bool) -> Iterator[Figure]:
    absent = why_absent(loop)
    name = f"{row}, {loop.name}"

    if absent is None:
        make, most = IN_LOOPS[row, column]
        numbers = _numbers(most, quick=quick)
        found = loop.run(_race_here, make, numbers, loop, quick)
        yield from _points(name, column, found)
    else:
        yield Figure(
            table=TABLE, row=name, column=column, value=None, unit="s", note=absent
        )


async def _race_here(
    make: AsyncMake, numbers: Sequence[int], loop: Loop, quick: bool
) -> Race:
    async with AsyncExitStack() as opened:
        cases = {f"{number}": await make(number, loop, opened) for number in numbers}
        return await arace(cases, quick=quick, rounds=None if quick else ROUNDS)

    raise AssertionError("no bus swallows what is raised in it")


async def _in_flight(number: int, loop: Loop, opened: AsyncExitStack) -> AsyncCase:
    """Make the case of a bus on which so many events are under way."""
    gate = anyio.Event()
    bus = await opened.enter_async_context(Bus())
    opened.callback(gate.set)
    through = 0

    async def wait(_: Any) -> None:
        await gate.wait()

    async def turn(_: Any) -> None:
        nonlocal through
        await loop.pause()
        through += 1

    bus.on("order.waits", wait)
    bus.on(NAME, turn)

    for _ in range(number):
        bus.emit("order.waits")

    async def case(times: int) -> None:
        target = through + times

        for left in range(target - times, target):
            bus.emit(NAME)

            while through <= left:
                await loop.pause()

        assert bus.statistics().running >= number

    return case


async def _chain(number: int, _: Loop, __: AsyncExitStack) -> AsyncCase:
    """Make the case of a chain of so many links."""
    make = Promise[int].with_resolvers

    async def case(times: int) -> None:
        for _ in itertools.repeat(None, times):
            last, resolve, _ = make()

            for _ in itertools.repeat(None, number):
                last = last.then(_add)

            resolve(0)
            assert await last == number

    return case


def _add(value: int) -> int:
    return value + 1


IN_LOOPS: Final[Mapping[tuple[str, str], tuple[AsyncMake, int]]] = {
    ("emit one more, until it is through", "events in flight"): (_in_flight, 10_000),
    ("a promise chain", "links"): (_chain, 10_000),
}


# --- waiting deliveries ---


def _claims(*, quick: bool) -> Iterator[Figure]:
    numbers = spaced(1000, 10_000 if quick else 1_000_000)

    with tempfile.TemporaryDirectory(dir=in_memory()) as folder, ExitStack() as opened:
        stores = {
            f"{number}": opened.enter_context(
                waiting(Path(folder) / f"{number}.db", number)
            )
            for number in numbers
        }
        cases = {number: claiming(store) for number, store in stores.items()}
        found = race(cases, quick=quick, rounds=None if quick else ROUNDS)

    where = f"SQLite in {in_memory() or tempfile.gettempdir()}"
    name = "claim 50, and give them back"
    yield from _points(name, "waiting deliveries", found, where)
