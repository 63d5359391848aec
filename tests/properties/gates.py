"""A naive model of overlapping runs: what begins and ends when, by the hour."""

# Time is a number. Emissions come at whole hours. A run's length has a fraction of its
#   own, a power of two: so no end falls on a whole hour, and no two ends on another
#   unless they must. So nothing here depends on who of two comes first.

from __future__ import annotations

__all__ = ("Gates", "Kind", "Run", "length")

from typing import Literal

import attrs

Kind = Literal["merge", "queue", "drop", "latest", "restart"]
State = Literal["waiting", "begun", "ended", "cancelled", "dropped"]


@attrs.define(eq=False)
class Run:
    """One emission's run."""

    number: int
    hours: int
    fails: bool
    awaited: bool
    state: State = "waiting"
    end: float = 0.0

    @property
    def outcome(self) -> object:
        """What its `aemit` gives; None if that was cancelled."""
        if self.state == "ended":
            return "failed" if self.fails else [self.number]

        return None if self.state == "cancelled" else []


def length(number: int, hours: int) -> float:
    """Tell how long a run takes: never as long as another."""
    return hours + 0.5 ** (number + 1)


class Gates:
    """One subscription with an overlap policy, as one would write it down."""

    def __init__(self, kind: Kind, concurrency: int | None) -> None:
        self._kind = kind
        self._limit = concurrency if kind == "merge" else 1
        self.log: list[tuple[float, str]] = []
        self.runs: list[Run] = []
        self.subscribed = True
        self.paused = False
        self.calls = 0

    @property
    def running(self) -> list[Run]:
        """What runs now."""
        return [run for run in self.runs if run.state == "begun"]

    @property
    def waiting(self) -> list[Run]:
        """What waits for its turn, in order."""
        return [run for run in self.runs if run.state == "waiting"]

    def emit(self, now: float, run: Run) -> int:
        """Take an emission; tell how many hear it."""
        run.state = "dropped"
        self.runs.append(run)

        if not self.subscribed or self.paused:
            return 0

        free = self._limit is None or len(self.running) < self._limit

        if not free and self._kind == "drop":
            return 0

        self.calls += 1

        if not free and self._kind in ("latest", "restart"):
            self._drop_waiting()

        if not free and self._kind == "restart":
            for older in self.running:
                self._end(now, older, "dropped")

        run.state = "waiting"
        self._go_on(now)
        return 1

    def cancel(self) -> None:
        """End the subscription: what has begun goes on."""
        self.subscribed = False
        self._drop_waiting()

    def give_up(self, now: float, run: Run) -> None:
        """Cancel who awaits a run."""
        if run.awaited and run.state in ("waiting", "begun"):
            self._end(now, run, "cancelled")
            self._go_on(now)

    def pass_until(self, now: float) -> None:
        """Let all happen that ends before this hour."""
        while ending := [run for run in self.running if run.end < now]:
            first = min(ending, key=lambda run: run.end)
            self._end(first.end, first, "ended")
            self._go_on(first.end)

    def _go_on(self, now: float) -> None:
        for run in self.waiting:
            if self._limit is None or len(self.running) < self._limit:
                run.state, run.end = "begun", now + length(run.number, run.hours)
                self.log.append((now, f"+{run.number}"))

    def _end(self, now: float, run: Run, state: State) -> None:
        if run.state == "begun":
            self.log.append((now, f"{'-' if state == 'ended' else 'x'}{run.number}"))

        run.state = state

    def _drop_waiting(self) -> None:
        for run in self.waiting:
            run.state = "dropped"
