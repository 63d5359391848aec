"""Emitting to sync callbacks: to 1, 10 and 100, to one of many names, to a pattern."""

from __future__ import annotations

__all__ = ("emitting",)

from benchmarks.measure import Case, race
from benchmarks.results import Figure, Result
from benchmarks.rivals.field import Field, figures, judged, none
from benchmarks.rivals.made import callbacks

TABLE = "rivals"
PEERS = ("psygnal", "eventkit", "pyee", "blinker", "Events")
NUMBERS = (1, 10, 100)
NAMES = 1000
OTHERS = 100


def emitting(field: Field, *, quick: bool) -> list[Result | Figure]:
    """Measure each way beside all others, and judge that no peer is ahead."""
    found: list[Result | Figure] = []

    for number in NUMBERS:
        raced = race(_subscribed(field, number), quick=quick)
        column = f"emit to {number}"
        found += figures(raced, TABLE, column, next(iter(raced.times)))
        found += _only_awaited(field, column)
        found += judged(field, raced, f"Signal.emit to {number}", PEERS)

    return found + _by_name(field, quick=quick) + _by_pattern(field, quick=quick)


def _subscribed(field: Field, number: int) -> dict[str, Case]:
    return {
        title: way.subscribed(callbacks(number, keywords=way.keywords)).case
        for title, way in field.ways().items()
    }


def _only_awaited(field: Field, column: str) -> list[Figure]:
    why = "has none: its emission is awaited"
    return [
        none(TABLE, f"{rival.library} {rival.version()}", column, why)
        for rival in field.present
        if rival.awaited and not rival.ways
    ]


def _by_name(field: Field, *, quick: bool) -> list[Figure]:
    """Give each of so many names one callback, and emit to all names in turn."""
    column = f"emit to one of {NAMES} names"
    names = [f"event{place}" for place in range(NAMES)]
    table = dict(zip(names, callbacks(NAMES), strict=True))
    cases = {
        title: way.named(table) for title, way in field.ways().items() if way.named
    }
    return _column(field, cases, column, quick=quick)


def _by_pattern(field: Field, *, quick: bool) -> list[Figure]:
    """Emit to a name that only a pattern catches, while other names have callbacks."""
    column = f"emit to a pattern beside {OTHERS} names"
    names = ["order.*", *(f"stock.item{place}" for place in range(OTHERS))]
    table = dict(zip(names, callbacks(OTHERS + 1), strict=True))
    cases = {
        title: way.pattern(table, "order.*", "order.paid")
        for title, way in field.ways().items()
        if way.pattern
    }
    return _column(field, cases, column, quick=quick)


def _column(
    field: Field, cases: dict[str, Case], column: str, *, quick: bool
) -> list[Figure]:
    raced = race(cases, quick=quick)
    return figures(raced, TABLE, column, next(iter(cases))) + [
        none(TABLE, title, column, "has none")
        for title in field.ways()
        if title not in cases
    ]
