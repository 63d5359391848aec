"""Markdown: tables of text."""

from __future__ import annotations

__all__ = ("heading", "table")

from collections.abc import Iterable, Sequence


def heading(text: str) -> str:
    """Make a heading that no table of contents lists: the parts stand in pages."""
    return f"**{text}**"


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1
) -> str:
    """Make a table; columns after the first `left` ones are numbers, on the right."""
    cells = [[_cell(each) for each in row] for row in (header, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    rule = [
        "-" * width if place < left else "-" * (max(width, 2) - 1) + ":"
        for place, width in enumerate(widths)
    ]
    return "\n".join(_line(row, widths) for row in (cells[0], rule, *cells[1:])) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True))
    return f"|{'|'.join(cells)}|".rstrip()
