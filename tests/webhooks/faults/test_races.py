"""Those who get in each other's way: pruning beside claims, and a fork of a process."""

from __future__ import annotations

__all__ = ()

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy.exc import OperationalError
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.faults.crew import Crew, open_store, stored_ids
from tests.webhooks.outbox.conformance.verbs import add, do, make_keep, make_outcome

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.outbox.sql import SqlStore

R = TypeVar("R")

MESSAGES = 150
SECONDS = 90.0

pytestmark = pytest.mark.timeout(300)


class Race:
    """One keeps, two deliver, one replays, and one forgets what has ended."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: set[str] = set()
        self.pruned = 0
        self.replayed = 0
        self._kept = threading.Event()
        self._over = threading.Event()
        self._end = time.monotonic() + SECONDS

    def run(self) -> None:
        """Run it to its end."""
        jobs = (self._keep, self._deliver, self._deliver, self._replay, self._prune)

        with ThreadPoolExecutor(len(jobs)) as pool:
            for future in [pool.submit(self._open, job) for job in jobs]:
                future.result()

    def _open(self, job: Callable[[SqlStore], None]) -> None:
        try:
            with open_store(self.url) as store:
                job(store)
        except BaseException:
            self._over.set()
            raise

    def _keep(self, store: SqlStore) -> None:
        for number in range(MESSAGES):
            keep = make_keep(f"m{number}", now=time.time())
            self._do(store, store.keep, [keep])

        self._kept.set()

    def _deliver(self, store: SqlStore) -> None:
        worker = self._do(store, store.enlist, now=time.time())

        while not self._over.is_set():
            assert time.monotonic() < self._end, "it takes too long"
            now = time.time()
            self._do(store, store.heartbeat, worker, now=now)
            turn = self._do(store, store.claim, worker, now=now, free=9, unproven=9)
            self.sent.update(each.message.id for each in turn.claims)
            outcomes = [
                make_outcome(each, Move.DELIVER, now=time.time())
                for each in turn.claims
            ]
            self._do(store, store.settle, outcomes)

            if self._kept.is_set() and not turn.claims and self._is_done(store):
                self._over.set()

    def _is_done(self, store: SqlStore) -> bool:
        counts = self._do(store, store.counts)
        return counts.waiting + counts.claimed == 0

    def _replay(self, store: SqlStore) -> None:
        while not self._kept.is_set() and not self._over.is_set():
            found = self._do(
                store,
                store.deliveries,
                endpoint=None,
                tenant=None,
                state=State.DELIVERED,
                before=None,
                limit=3,
            )

            for each in found:
                try:
                    self._do(store, store.replay, each.id, now=time.time())
                except OutboxError:  # it was pruned meanwhile
                    continue

                self.replayed += 1

            time.sleep(0.001)

    def _prune(self, store: SqlStore) -> None:
        while not self._over.is_set():
            later = time.time() + 60
            self.pruned += self._do(
                store, store.prune, delivered=later, dead=later, limit=20
            )
            time.sleep(0.001)

    def _do(
        self, store: SqlStore, verb: Callable[..., R], *args: Any, **options: Any
    ) -> R:
        """Do it, and again if the database ended it for another's sake."""
        while True:
            try:
                return do(store, verb, *args, **options)
            except OperationalError:
                assert time.monotonic() < self._end, "it fails again and again"


@contextmanager
def raced(url: str) -> Iterator[Race]:
    """Give a race that was run."""
    with open_store(url) as store:
        add(store, make_endpoint(concurrency=20))

    race = Race(url)
    race.run()
    yield race


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_pruning_takes_nothing_that_is_not_over(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Of messages that are stored, delivered, replayed and pruned at once."""
    url = f"sqlite:///{tmp_path}/outbox.db"

    if kind == "postgres":
        url = request.getfixturevalue("postgres_url")

    with raced(url) as race, open_store(url) as store:
        left = set(stored_ids(store))
        assert do(store, store.check, now=time.time()) == []
        counts = do(store, store.counts)

    assert race.sent == {f"m{number}" for number in range(MESSAGES)}
    assert race.pruned >= MESSAGES - len(left) > 0
    assert (counts.waiting, counts.claimed, counts.dead) == (0, 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_fork_of_an_open_bridge_is_refused(tmp_path: Path) -> None:
    """In the child, aloud; the parent goes on."""
    url = f"sqlite:///{tmp_path}/outbox.db"

    with Crew(tmp_path, url) as crew:
        for loop in ("asyncio", "trio"):
            crew.wait(crew.start("fork", loop=loop))

    with open_store(url) as store:
        keys = {f"fork{n}-{key}" for n in (1, 2) for key in ("before", "after")}
        assert set(stored_ids(store)) == keys
        assert do(store, store.check, now=time.time()) == []
