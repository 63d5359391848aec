"""Subscribing: what one more callback costs among many, in time and in memory."""

from __future__ import annotations

__all__ = ("subscribing",)

import gc
import tracemalloc
from collections.abc import Sequence

from benchmarks.callbacks import Callback
from benchmarks.measure import Case, calls, race
from benchmarks.results import Figure
from benchmarks.rivals.entry import Emitter, Way, called
from benchmarks.rivals.field import Field, figures
from benchmarks.rivals.made import callbacks

TABLE = "rivals subscriptions"
OTHERS = 1000
IDLE = Way(name="", subscribed=lambda _: called(len, (), change=lambda _: None))
"""A way that holds nothing: what it takes is ours, and is taken off from the others."""


def subscribing(field: Field, *, quick: bool) -> list[Figure]:
    """Measure the pair of subscribe and unsubscribe, and the bytes."""
    ways = {
        rival.title(way.subscribes): way
        for rival in field.present
        for way in rival.ways
        if way.subscribes is not None
    }
    return _pairs(ways, quick=quick) + [
        figure for title, way in ways.items() for figure in _memory(title, way)
    ]


def _pairs(ways: dict[str, Way], *, quick: bool) -> list[Figure]:
    """Subscribe and unsubscribe one, while the others stay."""
    cases: dict[str, Case] = {}

    for title, way in ways.items():
        emitter = way.subscribed(callbacks(OTHERS, keywords=way.keywords))
        (one,) = callbacks(1, keywords=way.keywords)

        if emitter.change is not None:
            cases[title] = calls(emitter.change, one)

    raced = race(cases, quick=quick)
    column = f"subscribe and unsubscribe, {OTHERS} others"
    return figures(raced, TABLE, column, next(iter(cases)))


def _memory(title: str, way: Way) -> list[Figure]:
    """Count the bytes of an emitter with one subscription, and of each one more."""
    alone, many = _taken(way, 1), _taken(way, 1 + OTHERS)
    values = {
        f"memory of one more, {OTHERS} of them": (many - alone) / OTHERS,
        "memory of an emitter with one": alone - _taken(IDLE, 1),
    }
    return [
        Figure(table=TABLE, row=title, column=column, value=value, unit="bytes")
        for column, value in values.items()
    ]


def _taken(way: Way, number: int) -> float:
    """Count what Python allocates for an emitter that has emitted."""
    made = callbacks(number, keywords=way.keywords)
    _emitted(way, made)  # what is made once and kept is not counted
    gc.collect()
    tracemalloc.start()
    emitter = _emitted(way, made)
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del emitter
    return taken


def _emitted(way: Way, made: Sequence[Callback]) -> Emitter:
    emitter = way.subscribed(made)

    for _ in range(10):
        emitter.once()

    return emitter
