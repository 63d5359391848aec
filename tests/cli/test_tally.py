"""What the demo says: lines while it works, a table at the end."""

from __future__ import annotations

import io

import pytest

from upcall.cli.tally import Progress, Tally


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def make_tally(**changes: int) -> Tally:
    """Make the tally of a run in which all went well."""
    counts = {"posted": 3, "events": 3, "sync": 3, "async_": 3, "chains": 3}
    return Tally(**{**counts, "deliveries": 3, "attempts": 5, **changes})


def test_the_table_has_a_line_for_each_count() -> None:
    """Names on the left, numbers on the right."""
    lines = [line.rsplit(maxsplit=1) for line in make_tally().table().splitlines()]

    assert [(name.strip(), int(count)) for name, count in lines] == [
        ("events in", 3),
        ("sync callbacks run", 3),
        ("async callbacks run", 3),
        ("promise chains run", 3),
        ("deliveries", 3),
        ("attempts", 5),
        ("retries", 2),
        ("lost", 0),
        ("duplicates", 0),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"events": 2},
        {"sync": 4},
        {"async_": 2},
        {"chains": 0},
        {"lost": 1},
        {"duplicates": 1},
    ],
)
def test_a_run_is_whole_if_nothing_is_missing(changes: dict[str, int]) -> None:
    """Each count alone can spoil it."""
    assert make_tally().is_whole
    assert not make_tally(**changes).is_whole


def test_progress_is_one_line_of_a_terminal() -> None:
    """It is written over, and left at the beginning of the next."""
    stream = Terminal()
    progress = Progress(stream)

    progress.show("one")
    progress.say("told")
    progress.show("two")
    progress.show("two")
    progress.close()
    progress.close()

    assert stream.getvalue() == "\r\x1b[Kone\ntold\n\r\x1b[Ktwo\n"


def test_progress_is_plain_lines_elsewhere() -> None:
    """Without control characters, and only when there is something new."""
    stream = io.StringIO()
    progress = Progress(stream)

    for text in ("one", "one", "two"):
        progress.show(text)

    progress.close()

    assert stream.getvalue() == "one\ntwo\n"
