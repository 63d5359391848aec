"""Eight workers on one PostgreSQL: what must never happen is counted, not timed."""

from __future__ import annotations

__all__ = ()

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Final, TypeVar

import attrs
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    add,
    deliveries,
    do,
    keep,
    make_keep,
    make_outcome,
)

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks.outbox.contract import Claim, Outcome
from upcall.webhooks.outbox.postgres import PostgresStore
from upcall.webhooks.outbox.seal import Seal

R = TypeVar("R")

WORKERS: Final = 8
MESSAGES: Final = 80
DEADLINE: Final = 50.0


@attrs.define(eq=False)
class Watcher:
    """Sees every claim from its beginning to its end, over all workers."""

    lock: threading.Lock = attrs.field(factory=threading.Lock)
    flying: Counter[str] = attrs.field(factory=Counter[str])
    most: Counter[str] = attrs.field(factory=Counter[str])
    begun: list[tuple[str, float]] = attrs.field(factory=list[tuple[str, float]])
    ended: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])

    def begin(self, claims: Iterable[Claim], now: float) -> None:
        """See deliveries claimed."""
        with self.lock:
            for claim in claims:
                name = claim.endpoint.id
                self.flying[name] += 1
                self.most[name] = max(self.most[name], self.flying[name])
                self.begun.append((name, now))

    def end(self, claims: Iterable[Claim]) -> None:
        """See them answered, before anybody can know of it."""
        with self.lock:
            for claim in claims:
                self.flying[claim.endpoint.id] -= 1
                self.ended.append((claim.endpoint.id, claim.message.id))


class Hand:
    """A worker in a thread of its own: claims, takes its time, and settles."""

    def __init__(self, url: str, watcher: Watcher, seed: int) -> None:
        self._store = PostgresStore(make_url(url), Seal())
        self._watcher = watcher
        self._dice = Random(seed)

    def run(self, end: float) -> None:
        """Work until nothing is left; one attempt in ten fails."""
        self._store.open()

        try:
            number = do(self._store, self._store.enlist, now=time.time())

            while self._waiting():
                assert time.time() < end, "it takes too long: does anybody deliver?"
                self._turn(number)
        finally:
            self._store.close()

    def _turn(self, number: int) -> None:
        now = time.time()
        turn = self._do(self._store.claim, number, now=now, free=20, unproven=10)
        self._watcher.begin(turn.claims, now)
        time.sleep(self._dice.random() / 500)
        self._watcher.end(turn.claims)
        self._do(self._store.settle, [self._outcome(each) for each in turn.claims])

    def _outcome(self, claim: Claim) -> Outcome:
        failed = self._dice.random() < 0.1
        now = time.time()

        if failed:
            return make_outcome(claim, Move.RETRY, now=now, due=now + 0.02)

        return make_outcome(claim, Move.DELIVER, now=now)

    def _waiting(self) -> bool:
        counts = do(self._store, self._store.counts)
        return counts.waiting + counts.claimed > 0

    def _do(self, verb: Callable[..., R], *args: Any, **options: Any) -> R:
        """Do it, and once more if the database ended it for another's sake."""
        try:
            return do(self._store, verb, *args, **options)
        except OperationalError:
            return do(self._store, verb, *args, **options)


def deliver_all(url: str, *endpoints: Endpoint) -> Watcher:
    """Let eight workers deliver messages to endpoints; return what was seen."""
    watcher = Watcher()
    store = PostgresStore(make_url(url), Seal())
    store.open()

    try:
        add(store, *endpoints)
        keep(store, *(make_keep(f"m{n:04}", now=time.time()) for n in range(MESSAGES)))
        hands = [Hand(url, watcher, seed) for seed in range(WORKERS)]
        end = time.time() + DEADLINE

        with ThreadPoolExecutor(WORKERS) as pool:
            for future in [pool.submit(hand.run, end) for hand in hands]:
                future.result()

        found = deliveries(store, limit=10_000)
        assert {each.state for each in found} == {State.DELIVERED}
        assert len(found) == MESSAGES * len(endpoints)
    finally:
        store.close()

    return watcher


def test_concurrency_is_never_exceeded(postgres_url: str) -> None:
    """By as much as one request, in any moment; and it is used."""
    names = [f"e{number}" for number in range(8)]
    endpoints = [make_endpoint(name, concurrency=3) for name in names]

    watcher = deliver_all(postgres_url, *endpoints)

    assert set(watcher.most) == set(names)
    assert max(watcher.most.values()) == 3


@pytest.mark.parametrize("rate", [40, 3000])
def test_rate_is_never_exceeded(postgres_url: str, rate: int) -> None:
    """No second, wherever it begins, has more requests than that."""
    watcher = deliver_all(postgres_url, make_endpoint(rate=rate, concurrency=50))

    moments = sorted(moment for _, moment in watcher.begun)

    for number, moment in enumerate(moments):
        within = [each for each in moments[number:] if each < moment + 1]
        assert len(within) <= rate


def test_order_is_never_broken(postgres_url: str) -> None:
    """One at a time, each after the one before it was delivered."""
    watcher = deliver_all(
        postgres_url, make_endpoint("a", ordered=True), make_endpoint("b", ordered=True)
    )

    assert max(watcher.most.values()) == 1

    for name in ("a", "b"):
        ended = [message for endpoint, message in watcher.ended if endpoint == name]
        assert sorted(ended) == ended
        assert len(set(ended)) == MESSAGES
