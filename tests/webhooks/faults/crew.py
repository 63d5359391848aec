"""Those who start processes and kill them, and the oracle that counts what is left."""

# The oracle: what was accepted is a subset of what was received; what was stored was
# received, whole, under one id each time; nothing waits, is claimed, or is dead.
# What was stored and never confirmed may be received, too: nobody can know.

from __future__ import annotations

__all__ = ("ROUNDS", "Crew", "Figures", "check_order", "count", "open_store")

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import attrs
from sqlalchemy import select
from sqlalchemy.engine import make_url
from tests.webhooks.outbox.conformance.verbs import do

from upcall.webhooks.outbox.postgres import PostgresStore
from upcall.webhooks.outbox.schema import message
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sql import SqlStore
from upcall.webhooks.outbox.sqlite import Processes, SqliteStore

VICTIM: Final = Path(__file__).with_name("victim.py")
ROUNDS: Final = int(os.environ.get("UPCALL_KILL_ROUNDS", "5"))
"""How often everything is killed, in each test that kills."""

_PATIENCE: Final = 120.0


@attrs.frozen(kw_only=True)
class Figures:
    """What was counted."""

    accepted: int
    received: int
    """Messages, each once."""

    duplicates: int
    unconfirmed: int
    """Messages that were received and not confirmed to whoever emitted them."""


class Crew:
    """Processes on one outbox, and what they wrote down.

    Args:
        directory: for their journals.
        url: of the outbox.
        processes: as `Outbox` has it.
        environment: more variables for them.
    """

    def __init__(
        self,
        directory: Path,
        url: str,
        *,
        processes: Processes = "many",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.url = url
        self.processes: Processes = processes
        self._number = 0
        self._launcher = subprocess.Popen(
            [sys.executable, str(VICTIM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # At the end of its orders it kills whoever still lives.
        self._launcher.communicate(timeout=_PATIENCE)

    def start(self, role: str, **options: Any) -> int:
        """Start a process, on each loop in turn, and return its number."""
        self._number += 1
        orders = {
            "role": role,
            "directory": str(self.directory),
            "url": self.url,
            "name": f"{role}{self._number}",
            "processes": self.processes,
            "loop": ("asyncio", "trio")[self._number % 2],
        }
        return self._order("start", orders | options)

    def kill(self, *children: int) -> None:
        """Kill them."""
        assert self._order("kill", children) == 0, self.said()

    def wait(self, child: int) -> None:
        """Wait for one that ends by itself, and well."""
        assert self._order("wait", child) == 0, self.said()

    def drain(self) -> None:
        """Have all delivered that is left."""
        self.wait(self.start("drain"))

    def lines(self, journal: str) -> list[list[str]]:
        """Return what was written down, as words."""
        path = self.directory / journal
        text = path.read_text() if path.exists() else ""
        return [line.split() for line in text.splitlines()]

    def grow(self, journal: str, number: int) -> None:
        """Wait until so many lines have been added."""
        goal = len(self.lines(journal)) + number
        deadline = time.monotonic() + _PATIENCE

        while len(self.lines(journal)) < goal:
            said = self.said()
            assert "Traceback" not in said, said
            assert time.monotonic() < deadline, said
            time.sleep(0.005)

    def said(self) -> str:
        """Return what the processes had to say."""
        logs = sorted(self.directory.glob("log-*"))
        return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in logs)

    def _order(self, verb: str, given: object) -> int:
        launcher = self._launcher
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        launcher.stdin.write(json.dumps([verb, given]) + "\n")
        launcher.stdin.flush()
        return int(launcher.stdout.readline())


@contextmanager
def open_store(url: str, processes: Processes = "many") -> Iterator[SqlStore]:
    """Give a store of our own."""
    parsed = make_url(url)
    store: SqlStore

    if parsed.drivername.startswith("sqlite"):
        store = SqliteStore(Path(parsed.database or ""), Seal(), processes=processes)
    else:
        store = PostgresStore(parsed, Seal())

    store.open()

    try:
        yield store
    finally:
        store.close()


def stored_ids(store: SqlStore) -> list[str]:
    """Return the ids of all messages."""

    def read() -> list[str]:
        return list(store.connection.execute(select(message.c.uid)).scalars())

    return do(store, read)


def count(crew: Crew) -> Figures:
    """Ask the oracle, after a drain."""
    accepted = [key for (key,) in crew.lines("accepted")]
    received = Counter(uid for uid, _, _ in crew.lines("delivered"))
    bodies = {(uid, key) for uid, key, _ in crew.lines("delivered")}

    with open_store(crew.url, crew.processes) as store:
        stored = set(stored_ids(store))
        counts = do(store, store.counts)
        assert do(store, store.check, now=time.time()) == []

    assert set(accepted) <= set(received), set(accepted) - set(received)
    assert set(accepted) <= stored
    assert set(received) == stored
    assert all(uid == key for uid, key in bodies)
    assert (counts.waiting, counts.claimed, counts.dead) == (0, 0, 0)
    assert counts.delivered == len(stored)
    return Figures(
        accepted=len(accepted),
        received=len(received),
        duplicates=received.total() - len(received),
        unconfirmed=len(set(received) - set(accepted)),
    )


def check_order(lines: Sequence[Sequence[str]]) -> int:
    """See that slow events arrived, the first time, as they were emitted.

    Returns:
        How many there were.
    """
    last: dict[str, int] = {}
    seen: set[str] = set()

    for uid, _, _ in lines:
        task, _, number = uid.rpartition("-")

        if uid not in seen and int(number) % 8 == 0:
            assert last.get(task, -1) < int(number), f"{uid} was overtaken"
            last[task] = int(number)
            seen.add(uid)

    return len(seen)
