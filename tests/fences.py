"""How the fences of README and docs are run: each is a program of its own."""

# Rule 1: a ```python fence is a complete program; an async one ends in
#   `anyio.run(main)`. It runs in an interpreter of its own, in an empty directory, with
#   warnings as errors.
# Rule 2: a ```text fence right after it shows what it prints, to the letter.

from __future__ import annotations

__all__ = ("PARSERS",)

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sybil import Example
from sybil.parsers.myst import CodeBlockParser, SkipParser

PRINTED = "what the last program printed"


def run_program(example: Example) -> None:
    """Run a fence, and keep what it prints for the fence that shows it.

    Its lines have the numbers they have in the page, so a traceback points there.
    """
    above = "\n" * (example.line + example.parsed.line_offset)

    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory, Path(example.path).name + ".py")
        program.write_text(above + example.parsed, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", program],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    assert done.returncode == 0, done.stderr
    example.namespace[PRINTED] = done.stdout


def compare_output(example: Example) -> None:
    """Hold what a fence shows against what the program above it printed.

    A text fence that follows no program shows something else, and is left alone.
    """
    printed = example.namespace.pop(PRINTED, None)

    if printed is not None:
        assert printed == example.parsed, f"it printed {printed!r}"


PARSERS = (
    CodeBlockParser(language="python", evaluator=run_program),
    CodeBlockParser(language="text", evaluator=compare_output),
    SkipParser(),
)
