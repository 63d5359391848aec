"""The two judges that .ci/run calls: the coverage floor, and README's commands."""

from __future__ import annotations

__all__ = ()

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

CI = Path(__file__).parent.parent / ".ci"

complaint: Callable[[float, float, float], str] = runpy.run_path(
    str(CI / "coverage_floor.py")
)["complaint"]
command: Callable[[str, str], str] = runpy.run_path(str(CI / "readme.py"))["command"]


@pytest.mark.parametrize("total", [95.0, 95.4, 96.0])
def test_coverage_may_stand_a_little_above_its_floor(total: float) -> None:
    """Within a point nobody has to touch the floor."""
    assert not complaint(total, 95.0, 95.0)


def test_coverage_below_the_floor_is_refused() -> None:
    """However little it is below."""
    assert "below its floor" in complaint(94.99, 95.0, 95.0)


def test_coverage_far_above_the_floor_asks_for_a_higher_one() -> None:
    """The message holds the number to write."""
    assert complaint(97.0, 95.0, 95.0).endswith("to 96.5")


def test_the_floor_cannot_be_lowered() -> None:
    """Not even where the coverage would allow it."""
    assert "can only rise" in complaint(96.0, 95.0, 95.5)


def test_a_command_is_the_one_line_of_the_one_fence() -> None:
    """The next section's fences are no part of it."""
    text = "# T\n## A\nprose\n```sh\nmake a\n```\n## B\n```sh\nmake b\n```\n"

    assert command("A", text) == "make a"


@pytest.mark.parametrize(
    "body",
    ["", "```sh\n```\n", "```sh\na\nb\n```\n", "```sh\na\n```\n```sh\nb\n```\n"],
    ids=["none", "empty", "two commands", "two fences"],
)
def test_anything_but_one_command_is_refused(body: str) -> None:
    """A reader who copies the block must get all of it, and so must we."""
    with pytest.raises(ValueError, match="one fence with one command"):
        command("A", f"## A\n{body}")
