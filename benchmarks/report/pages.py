"""The files that the docs include: the record, and the tables and plots made of it."""

from __future__ import annotations

__all__ = ("DOCS", "RESULTS", "written")

import importlib.util
from pathlib import Path

from benchmarks.report.record import Record, write
from benchmarks.report.tables import parts

DOCS = Path(__file__).parent.parent.parent / "docs" / "benchmarks" / "measured"
RESULTS = "results.json"
OPENING = "<!-- Written by `python -m benchmarks --docs`: edit the benchmarks. -->\n\n"


def written(record: Record, directory: Path) -> list[str]:
    """Write all that can be made of a record, and return what could not.

    A file of an earlier record that this one does not make is removed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    made = {f"{name}.md": OPENING + text for name, text in parts(record).items()}
    missing: list[str] = []

    if importlib.util.find_spec("matplotlib") is None:
        missing.append("the plots, which need matplotlib: they are as they were")
    else:
        from benchmarks.report.plots import plots  # noqa: PLC0415 (if it is there)

        made |= {f"{name}.svg": text for name, text in plots(record).items()}

    _remove_others(directory, set(made), {".md"} if missing else {".md", ".svg"})
    write(record, directory / RESULTS)

    for name, text in made.items():
        (directory / name).write_text(text, encoding="utf-8")

    return missing


def _remove_others(directory: Path, made: set[str], kinds: set[str]) -> None:
    for path in directory.iterdir():
        if path.suffix in kinds and path.name not in made:
            path.unlink()
