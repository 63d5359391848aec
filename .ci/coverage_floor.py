"""Hold the coverage to a floor that can only rise.

Called with the total of a run: `python .ci/coverage_floor.py 96.31`.

The floor is the number in `.ci/coverage-floor`. Coverage below it fails. So does
coverage that has left it more than a point behind: then the floor is raised, in the
change that earned it. And so does a floor below one that was ever committed.
"""

from __future__ import annotations

__all__ = ("complaint", "main")

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FLOOR = Path(__file__).parent / "coverage-floor"
SLACK = 1.0
"""By how many points coverage may exceed the floor before the floor must follow."""


def complaint(total: float, floor: float, highest: float) -> str:
    """Say what is wrong, or nothing.

    Args:
        total: the coverage of this run, in percent.
        floor: the floor of this checkout.
        highest: the highest floor that was ever committed.
    """
    if floor < highest:
        return f"the floor was lowered from {highest} to {floor}: it can only rise"

    if total < floor:
        return f"coverage is {total} %, below its floor of {floor} %: add tests"

    if total > floor + SLACK:
        better = min(total - SLACK / 2, 100)
        return f"coverage is {total} %: raise .ci/coverage-floor to {better:.1f}"

    return ""


def main(total: str) -> int:
    """Judge a total, print the verdict, and return the exit status."""
    floor = float(FLOOR.read_text(encoding="utf-8"))
    wrong = complaint(float(total), floor, max([floor * 0, *_committed()]))
    print(wrong or f"coverage is {total} %, and its floor {floor} %")
    return 1 if wrong else 0


def _committed() -> Iterator[float]:
    """Give the floors of the past, as far as git is there to tell."""
    name = f".ci/{FLOOR.name}"

    for commit in _git("log", "--format=%H", "--", name).split():
        yield float(_git("show", f"{commit}:{name}") or 0)


def _git(*arguments: str) -> str:
    """Ask git; without git, or outside a repository, the answer is empty."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=FLOOR.parent.parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""

    return done.stdout if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
