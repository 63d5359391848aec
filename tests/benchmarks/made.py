"""Records made up for the tests of the report."""

from __future__ import annotations

__all__ = ("MACHINE", "make_figure", "make_record")

from collections.abc import Sequence
from typing import Any

from benchmarks.report.machine import Machine
from benchmarks.report.record import Measured
from benchmarks.results import Figure, Result

MACHINE = Machine(
    processor="a processor",
    cores=2,
    system="a system",
    python="CPython 3.11.7",
    versions={"upcall": "0.1.0", "pyee": "13.0.0"},
)


def make_record(**found: Sequence[Result | Figure]) -> dict[str, Measured]:
    """Make a record of what these benchmarks found."""
    return {
        name: Measured(
            date="2026-01-02T03:04:05+00:00",
            seconds=1.5,
            load=0.25,
            quick=False,
            revision="abc1234",
            machine=MACHINE,
            found=tuple(each),
        )
        for name, each in found.items()
    }


def make_figure(row: str, column: str, value: float | None, **changes: Any) -> Figure:
    """Make a figure of the rivals' table: a ratio."""
    fields: dict[str, Any] = {"table": "rivals", "unit": "x"}
    return Figure(row=row, column=column, value=value, **(fields | changes))
