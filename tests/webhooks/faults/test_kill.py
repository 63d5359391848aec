"""What a SIGKILL leaves: all that was accepted is delivered, and nothing stays claimed.

An emitter (that delivers itself, or does not) and two workers are killed at random
points, again and again; then one worker delivers what is left. As many rounds as one
likes: ``UPCALL_KILL_ROUNDS=60 pytest tests/webhooks/faults/test_kill.py``.
"""

from __future__ import annotations

__all__ = ()

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.webhooks.faults.crew import ROUNDS, Crew, check_order, count

pytestmark = [
    pytest.mark.skipif(
        sys.platform == "win32", reason="there is no SIGKILL on Windows"
    ),
    pytest.mark.timeout(400 + 30 * ROUNDS),
]


def kill_many(crew: Crew, dice: random.Random, number: int) -> None:
    """Kill an emitter and two workers, in any order."""
    emitter = crew.start("both" if number % 2 else "store")
    delivering = {crew.start("work"), crew.start("work")}
    delivering |= {emitter} if number % 2 else set()
    victims = list(delivering | {emitter})
    dice.shuffle(victims)
    emits = True

    for victim in victims:
        if emits:
            crew.grow("accepted", dice.randrange(1, 80))

            # Elsewhere, what the dead had claimed takes up the room for ten seconds.
            if delivering and crew.url.startswith("sqlite"):
                crew.grow("delivered", dice.randrange(3))
        else:
            time.sleep(dice.random() / 20)

        crew.kill(victim)
        delivering.discard(victim)
        emits = emits and victim != emitter


def kill_one(crew: Crew, dice: random.Random, _: int) -> None:
    """Kill the one process that may have the file."""
    victim = crew.start("both")
    crew.grow("accepted", dice.randrange(1, 150))
    crew.grow("delivered", dice.randrange(3))
    crew.kill(victim)


def survive(crew: Crew, kill: Callable[[Crew, random.Random, int], None]) -> None:
    """Kill again and again, and count what is left."""
    dice = random.Random()

    for number in range(ROUNDS):
        kill(crew, dice, number)

    crew.drain()
    figures = count(crew)
    slow = check_order(crew.lines("delivered"))
    print(f"{ROUNDS} rounds: {figures}, of them in order: {slow}")  # noqa: T201
    assert figures.accepted >= ROUNDS


def test_sqlite_of_many_loses_nothing(tmp_path: Path) -> None:
    """Three processes on one file, with the journal that is sound for that."""
    with Crew(tmp_path, f"sqlite:///{tmp_path}/outbox.db") as crew:
        survive(crew, kill_many)

    assert not list(tmp_path.glob("*-worker-*"))


def test_sqlite_of_one_loses_nothing(tmp_path: Path) -> None:
    """One process that has the file for itself; its lock ends with it."""
    url = f"sqlite:///{tmp_path}/outbox.db"

    with Crew(tmp_path, url, processes="one") as crew:
        survive(crew, kill_one)

    assert not list(tmp_path.glob("*-worker-*"))


def test_postgres_loses_nothing(tmp_path: Path, postgres_url: str) -> None:
    """Its clients are killed, not the server."""
    with Crew(tmp_path, postgres_url) as crew:
        survive(crew, kill_many)
