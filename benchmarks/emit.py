"""What `emit` costs, against a bare loop over the same callbacks."""

from __future__ import annotations

__all__ = ("run",)

import itertools
from collections.abc import Callable, Sequence

from benchmarks.callbacks import Callback, bare, functions, methods
from benchmarks.measure import Case, calls, race
from benchmarks.results import Result

import upcall

SIGNAL_LIMITS = {1: 1.8, 10: 1.0, 100: 0.85}
BUS_LIMITS = {1: 2.2, 10: 1.05, 100: 0.9}
TURN_LIMIT = 1.2


@upcall.event("benchmark.ticked")
class Ticked:
    """Something happened."""

    number: int


def run(quick: bool) -> list[Result]:
    """Emit on one hot signal, on a bus by class and by name, and on many signals."""
    found: list[Result] = []

    for number, limit in SIGNAL_LIMITS.items():
        for kind, make in (("functions", functions), ("methods", methods)):
            found.append(_signal(make(number), kind, limit, quick=quick))

    for number, limit in BUS_LIMITS.items():
        found += _bus(functions(number), limit, quick=quick)

    found.append(_in_turn(quick=quick))
    return found


def _signal(
    called: Sequence[Callback], kind: str, limit: float, *, quick: bool
) -> Result:
    signal = upcall.Signal[int]("ticked")
    _subscribe(signal.on, called)
    cases = {"emit": calls(signal.emit, 1), "bare": bare(called, 1)}
    title = f"Signal.emit, {len(called)} {kind}, against a bare loop"
    return race(cases, quick=quick).result(title, "emit", "bare", limit)


def _bus(called: Sequence[Callback], limit: float, *, quick: bool) -> list[Result]:
    bus, ticked = upcall.Bus(), Ticked(number=1)
    _subscribe(lambda callback: bus.on(Ticked, callback), called)
    _subscribe(lambda callback: bus.on("ticked", callback), called)
    cases = {
        "Bus.emit(event)": calls(bus.emit, ticked),
        "Bus.emit(name, x)": calls(bus.emit, "ticked", ticked),
        "bare": bare(called, ticked),
    }
    found = race(cases, quick=quick)
    return [
        found.result(
            f"{name}, {len(called)} functions, against a bare loop", name, "bare", limit
        )
        for name in ("Bus.emit(event)", "Bus.emit(name, x)")
    ]


def _in_turn(*, quick: bool) -> Result:
    """Emit on fifty signals in turn: a program, where the others are one hot loop."""
    groups = [functions(10) for _ in range(50)]
    signals = [upcall.Signal[int](f"signal.{place}") for place in range(50)]

    for signal, group in zip(signals, groups, strict=True):
        _subscribe(signal.on, group)

    emits = [signal.emit for signal in signals]
    cases = {"emit": _each(emits), "bare": _each_bare(groups)}
    title = "50 signals in turn, 10 functions each, against bare loops"
    return race(cases, quick=quick).result(title, "emit", "bare", TURN_LIMIT)


def _each(emits: Sequence[Callable[[int], object]]) -> Case:
    def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            for emit in emits:
                emit(1)

    return case


def _each_bare(groups: Sequence[Sequence[Callback]]) -> Case:
    def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            for group in groups:
                for function in group:
                    function(1)

    return case


def _subscribe(on: Callable[[Callback], object], callbacks: Sequence[Callback]) -> None:
    for callback in callbacks:
        on(callback)
