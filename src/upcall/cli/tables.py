"""Output: tables for people, JSON for programs."""

# Rule 1: what a stranger may have written (names, answers, reasons) is shown without
#   characters that a terminal would obey.
# Rule 2: neither has secrets in it.

from __future__ import annotations

__all__ = ("plain", "print_json", "print_table")

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import attrs
import click

from upcall.webhooks import Endpoint
from upcall.webhooks._proto.mask import MASK

_GAP: Final = "  "


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their columns, each as wide as it must be."""
    texts = [list(columns), *([_shown(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]

    for text in texts:
        cells = (cell.ljust(width) for cell, width in zip(text, widths, strict=True))
        click.echo(_GAP.join(cells).rstrip())


def print_json(records: Iterable[object]) -> None:
    """Print a list of records, one object on each line."""
    for record in records:
        click.echo(json.dumps(plain(record), ensure_ascii=True))


def plain(record: object) -> Any:
    """Return what JSON can say; secrets are masked."""
    match record:
        case Endpoint():
            masked = {"secret": MASK, "headers": dict.fromkeys(record.headers, MASK)}
            return _fields(record) | masked
        case datetime():
            return record.isoformat()
        case bytes():
            return record.decode("utf-8", "replace")
        case Mapping():
            items = cast("Mapping[str, Any]", record).items()
            return {name: plain(value) for name, value in items}
        case tuple() | list():
            return [plain(value) for value in cast("Sequence[Any]", record)]
        case _:
            return _fields(record) if attrs.has(_class_of(record)) else record


def _fields(record: Any) -> dict[str, Any]:
    fields: Sequence[Any] = attrs.fields(_class_of(record))
    return {field.name: plain(getattr(record, field.name)) for field in fields}


def _class_of(record: object) -> type[Any]:
    return type(record)


def _shown(value: object) -> str:
    if value is None:
        return "-"

    if isinstance(value, bool):
        return "yes" if value else "no"

    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"

    text = str(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
