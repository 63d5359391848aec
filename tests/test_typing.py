"""The type tests: what mypy and pyright have to accept, and what to refuse."""

# The files in tests/typing are never run. Their wrong lines carry an ignore with its
# code, and an ignore that is not needed is an error: so each of them asserts an error.

from __future__ import annotations

__all__ = ()

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


CHECKERS = {"mypy": ["mypy"], "pyright": ["pyright", "--pythonpath", sys.executable]}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", CHECKERS)
def test_types_are_as_the_type_tests_say(checker: str) -> None:
    """Users run the one or the other; both must see the same types."""
    done = subprocess.run(
        [sys.executable, "-m", *CHECKERS[checker], "tests/typing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
