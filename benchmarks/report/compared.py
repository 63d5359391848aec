"""What compares: rivals, styles and growth, each figure in its row and column."""

from __future__ import annotations

__all__ = ("OURS", "comparisons", "figures_of", "pivot")

from collections.abc import Iterable, Mapping, Sequence

import attrs
from benchmarks.report.amounts import amount
from benchmarks.report.markdown import heading, table
from benchmarks.report.record import Record
from benchmarks.report.slopes import curves, slope
from benchmarks.results import Figure

STYLES, GROWTH = "styles", "growth"
OURS = "upcall "
"""How the rows of the rivals' tables begin that are ours."""

SUMMARY = (
    "latency, 1 listener, asyncio",
    "latency, 10 listeners, asyncio",
    "latency, 100 listeners, asyncio",
    "throughput, 10 listeners, asyncio",
    "CPU, 10 listeners, asyncio",
    "memory, 10 listeners, asyncio",
)


def comparisons(record: Record) -> dict[str, str]:
    """Make each table that compares, by the name of its file."""
    found = {
        name.replace(" ", "-"): pivot(figures)
        for name, figures in figures_of(record).items()
        if name not in {STYLES, GROWTH}
    }
    figures = figures_of(record)

    if STYLES in figures:
        found["styles"] = _summary(figures[STYLES])
        found["styles-all"] = _all_styles(figures[STYLES])

    if GROWTH in figures:
        found["growth"] = _growth(figures[GROWTH])

    return found


def figures_of(record: Record) -> dict[str, list[Figure]]:
    """Return the figures of each table."""
    found: dict[str, list[Figure]] = {}

    for measured in record.values():
        for figure in measured.figures:
            found.setdefault(figure.table, []).append(figure)

    return found


def pivot(figures: Iterable[Figure], corner: str = "") -> str:
    """Make a table of figures, with rows and columns in their first order."""
    cells: dict[str, dict[str, Figure]] = {}
    columns: dict[str, None] = {}

    for figure in figures:
        cells.setdefault(figure.row, {})[figure.column] = figure
        columns.setdefault(figure.column)

    rows = [
        [_label(row), *(_cell(found.get(column)) for column in columns)]
        for row, found in cells.items()
        if not _is_empty(found)
    ]
    return table([corner, *columns], rows) + _left_out(cells)


def _label(row: str) -> str:
    """Write what is ours in bold: it is among many."""
    return f"**{row}**" if row.startswith(OURS) else row


def _cell(figure: Figure | None) -> str:
    """Write the figure; what could not be measured says why, up to a colon."""
    if figure is None:
        return "-"

    if figure.value is None and figure.note:
        return figure.note.partition(":")[0]

    return amount(figure.value, figure.unit)


def _is_empty(found: Mapping[str, Figure]) -> bool:
    return all(figure.value is None for figure in found.values())


def _left_out(cells: Mapping[str, Mapping[str, Figure]]) -> str:
    """List the rows that would be empty, with the reason."""
    reasons = {
        row: ", ".join(dict.fromkeys(each.note for each in found.values()))
        for row, found in cells.items()
        if _is_empty(found)
    }
    lines = [f"- {row}: {reason}" for row, reason in reasons.items()]
    return "\n".join(["", "Not in the table:", "", *lines, ""]) if lines else ""


# --- styles: a column is "metric, so many listeners, loop" ---


def _summary(figures: Sequence[Figure]) -> str:
    found = [
        attrs.evolve(each, column=each.column.removesuffix(", asyncio"))
        for column in SUMMARY
        for each in figures
        if each.column == column
    ]
    return pivot(found, "style")


def _all_styles(figures: Sequence[Figure]) -> str:
    """Make a table of each metric on each loop."""
    found: dict[tuple[str, str], list[Figure]] = {}

    for figure in figures:
        metric, listeners, loop = figure.column.split(", ")
        cell = attrs.evolve(figure, column=listeners)
        found.setdefault((metric, loop), []).append(cell)

    return "\n".join(
        f"{heading(f'{metric}, {loop}')}\n\n{pivot(cells, 'style')}"
        for (metric, loop), cells in found.items()
    )


# --- growth ---


def _growth(figures: Sequence[Figure]) -> str:
    rows = (
        (
            row,
            f"{slope(curve):.2f}",
            column,
            f"{_count(curve[0])} to {_count(curve[-1])}",
            amount(curve[0].value, curve[0].unit),
            amount(curve[-1].value, curve[-1].unit),
        )
        for (row, column), curve in curves(figures).items()
    )
    header = ("what", "slope", "the number of", "from", "at first", "at last")
    return table(header, rows, left=4)


def _count(figure: Figure) -> str:
    return f"{figure.at or 0:,.0f}"
