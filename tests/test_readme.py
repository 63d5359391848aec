"""The README is true: its programs run, and its commands are those of .ci/run."""

from __future__ import annotations

__all__ = ()

import re
from pathlib import Path

import pytest
from sybil import Example, Sybil
from tests.fences import PARSERS

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = list(Sybil(parsers=PARSERS).parse(README).examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"line {each.line}")
def test_every_program_does_what_it_shows(example: Example) -> None:
    """A reader who copies it gets what we say."""
    example.evaluate()


def test_there_are_programs_to_run() -> None:
    """A parser that finds nothing would make all of this green."""
    assert len(EXAMPLES) >= 6


def test_the_only_commands_are_those_that_ci_runs() -> None:
    """A third command would be one that nobody tries."""
    text = README.read_text(encoding="utf-8")
    sections = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)[1:]
    fences = {
        heading: len(re.findall(r"^```(?:sh|bash|shell|console)\n", body, re.MULTILINE))
        for heading, body in zip(sections[::2], sections[1::2], strict=True)
    }

    assert {heading: n for heading, n in fences.items() if n} == {
        "Try it": 1,
        "Run the tests": 1,
    }
