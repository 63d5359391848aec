"""The tables that are made of a record."""

from __future__ import annotations

__all__ = ()

import attrs
import pytest
from benchmarks.report.compared import comparisons
from benchmarks.report.markdown import table
from benchmarks.report.slopes import slope
from benchmarks.report.tables import parts, terminal
from benchmarks.results import Figure, Result
from tests.benchmarks.made import MACHINE, make_figure, make_record


def test_a_table_has_numbers_at_the_right_and_no_stray_bar() -> None:
    """A bar within a cell would begin another one."""
    assert table(["what", "cost"], [["a | b", "1.50"]]) == (
        "| what   | cost |\n| ------ | ---: |\n| a \\| b | 1.50 |\n"
    )


def test_rivals_have_a_row_each_and_a_column_for_each_operation() -> None:
    """In the order of the benchmark; what is not there says why."""
    record = make_record(
        rivals=[
            make_figure("loop", "emit to 1", 1.0),
            make_figure("pyee", "emit to 1", 2.5),
            make_figure("pyee", "emit to 10", None, note="has none"),
        ]
    )

    lines = comparisons(record)["rivals"].splitlines()

    assert lines[0].split("|")[2:4] == [" emit to 1 ", " emit to 10 "]
    assert [each.split() for each in lines[2:4]] == [
        ["|", "loop", "|", "1.00", "|", "-", "|"],
        ["|", "pyee", "|", "2.50", "|", "has", "none", "|"],
    ]


def test_styles_are_summed_up_on_asyncio_and_shown_whole() -> None:
    """A column names metric, listeners and loop."""
    columns = ("latency, 10 listeners, asyncio", "latency, 10 listeners, trio")
    record = make_record(
        styles=[
            make_figure("direct call", column, value, table="styles", unit="s")
            for column, value in zip(columns, (2e-6, 3e-6), strict=True)
        ]
    )

    found = comparisons(record)

    assert "2.00\u00a0µs" in found["styles"]
    assert "3.00\u00a0µs" not in found["styles"]
    assert "**latency, trio**" in found["styles-all"]
    assert "3.00\u00a0µs" in found["styles-all"]


def _curve(power: float) -> list[Figure]:
    return [
        make_figure(
            "emit",
            "patterns",
            2e-6 * number**power,
            table="growth",
            unit="s",
            at=number,
        )
        for number in (10.0, 100.0, 1000.0)
    ]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_a_slope_is_the_power_by_which_cost_grows(power: float) -> None:
    """0 for what stays, 1 for what grows in proportion."""
    assert slope(_curve(power)) == pytest.approx(power)


def test_growth_tells_range_and_slope_of_each_curve() -> None:
    """A point that could not be measured is left out."""
    absent = make_figure("emit", "patterns", None, table="growth", at=1e6)
    record = make_record(growth=[*_curve(1.0), absent])

    row = comparisons(record)["growth"].splitlines()[2]

    assert [each.strip() for each in row.split("|")[1:-1]] == [
        "emit",
        "1.00",
        "patterns",
        "10 to 1,000",
        "20.0\u00a0µs",
        "2.00\u00a0ms",
    ]


def test_each_benchmark_has_its_date_and_its_machine() -> None:
    """They may have been measured one by one."""
    record = make_record(emit=[Result("it", 1.0)], aemit=[Result("it", 1.0)])
    other = attrs.evolve(MACHINE, processor="another")
    record["aemit"] = attrs.evolve(record["aemit"], machine=other, quick=True)

    lines = parts(record)["machine"].splitlines()

    assert lines[0].startswith("1. a processor, 2 processors")
    assert lines[1].startswith("2. another")
    assert "2026-01-02 03:04:05" in lines[5]
    assert "quick form" in lines[6]


def test_the_terminal_shows_every_result() -> None:
    """With its limit, its verdict and its note."""
    text = terminal(make_record(emit=[Result("it", 1.6, 1.5, note="a note")]))

    assert text.splitlines()[1].split() == [
        *("it", "1.60", "≤", "1.5", "NOT", "MET", "a", "note")
    ]
