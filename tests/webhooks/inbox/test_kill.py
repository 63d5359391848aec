"""What a SIGKILL leaves: all that was answered for is emitted, and nothing is stuck.

Two processes receive and emit with one store. Both are killed at random points, between
answers and callbacks, again and again; then one emits what is left.
``UPCALL_KILL_ROUNDS`` makes it as many rounds as one likes; with more than a few, give
``-o faulthandler_timeout=0`` too.
"""

from __future__ import annotations

__all__ = ()

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

VICTIM = Path(__file__).with_name("victim.py")
ROUNDS = int(os.environ.get("UPCALL_KILL_ROUNDS", "3"))

pytestmark = [
    pytest.mark.skipif(
        sys.platform == "win32", reason="there is no SIGKILL on Windows"
    ),
    pytest.mark.timeout(200 + 20 * ROUNDS),
]


@contextmanager
def started(
    directory: Path, url: str, name: str, mode: str, loop: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a victim; it is dead afterwards."""
    victim = subprocess.Popen(
        [sys.executable, str(VICTIM), str(directory), url, name, mode, loop],
        stdout=subprocess.PIPE,
        text=True,
    )

    with victim:
        try:
            yield victim
        finally:
            victim.send_signal(signal.SIGKILL)


def read(victim: subprocess.Popen[str], lines: int) -> None:
    """Wait until it has answered for so many more."""
    assert victim.stdout is not None

    for _ in range(lines):
        assert victim.stdout.readline(), "it ended by itself"


def listed(path: Path) -> list[str]:
    """Return the lines of a journal."""
    return path.read_text().splitlines()


def test_all_that_was_answered_for_is_emitted(url: str, tmp_path: Path) -> None:
    """Whenever the processes die. What was emitted twice has the same id."""
    dice = random.Random()

    for number in range(ROUNDS):
        with (
            started(tmp_path, url, f"{number}a", "receive", "asyncio") as one,
            started(tmp_path, url, f"{number}b", "receive", "trio") as other,
        ):
            victims = [one, other]
            dice.shuffle(victims)

            for victim in victims:
                read(victim, dice.randrange(1, 150))
                victim.send_signal(signal.SIGKILL)
                victim.wait()

    with started(tmp_path, url, "last", "drain", "asyncio") as last:
        assert last.wait() == 0

    answered = set(listed(tmp_path / "answered"))
    heard = [line.split() for line in listed(tmp_path / "heard")]
    envelopes = {(guid, envelope) for guid, envelope in heard}
    print(f"answered {len(answered)}, heard {len(envelopes)}, calls {len(heard)}")  # noqa: T201 (the figures)

    assert len(answered) >= ROUNDS
    assert answered <= {guid for guid, _ in envelopes}
    assert len(envelopes) == len({guid for guid, _ in envelopes})
    assert states(url) == {"delivered"}
    assert not list(tmp_path.glob("*-worker-*"))


def states(url: str) -> set[str]:
    """Return the states that requests are in."""
    engine = create_engine(url, poolclass=NullPool)

    with engine.connect() as connection:
        found = connection.execute(text("SELECT DISTINCT state FROM upcall_request"))
        return set(found.scalars())
