"""How figures are written: three digits, and the unit that fits."""

from __future__ import annotations

__all__ = ("amount", "judged", "limit", "rounded")

import math

from benchmarks.results import Result, Verdict

SIGNS = {"lower": "≤", "higher": "≥"}
NO_BREAK = "\u00a0"
SCALES = {
    "s": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)),
    "bytes": (("MB", 1e6), ("kB", 1e3), ("B", 1.0)),
}
AFTER = {"": "", "x": "", "1/s": "/s"}


def amount(value: float | None, unit: str) -> str:
    """Write a figure; one that is not there is a dash."""
    if value is None:
        return "-"

    if unit == "yes/no":
        return "yes" if value else "no"

    if unit == "" and value == int(value):  # it was counted
        return f"{value:,.0f}"

    if unit in SCALES:
        return _scaled(value, SCALES[unit])

    return rounded(value) + AFTER.get(unit, f"{NO_BREAK}{unit}")


def rounded(value: float) -> str:
    """Write a number with three digits, or all of them before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"

    before = math.floor(math.log10(abs(value))) + 1
    number = round(value, 3 - before)
    return f"{number:,.{min(max(0, 3 - before), 2)}f}"


def limit(result: Result) -> str:
    """Write the limit of a result, with its side; nothing if it has none."""
    if result.limit is None:
        return ""

    if result.limit == 0:
        return "0"

    unit = "" if result.unit in {"", "x"} else f"{NO_BREAK}{result.unit}"
    return f"{SIGNS[result.better]}{NO_BREAK}{result.limit:g}{unit}"


def judged(result: Result) -> str:
    """Write what was measured; bold where the limit is not met."""
    text = amount(result.ratio, result.unit)

    if result.verdict is not Verdict.NOT_MET:
        return text

    return f"**{_beyond(result, text)}**"


def _beyond(result: Result, text: str) -> str:
    """Write more digits, where those we have would make it look as if it were met."""
    same = result.limit is not None and text == amount(result.limit, result.unit)
    return f"{result.ratio:.5g}" if same else text


def _scaled(value: float, units: tuple[tuple[str, float], ...]) -> str:
    fitting = (each for each in units if abs(value) >= each[1] * 0.9995)
    unit, size = next(fitting, units[-1])
    return f"{rounded(value / size)}{NO_BREAK}{unit}"
