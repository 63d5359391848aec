"""The plots: how near the limits are, what others and styles cost, how cost grows."""

from __future__ import annotations

__all__ = ("plots",)

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.report.amounts import amount, judged, limit, rounded
from benchmarks.report.compared import OURS, figures_of
from benchmarks.report.drawing import (
    DARK,
    LIGHT,
    Curve,
    Dot,
    Panel,
    Row,
    Theme,
    curves,
    dots,
)
from benchmarks.report.limits import Answer, answers
from benchmarks.report.record import Record
from benchmarks.report.slopes import curves as curves_of
from benchmarks.report.slopes import slope
from benchmarks.results import Figure, Result, Verdict

LISTENERS = ("1", "10", "100")
LANES = "\nupper dot: 1 listener, middle: 10, lower: 100"
FEW = 4
"""As many curves share a panel."""


def plots(record: Record) -> dict[str, str]:
    """Draw each plot for each theme, by the name of its file."""
    figures = figures_of(record)
    found: dict[str, Callable[[Theme], str]] = {}
    near = [row for row in map(_near, answers(record)) if row.dots]

    if near:
        found["limits"] = lambda theme: dots(
            theme,
            near,
            "share of the limit that is used up",
            lambda value: f"{value:.0%}",
            mark=(1.0, "limit"),
            scale="linear",
        )

    if "rivals" in figures:
        emitting = _ratios(figures["rivals"])
        found["rivals"] = lambda theme: dots(
            theme,
            emitting,
            f"times the cost of a bare loop{LANES}",
            rounded,
            mark=(1.0, "a bare loop"),
        )

    if "styles" in figures:
        styles = _latencies(figures["styles"])
        found["styles"] = lambda theme: dots(
            theme,
            styles,
            f"latency of an event{LANES}",
            lambda value: amount(value, "s"),
        )

    if panels := list(_panels(figures.get("growth", []))):
        found["growth"] = lambda theme: curves(theme, panels)

    return {
        f"{name}-{theme.name}": draw(theme)
        for name, draw in found.items()
        for theme in (LIGHT, DARK)
    }


# --- limits ---


def _near(answer: Answer) -> Row:
    found = [
        (share, result)
        for result in answer.results
        if (share := _share(result)) is not None
    ]
    _, worst = max(found, key=lambda each: each[0], default=(0.0, None))
    return Row(
        label=answer.line.short,
        aside="" if worst is None else f"{judged(worst).strip('*')} of {limit(worst)}",
        ours=True,
        dots=[
            Dot(value=share, warns=result.verdict is Verdict.NOT_MET)
            for share, result in found
        ],
    )


def _share(result: Result) -> float | None:
    """Return which share of the limit is used; none where nothing is allowed at all."""
    if result.ratio is None or not result.limit:
        return None

    low = result.better == "lower"
    return result.ratio / result.limit if low else result.limit / result.ratio


# --- rows of dots ---


def _ratios(figures: Sequence[Figure]) -> list[Row]:
    """Make a row of each way to emit, in the order of the cost at 10."""
    rows = _rows(figures, {f"emit to {each}": each for each in LISTENERS})
    return [
        Row(label=label, dots=_lanes(found), ours=label.startswith(OURS))
        for label, found in sorted(rows.items(), key=lambda row: row[1].get("10", 0))
    ]


def _latencies(figures: Sequence[Figure]) -> list[Row]:
    """Make a row of each style, in the order of the table."""
    columns = {
        f"latency, {each} {'listener' if each == '1' else 'listeners'}, asyncio": each
        for each in LISTENERS
    }
    return [
        Row(label=label, dots=_lanes(found), ours=True)
        for label, found in _rows(figures, columns).items()
    ]


def _rows(
    figures: Sequence[Figure], columns: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}

    for figure in figures:
        if figure.column in columns and figure.value:
            found.setdefault(figure.row, {})[columns[figure.column]] = figure.value

    return found


def _lanes(found: Mapping[str, float]) -> list[Dot]:
    return [
        Dot(value=found[each], lane=lane)
        for lane, each in zip((-1, 0, 1), LISTENERS, strict=True)
        if each in found
    ]


# --- growth ---


def _panels(figures: Sequence[Figure]) -> Iterator[Panel]:
    """Give the curves that count the same thing in the same unit, a few at a time."""
    groups: dict[tuple[str, str], list[tuple[str, list[Figure]]]] = {}

    for (row, column), points in curves_of(figures).items():
        groups.setdefault((column, points[0].unit), []).append((row, points))

    for (column, unit), found in groups.items():
        for start in range(0, len(found), FEW):
            yield _panel(column, unit, found[start : start + FEW])


def _panel(
    column: str, unit: str, found: Sequence[tuple[str, Sequence[Figure]]]
) -> Panel:
    return Panel(
        title=f"The number of {column}, with the slopes",
        across=f"number of {column}",
        shown=lambda value: amount(value, unit),
        curves=[
            Curve(
                label=f"{slope(points):.2f}  {row}",
                points=[(each.at or 0, each.value or 0) for each in points],
            )
            for row, points in found
        ],
    )
