"""What a benchmark found: one line of the table, met or not met."""

from __future__ import annotations

__all__ = ("Figure", "Result", "Verdict", "skipped")

from enum import StrEnum
from typing import Literal

import attrs


class Verdict(StrEnum):
    """What a line of the table ends with."""

    MET = "met"
    NOT_MET = "NOT MET"
    SHOWN = "-"
    SKIPPED = "skipped"


@attrs.frozen
class Result:
    """One measured line."""

    name: str
    """What was measured, and against what, as the table shows it."""

    ratio: float | None
    """The figure: a ratio of two costs taken in one run. None where it was skipped."""

    limit: float | None = None
    """The limit it has to meet. None shows the figure and judges nothing."""

    better: Literal["lower", "higher"] = "lower"
    """Which side of the limit is the good one."""

    note: str = ""
    """What the reader should know: absolute cost, spread, why it was skipped."""

    unit: str = "x"
    """The unit of figure and limit, where they are no ratio ("ms", "bytes")."""

    @property
    def verdict(self) -> Verdict:
        """Met, not met, or shown only."""
        if self.ratio is None:
            return Verdict.SKIPPED

        if self.limit is None:
            return Verdict.SHOWN

        low = self.better == "lower"
        good = self.ratio <= self.limit if low else self.ratio >= self.limit
        return Verdict.MET if good else Verdict.NOT_MET


@attrs.frozen(kw_only=True)
class Figure:
    """One cell of a table that compares, or one point of a curve. It has no limit."""

    table: str
    """Where it stands: "styles", "rivals", "growth"."""

    row: str
    """What was measured: "promise chain", "pyee 13.0.0", "patterns"."""

    column: str
    """Under which circumstances: "10 listeners, trio", "emit to 100"."""

    value: float | None
    """What came out; None where it could not be measured: the note says why."""

    unit: str
    """The unit of the value: "s", "1/s", "bytes", "x" for a ratio."""

    at: float | None = None
    """Where the point of a curve lies: how many subscriptions, links, events."""

    note: str = ""
    """What the reader should know."""


def skipped(name: str, reason: str, *, limit: float | None = None) -> Result:
    """Make the line of something that could not be measured here, and say why."""
    return Result(name, None, limit, note=reason)
