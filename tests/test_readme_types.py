"""The programs of README and docs are typed: they may be copied into strict code."""

from __future__ import annotations

__all__ = ()

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r"^(?:from|import) (\w+)", re.MULTILINE)

CHECKERS = {
    "mypy": ["mypy", "--strict", "--python-version", "3.11", "."],
    "pyright": ["pyright", "--pythonpath", sys.executable],
}


def pages() -> list[Path]:
    """Return the README and all pages of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def extract(page: Path, folder: Path) -> int:
    """Write each program of a page into a file, with the page's numbers of lines.

    One that needs what is not installed here is left out, as it is where it is run.
    """
    text = page.read_text(encoding="utf-8")
    fences = list(FENCE.finditer(text))
    name = "_".join(page.relative_to(ROOT).with_suffix("").parts).replace("-", "_")

    for fence in fences:
        if not all(map(find_spec, IMPORT.findall(fence[1]))):
            continue

        above = text.count("\n", 0, fence.start(1))
        program = "\n" * above + fence[1]
        (folder / f"{name}_{above}.py").write_text(program, encoding="utf-8")

    return len(fences)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", CHECKERS)
def test_every_program_is_typed(checker: str, tmp_path: Path) -> None:
    """As a user would check it: strictly, beside an installed Upcall."""
    strict = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(strict), encoding="utf-8")
    number = sum(extract(page, tmp_path) for page in pages())

    done = subprocess.run(
        [sys.executable, "-m", *CHECKERS[checker]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert number >= 25
    assert done.returncode == 0, done.stdout + done.stderr
