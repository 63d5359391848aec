"""How figures are written."""

from __future__ import annotations

__all__ = ()

import pytest
from benchmarks.report.amounts import amount, judged, limit
from benchmarks.results import Result, skipped


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.2345, "s", "1.23 s"),
        (0.0123, "s", "12.3 ms"),
        (0.00099999, "s", "1.00 ms"),
        (4.5e-8, "s", "45.0 ns"),
        (0.0, "s", "0 ns"),
        (12_345.6, "1/s", "12,300/s"),
        (236.4, "bytes", "236 B"),
        (28_310.0, "bytes", "28.3 kB"),
        (0.0123, "x", "0.01"),
        (12.34, "ms", "12.3 ms"),
        (0.0, "", "0"),
        (1.0, "", "1"),
        (90.9, "", "90.9"),
        (None, "s", "-"),
        (1.0, "yes/no", "yes"),
    ],
)
def test_an_amount_has_three_digits_and_the_unit_that_fits(
    value: float | None, unit: str, text: str
) -> None:
    """Nobody reads more of them, and less than 0.01 is nothing."""
    assert amount(value, unit).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("result", "text", "side"),
    [
        (Result("it", 1.234, 1.5), "1.23", "≤ 1.5"),
        (Result("it", 1.6, 1.5), "**1.60**", "≤ 1.5"),
        (Result("it", 0.4, 0.5, "higher"), "**0.40**", "≥ 0.5"),
        (Result("it", 12.0, 30.0, unit="ms"), "12.0 ms", "≤ 30 ms"),
        (Result("it", 0, 0, unit=""), "0", "0"),
        (Result("it", 3.0), "3.00", ""),
        (skipped("it", "no such library", limit=2), "-", "≤ 2"),
    ],
)
def test_a_result_is_bold_where_it_misses_its_limit(
    result: Result, text: str, side: str
) -> None:
    """And the limit says on which side it is."""
    found = f"{judged(result)}; {limit(result)}"

    assert found.replace("\u00a0", " ") == f"{text}; {side}"


def test_what_misses_by_little_does_not_look_as_if_it_were_met() -> None:
    """1.8029 is more than 1.8, though both are 1.80."""
    assert judged(Result("it", 1.8029, 1.8)) == "**1.8029**"
