"""What a type checker sees: does mypy refuse a wrong callback, a wrong payload?"""

# We write down a wrong use of each library, and let mypy read it. No comparison of type
# hints by eye: it is refused, or it is not.

from __future__ import annotations

__all__ = ("typed",)

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import Figure
from benchmarks.rivals.entry import Rival
from benchmarks.rivals.field import Field, none

TABLE = "rivals types"
COLUMNS = {
    "mypy refuses a wrong callback": "# wrong callback",
    "mypy refuses a wrong payload": "# wrong payload",
}
CALLBACKS = """
def takes_text(value: str) -> None: ...
async def atakes_text(value: str) -> None: ...
"""
OPTIONS = ("--strict", "--ignore-missing-imports", "--no-error-summary")


def typed(field: Field, *, quick: bool) -> list[Figure]:
    """Ask mypy, which takes some seconds: not in the quick form."""
    asked = {
        f"{rival.library} {rival.version()}": rival
        for rival in field.present
        if rival.wrong
    }

    if quick:
        return _unknown(asked, "not asked in the quick form")

    if importlib.util.find_spec("mypy") is None:
        return _unknown(asked, "mypy is not installed")

    with TemporaryDirectory() as directory:
        return _told(asked, Path(directory))


def _unknown(asked: Mapping[str, Rival], why: str) -> list[Figure]:
    return [
        none(TABLE, title, column, why, "yes/no")
        for column in COLUMNS
        for title in asked
    ]


def _told(asked: Mapping[str, Rival], directory: Path) -> list[Figure]:
    paths: dict[str, Path] = {}

    for title, rival in asked.items():
        paths[title] = directory / f"uses_{rival.library}.py"
        paths[title].write_text(CALLBACKS + rival.wrong, encoding="utf-8")

    refused = _refused(directory)
    return [
        Figure(
            table=TABLE,
            row=title,
            column=column,
            value=float(_marked(path, mark) <= refused),
            unit="yes/no",
        )
        for column, mark in COLUMNS.items()
        for title, path in paths.items()
    ]


def _refused(directory: Path) -> set[tuple[str, int]]:
    """Return the lines that mypy complains of."""
    names = sorted(path.name for path in directory.iterdir())
    command = [sys.executable, "-m", "mypy", *OPTIONS, "--cache-dir=.cache", *names]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False
    )

    if done.returncode not in {0, 1}:
        raise RuntimeError(f"mypy did not work: {done.stdout}{done.stderr}")

    errors = [
        line.split(":") for line in done.stdout.splitlines() if ": error:" in line
    ]
    return {(name, int(number)) for name, number, *_ in errors}


def _marked(path: Path, mark: str) -> set[tuple[str, int]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {
        (path.name, number)
        for number, line in enumerate(lines, start=1)
        if line.endswith(mark)
    }
