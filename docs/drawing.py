"""What the drawings of these pages have in common: SVG in the colours of the page."""

from __future__ import annotations

__all__ = ("Place", "arrow", "frame", "label", "picture")

from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeAlias

Place: TypeAlias = tuple[float, float]

_HEAD = (
    '<div style="overflow-x: auto"><svg viewBox="0 0 {width} {height}" role="img" '
    'width="100%" style="min-width: {least}px; max-width: {most}px" '
    'aria-label="{text}" xmlns="http://www.w3.org/2000/svg">\n'
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
    'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor"/>'
    "</marker></defs>\n"
    "<style>.drawn text {{ font: 15px sans-serif; fill: currentColor; "
    "text-anchor: middle; dominant-baseline: middle; paint-order: stroke; "
    "stroke: var(--color-background-primary, transparent); stroke-width: 6px }} "
    ".drawn .inside {{ stroke: none }} .drawn .strong {{ font-weight: bold }} "
    ".drawn .code {{ font: 12.5px monospace }} .drawn rect, .drawn path {{ "
    "fill: none; stroke: currentColor; stroke-width: 1.4px }} "
    ".drawn .answer {{ stroke: var(--color-brand-content, currentColor); "
    "stroke-width: 2px }} .drawn circle {{ fill: currentColor }}</style>\n"
    '<g class="drawn">\n'
)


def picture(
    parts: Iterable[str], *, size: tuple[int, int], smallest: float, text: str
) -> str:
    """Return the parts as one picture.

    Args:
        parts: SVG.
        size: width and height in the units of the parts.
        smallest: how small it may be shown, as a share of its size; where there is
            less room it can be scrolled.
        text: what it is, for those who do not see it.
    """
    width, height = size
    head = _HEAD.format(
        width=width,
        height=height,
        least=round(width * smallest),
        most=round(width * 1.1),
        text=escape(text),
    )
    return head + "\n".join(parts) + "\n</g>\n</svg></div>"


def frame(middle: Place, size: Place, more: str = "") -> str:
    """Return a box around a place, with more attributes if need be."""
    (x, y), (width, height) = middle, size
    return (
        f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" '
        f'height="{height:g}" rx="8"{more}/>'
    )


def label(middle: Place, text: str, kind: str = "") -> str:
    """Return a line of text around a place; its kind is a class of the style above."""
    x, y = middle
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:g}" y="{y:g}">{escape(text)}</text>'


def arrow(places: Sequence[Place]) -> str:
    """Return an arrow: where it begins, how it bends (two places), where it ends."""
    (x, y), *rest = places
    curve = " ".join(f"{px:g},{py:g}" for px, py in rest)
    return f'<path d="M{x:g},{y:g} C{curve}" marker-end="url(#arrow)"/>'
