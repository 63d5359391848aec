"""What a SIGKILL leaves: all that was accepted is delivered, and nothing stays claimed.

Two processes emit and deliver on one file, in the mode that ships for many processes.
Both are killed at random points, again and again; then one delivers what is left.
``UPCALL_KILL_ROUNDS`` makes it as many rounds as one likes.
"""

from __future__ import annotations

__all__ = ()

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

VICTIM = Path(__file__).with_name("victim.py")
ROUNDS = int(os.environ.get("UPCALL_KILL_ROUNDS", "3"))

pytestmark = [
    pytest.mark.skipif(
        sys.platform == "win32", reason="there is no SIGKILL on Windows"
    ),
    pytest.mark.timeout(60 + 20 * ROUNDS),
]


def start(directory: Path, name: str, mode: str, loop: str) -> subprocess.Popen[str]:
    """Start a victim."""
    return subprocess.Popen(
        [sys.executable, str(VICTIM), str(directory), name, mode, loop],
        stdout=subprocess.PIPE,
        text=True,
    )


def read(process: subprocess.Popen[str], lines: int) -> None:
    """Wait until it has accepted so many more."""
    assert process.stdout is not None

    for _ in range(lines):
        assert process.stdout.readline(), "it ended by itself"


def kill(process: subprocess.Popen[str]) -> None:
    """Kill it, in the middle of whatever it does."""
    process.send_signal(signal.SIGKILL)
    process.wait()

    if process.stdout is not None:
        process.stdout.close()


def listed(path: Path) -> list[str]:
    """Return the ids in a journal."""
    return path.read_text().split()


def test_all_that_was_accepted_is_delivered(tmp_path: Path) -> None:
    """Whenever the processes die. What was delivered twice has the same id."""
    dice = random.Random()

    for number in range(ROUNDS):
        victims = [
            start(tmp_path, f"{number}{loop}", "emit", loop)
            for loop in ("asyncio", "trio")
        ]
        dice.shuffle(victims)

        for victim in victims:
            read(victim, dice.randrange(1, 150))
            kill(victim)

    last = start(tmp_path, "last", "drain", "asyncio")
    assert last.wait() == 0
    kill(last)

    accepted = listed(tmp_path / "accepted")
    delivered = listed(tmp_path / "delivered")
    assert len(accepted) >= ROUNDS
    assert set(accepted) <= set(delivered)
    check_database(tmp_path / "outbox.db")


def check_database(path: Path) -> None:
    """See that the file is whole, and that all of it is finished."""
    connection = sqlite3.connect(path)
    states = connection.execute("SELECT DISTINCT state FROM upcall_delivery").fetchall()
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()

    assert states == [("delivered",)]
    assert not list(path.parent.glob("*-worker-*"))
