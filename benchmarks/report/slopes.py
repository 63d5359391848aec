"""Slopes: by which power of a number a cost grows."""

from __future__ import annotations

__all__ = ("curves", "slope")

import math
import statistics
from collections.abc import Iterable, Sequence

from benchmarks.results import Figure


def curves(figures: Iterable[Figure]) -> dict[tuple[str, str], list[Figure]]:
    """Return the points of each curve that can be drawn, by its row and column."""
    found: dict[tuple[str, str], list[Figure]] = {}

    for figure in figures:
        if figure.at and figure.value:
            found.setdefault((figure.row, figure.column), []).append(figure)

    return {
        name: sorted(points, key=lambda each: each.at or 0)
        for name, points in found.items()
    }


def slope(points: Sequence[Figure]) -> float:
    """Return the slope of the line through the logarithms of all points.

    0 means that the cost stays as it is, 1 that it grows in proportion.
    """
    if len(points) < 2:
        return math.nan

    line = statistics.linear_regression(
        [math.log(each.at or 0) for each in points],
        [math.log(each.value or 0) for each in points],
    )
    return round(line.slope, 2) + 0.0  # and so there is no -0.00
