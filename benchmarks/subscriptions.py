"""What subscriptions cost: to make and end one, after a change, and in memory."""

from __future__ import annotations

__all__ = ("run",)

import gc
import itertools
import tracemalloc
from collections.abc import Sequence

from benchmarks.callbacks import Callback, functions
from benchmarks.measure import Case, calls, race
from benchmarks.results import Result

import upcall

OTHERS = 1000
PAIR_LIMIT = 1.5
CHANGE_LIMIT = 3.0
MEMORY_LIMIT = 250.0


def run(quick: bool) -> list[Result]:
    """Measure subscribing, the first emit after it, and the memory it takes."""
    return [*_pairs(quick=quick), _after_a_change(quick=quick), _memory(quick=quick)]


def _pairs(*, quick: bool) -> list[Result]:
    alone, crowded = _signal(0), _signal(OTHERS)
    cases = {
        "cancel, none": _on_and_cancel(alone),
        "cancel, many": _on_and_cancel(crowded),
        "off, none": _on_and_off(alone),
        "off, many": _on_and_off(crowded),
    }
    found = race(cases, quick=quick)
    return [
        found.result(
            f"on and {way} with {OTHERS} others, against none",
            f"{way}, many",
            f"{way}, none",
            PAIR_LIMIT,
        )
        for way in ("cancel", "off")
    ]


def _after_a_change(*, quick: bool) -> Result:
    """Emit after each change; what the change itself costs is taken off again."""
    signal = _signal(100)
    change = _on_and_cancel(_signal(100))
    (callback,) = functions(1)

    def first(number: int) -> None:
        for _ in itertools.repeat(None, number):
            signal.on(callback).cancel()
            signal.emit(1)

    settled = _signal(100)
    cases = {"first": first, "change": change, "settled": calls(settled.emit, 1)}
    found = race(cases, quick=quick)
    ratio = (found.best("first") - found.best("change")) / found.best("settled")
    title = "first emit after a change, 100 functions, against a settled one"
    return Result(title, ratio, CHANGE_LIMIT, note="the change itself is taken off")


def _memory(*, quick: bool) -> Result:
    """Count the bytes that Python allocates for subscriptions on a bus."""
    events = 500 if quick else 10_000
    names = [f"event.{place}" for place in range(events)]
    callbacks = functions(10)
    _filled(["warm.up"], callbacks)
    gc.collect()

    tracemalloc.start()
    bus = _filled(names, callbacks)
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del bus

    each = taken / (events * len(callbacks))
    title = f"memory of one of {events * len(callbacks):,} subscriptions on a bus"
    note = f"over {events:,} events, each emitted"
    return Result(title, each, MEMORY_LIMIT, note=note, unit="bytes")


def _filled(names: list[str], callbacks: Sequence[Callback]) -> upcall.Bus:
    bus = upcall.Bus()

    for name in names:
        for callback in callbacks:
            bus.on(name, callback)

    for name in names * 10:
        bus.emit(name, 1)

    return bus


def _signal(number: int) -> upcall.Signal[int]:
    signal = upcall.Signal[int]("ticked")

    for callback in functions(number):
        signal.on(callback)

    return signal


def _on_and_cancel(signal: upcall.Signal[int]) -> Case:
    (callback,) = functions(1)

    def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            signal.on(callback).cancel()

    return case


def _on_and_off(signal: upcall.Signal[int]) -> Case:
    (callback,) = functions(1)

    def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            signal.on(callback)
            signal.off(callback)

    return case
