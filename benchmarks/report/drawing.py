"""Drawing with matplotlib: rows of dots and curves, for light and for dark pages."""

# Rule 1: the same figures give the same bytes: no date, no random names.
# Rule 2: what is said by colour is said by a word or a place, too.
# Rule 3: text stays text, in whatever font the reader has; what is measured for the
#   layout is wider than most of them.
# Rule 4: narrow and tall, with each label above its row: a phone shows it whole.

from __future__ import annotations

__all__ = ("DARK", "LIGHT", "Curve", "Dot", "Panel", "Row", "Theme", "curves", "dots")

import importlib
import io
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

WIDTH: Final = 4.8
"""In inches, of which a page shows 96 pixels each."""

ROW: Final = 0.4
PANEL: Final = 2.0
LABEL: Final = 12 / 72
"""The height of one line above a panel."""

SETTINGS: Final = {
    "svg.hashsalt": "upcall",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "path.simplify": False,
}
NO_DATE: Final = {"Date": None}
DECADE: Final = 10.0
STROKES: Final = ("-", "--", ":", "-.")

Shown = Callable[[float], str]


@attrs.frozen(kw_only=True)
class Theme:
    """Colours that are told apart by everybody, on one kind of page."""

    name: str
    ink: str
    soft: str
    grid: str
    others: str
    ours: str
    warning: str
    lines: tuple[str, ...]


LIGHT: Final = Theme(
    name="light",
    ink="#1f2328",
    soft="#59636e",
    grid="#d1d9e0",
    others="#8c959f",
    ours="#0072b2",
    warning="#c04a00",
    lines=("#0072b2", "#c04a00", "#00795a", "#a8548a", "#6f6a00", "#4b4b4b"),
)
DARK: Final = Theme(
    name="dark",
    ink="#e6edf3",
    soft="#9da7b1",
    grid="#3a424b",
    others="#8b949e",
    ours="#56b4e9",
    warning="#ff9a4d",
    lines=("#56b4e9", "#ff9a4d", "#2fc79a", "#e39cc3", "#e0d84a", "#c4c4c4"),
)


@attrs.frozen(kw_only=True)
class Dot:
    """One figure of a row."""

    value: float
    lane: int = 0
    """Which of the row's three lanes it is in: -1 is the upper one."""

    warns: bool = False
    """Whether it is on the wrong side of a limit: it is drawn as a cross."""


@attrs.frozen(kw_only=True)
class Row:
    """A label, with the dots below it."""

    label: str
    dots: Sequence[Dot]

    aside: str = ""
    """What stands at the right of the label."""

    ours: bool = False
    """Whether it is ours: among others it stands out."""


@attrs.frozen(kw_only=True)
class Curve:
    """Points, with what they are."""

    label: str
    points: Sequence[tuple[float, float]]


@attrs.frozen(kw_only=True)
class Panel:
    """Curves that share their axes."""

    title: str
    across: str
    """What the axis below counts."""

    shown: Shown
    """Writes a value of the upright axis."""

    curves: Sequence[Curve]


def dots(
    theme: Theme,
    rows: Sequence[Row],
    axis: str,
    shown: Shown,
    *,
    mark: tuple[float, str] | None = None,
    scale: str = "log",
) -> str:
    """Draw rows of dots, and return the SVG.

    Args:
        theme: the colours.
        rows: from above.
        axis: what the axis counts, with its unit.
        shown: writes a tick.
        mark: where an upright line stands, and what is said of it.
        scale: of the axis: "log" or "linear".
    """
    height = ROW * len(rows) + 0.9

    with _library("matplotlib").rc_context(SETTINGS):
        figure, (axes,) = _figure(height)
        axes.set_xscale(scale)
        axes.set_ylim(len(rows) - 0.5, -1.0)
        axes.yaxis.set_visible(False)
        axes.grid(axis="x", color=theme.grid, linewidth=0.6)
        _frame(axes, theme, ("bottom",))

        alone = all(row.ours for row in rows)

        for place, row in enumerate(rows):
            _draw_label(axes, theme, place, row, bold=row.ours and not alone)
            _draw_dots(axes, theme, place, row)

        if mark is not None:
            # Beside the dots only: it would strike the labels out.
            low = [place - 0.02 for place in range(len(rows))]
            high = [place + 0.42 for place in range(len(rows))]
            axes.vlines([mark[0]] * len(rows), low, high, theme.ink, linewidth=0.9)
            axes.annotate(
                mark[1],
                (mark[0], -1.0),
                (0, -1),
                textcoords="offset points",
                ha="center",
                va="top",
                color=theme.soft,
                fontsize=8,
            )

        axes.margins(x=0.09)
        _ticks(axes.xaxis, shown, logarithmic=scale == "log")
        axes.set_xlabel(axis, color=theme.soft)
        return _svg(figure)


def curves(theme: Theme, panels: Sequence[Panel]) -> str:
    """Draw panels of curves, one below the other, on logarithmic axes."""
    with _library("matplotlib").rc_context(SETTINGS):
        lines = sum(1 + len(panel.curves) for panel in panels)
        height = PANEL * len(panels) + LABEL * lines
        figure, found = _figure(height, len(panels))

        for axes, panel in zip(found, panels, strict=True):
            _draw_panel(axes, theme, panel)

        return _svg(figure)


def _draw_label(axes: Any, theme: Theme, place: int, row: Row, *, bold: bool) -> None:
    common = {
        "xycoords": ("axes fraction", "data"),
        "textcoords": "offset points",
        "va": "bottom",
        "parse_math": False,
    }
    axes.annotate(
        row.label,
        (0, place),
        (2, 3),
        color=theme.ours if bold else theme.ink,
        weight="bold" if bold else "normal",
        **common,
    )
    axes.axhline(place + 0.5, color=theme.grid, linewidth=0.4)

    if row.aside:
        axes.annotate(
            row.aside, (1, place), (-2, 3), ha="right", color=theme.soft, **common
        )


def _draw_dots(axes: Any, theme: Theme, place: int, row: Row) -> None:
    colour = theme.ours if row.ours else theme.others

    for dot in row.dots:
        high = place + 0.2 + dot.lane * 0.16
        axes.plot(
            [dot.value],
            [high],
            marker="X" if dot.warns else "o",
            markersize=6 if dot.warns else 5,
            color=theme.warning if dot.warns else colour,
            markeredgewidth=0,
            linestyle="",
        )


def _draw_panel(axes: Any, theme: Theme, panel: Panel) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color=theme.grid, linewidth=0.6)
    _frame(axes, theme, ("bottom", "left"))
    number = len(panel.curves)
    _above(axes, panel.title, number, color=theme.ink, weight="bold")

    for place, curve in enumerate(panel.curves):
        colour = theme.lines[place % len(theme.lines)]
        letter = chr(ord("a") + place)
        text = f"{letter}  {curve.label}"
        _above(axes, text, number - 1 - place, color=colour, fontsize=8)
        _draw_curve(axes, place, curve, letter, colour)

    _widen(axes)
    _ticks(axes.xaxis, "{:,.0f}".format, logarithmic=True)
    _ticks(axes.yaxis, panel.shown, logarithmic=True)
    axes.set_xlabel(panel.across, color=theme.soft)


def _draw_curve(axes: Any, place: int, curve: Curve, letter: str, colour: str) -> None:
    across, high = zip(*curve.points, strict=True)
    axes.plot(
        across,
        high,
        STROKES[place % len(STROKES)],
        color=colour,
        marker="o",
        markersize=3,
        linewidth=1.3,
    )

    # Each letter at a point of its own, for curves may lie upon each other.
    point = len(across) - 1 - place % len(across)
    axes.annotate(
        letter,
        (across[point], high[point]),
        (0, 3),
        textcoords="offset points",
        ha="center",
        color=colour,
        weight="bold",
    )


def _above(axes: Any, text: str, line: int, **look: Any) -> None:
    """Write a line above the axes, from the left of the whole; line 0 is the lowest."""
    axes.annotate(
        text,
        (0.01, 1),
        (0, 6 + 12 * line),
        xycoords=("figure fraction", "axes fraction"),
        textcoords="offset points",
        parse_math=False,
        **look,
    )


def _widen(axes: Any) -> None:
    """Let the upright axis span a decade at least: less would show us noise."""
    low, high = axes.get_ylim()
    missing = max(1.0, DECADE / (high / low)) ** 0.5
    axes.set_ylim(low / missing, high * missing)


def _ticks(axis: Any, shown: Shown, *, logarithmic: bool) -> None:
    ticker = _library("matplotlib.ticker")

    if logarithmic:
        low, high = axis.get_view_interval()
        few = high / low > 300
        axis.set_major_locator(
            ticker.LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0), numticks=9)
        )
        axis.set_minor_locator(ticker.NullLocator())

    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: shown(value)))


def _frame(axes: Any, theme: Theme, sides: Sequence[str]) -> None:
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    axes.tick_params(color=theme.grid, labelcolor=theme.soft, which="both")

    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)
        spine.set_color(theme.soft)


def _figure(height: float, panels: int = 1) -> tuple[Any, Any]:
    figure = _library("matplotlib.figure").Figure(
        figsize=(WIDTH, height), layout="constrained"
    )
    figure.patch.set_visible(False)
    return figure, figure.subplots(panels, 1, squeeze=False)[:, 0]


def _svg(figure: Any) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=NO_DATE)
    lines = (line.rstrip() for line in file.getvalue().splitlines())
    return "\n".join(lines) + "\n"


def _library(name: str) -> Any:
    return importlib.import_module(name)
