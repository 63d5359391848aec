"""The limits of the design: which figures answer a line, and what it is then."""

from __future__ import annotations

__all__ = ()

import pytest
from benchmarks.report.limits import LINES, Answer, answers, others
from benchmarks.report.pages import DOCS, RESULTS
from benchmarks.report.record import read
from benchmarks.results import Result, Verdict, skipped
from benchmarks.running import BENCHMARKS
from tests.benchmarks.made import make_record

IMPORT = "import upcall, beyond anyio and attrs"


def _answer(short: str, **found: list[Result]) -> Answer:
    record = make_record(**found)
    return next(each for each in answers(record) if each.line.short == short)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Result(IMPORT, 12.0, 30.0), Verdict.MET),
        (Result(IMPORT, 31.0, 30.0), Verdict.NOT_MET),
        (skipped(IMPORT, "why not", limit=30.0), Verdict.SKIPPED),
        (Result("another name", 12.0, 30.0), Verdict.SKIPPED),
    ],
)
def test_a_line_is_met_if_its_figure_is_there_and_within(
    result: Result, verdict: Verdict
) -> None:
    """What was not measured is not met."""
    assert _answer("import upcall", importing=[result]).verdict is verdict


def test_a_line_of_several_figures_is_as_good_as_its_worst() -> None:
    """They stand in the order in which they were measured."""
    found = [
        Result(f"{what}, {number} functions, against a bare loop", ratio, limit)
        for what in ("Bus.emit(event)", "Bus.emit(name, x)")
        for number, ratio, limit in ((1, 2.0, 2.2), (10, 1.2, 1.05))
    ]

    answer = _answer("Bus.emit", emit=found)

    assert answer.verdict is Verdict.NOT_MET
    assert [each.ratio for each in answer.results] == [2.0, 1.2, 2.0, 1.2]


def test_a_line_with_a_part_that_was_not_measured_is_not_met() -> None:
    """One loop of three says nothing about the others."""
    result = Result("aemit on trio, one, against await callback(x)", 1.0, 2.7)

    assert _answer("aemit to one", aemit=[result]).verdict is Verdict.SKIPPED


def test_a_figure_with_a_limit_of_no_line_is_shown_elsewhere() -> None:
    """So that a name that has changed does not take a limit out of sight."""
    known, renamed = Result(IMPORT, 12.0, 30.0), Result("importing", 12.0, 30.0)
    record = make_record(importing=[known, renamed, Result("no limit", 1.0)])

    assert list(others(record)) == [renamed]


def test_every_line_asks_benchmarks_that_are_there() -> None:
    """A module or a package that gives `run`, and none of the machinery."""
    asked = {part.benchmark for line in LINES for part in line.parts}

    assert asked <= set(BENCHMARKS)
    assert {"measure", "running", "report", "results"}.isdisjoint(BENCHMARKS)


def test_every_line_has_figures_in_the_docs() -> None:
    """Who renames what is measured is told here, after the next measurement."""
    found = answers(read(DOCS / RESULTS))

    open_ones = [
        f"{answer.line.what} {part.label}"
        for answer in found
        for part, results in answer.parts
        if not results
    ]
    assert open_ones == []
