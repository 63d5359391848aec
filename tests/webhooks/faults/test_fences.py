"""Leases that end while a request is under way, and what fences are for.

Two workers on one store, whose outcomes come at random: in time, or after the lease has
ended and somebody else has claimed the delivery. The oracle follows every claim. The
same on a store without fences shows that it would notice.
"""

from __future__ import annotations

__all__ = ()

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random

import attrs
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    deliveries,
    do,
    enlist,
    keep,
    make_keep,
    make_outcome,
    settle,
)

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks.outbox.contract import Claim, Outcome, Settled
from upcall.webhooks.outbox.postgres import PostgresStore
from upcall.webhooks.outbox.schema import delivery
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sql import SqlStore
from upcall.webhooks.outbox.sqlite import SqliteStore

MESSAGES = 60
LEASE = 100.0


class Unfenced(SqliteStore):
    """A store that takes every outcome for that of the present claim."""

    def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        return super().settle([self._refenced(each) for each in outcomes])

    def _refenced(self, outcome: Outcome) -> Outcome:
        number = outcome.claim.delivery
        found = select(delivery.c.fence).where(delivery.c.id == number)
        fence = self.connection.execute(found).scalar_one()
        return attrs.evolve(outcome, claim=attrs.evolve(outcome.claim, fence=fence))


@attrs.define(eq=False)
class Oracle:
    """Follows what is claimed and settled, and counts what must not be."""

    newest: dict[int, Claim] = attrs.field(factory=dict[int, Claim])
    """The last claim of each delivery."""

    settled: dict[int, int] = attrs.field(factory=dict[int, int])
    """The fence of the claim by whose outcome it ended."""

    counts: Counter[str] = attrs.field(factory=Counter[str])

    def claimed(self, each: Claim) -> None:
        """See a claim: of what has ended there must not be one."""
        self.counts["claims"] += 1
        self.counts["wrong"] += each.delivery in self.settled
        self.newest[each.delivery] = each

    def told(self, outcome: Outcome, result: Settled) -> None:
        """See what an outcome did: nothing, if somebody has claimed it since.

        If nobody has, a success counts even after the lease; a failure then does not.
        """
        each = outcome.claim
        lost = self.newest[each.delivery].fence != each.fence
        delivered = outcome.decision.move is Move.DELIVER
        self.counts["late"] += lost
        self.counts["wrong"] += not result.late if lost else result.late and delivered

        if not result.late and result.state is State.DELIVERED:
            self.settled[each.delivery] = each.fence


def work(store: SqlStore, seed: int) -> Counter[str]:
    """Let two workers work at cross purposes until all is delivered."""
    dice = Random(seed)
    oracle = Oracle()
    now = NOON
    add(store, make_endpoint(concurrency=50, timeout=1, schedule=[1] * 900))
    keep(store, *(make_keep(f"m{number}") for number in range(MESSAGES)))
    workers = [enlist(store), enlist(store)]
    flying: list[Claim] = []

    for _ in range(2000):
        if flying and dice.random() < 0.5:
            mine = flying.pop(dice.randrange(len(flying)))
            move = Move.DELIVER if dice.random() < 0.5 else Move.RETRY
            outcome = make_outcome(mine, move, now=now, **dues(move, now))
            oracle.told(outcome, *settle(store, outcome))
        else:
            now += LEASE if dice.random() < 0.2 else 1
            do(store, store.rescue, now=now)
            found = claim(store, dice.choice(workers), now=now, free=3).claims

            for each in found:
                oracle.claimed(each)

            flying += found

        if len(oracle.settled) == MESSAGES and not flying:
            break

    return oracle.counts


def dues(move: Move, now: float) -> dict[str, float]:
    """Return when it is to be tried again, if it is."""
    return {"due": now} if move is Move.RETRY else {}


@pytest.fixture
def opened() -> Iterator[Callable[[SqlStore], SqlStore]]:
    """Give what opens a store for the time of the test."""
    stores: list[SqlStore] = []

    def open_it(store: SqlStore) -> SqlStore:
        store.open()
        stores.append(store)
        return store

    yield open_it

    for store in stores:
        store.close()


def check(store: SqlStore, seed: int) -> None:
    """Work, and count."""
    counts = work(store, seed)

    assert counts["wrong"] == 0
    assert counts["late"] > 3, "nothing was late: this tests nothing"
    assert {each.state for each in deliveries(store)} == {State.DELIVERED}
    assert do(store, store.check, now=NOON + 1e6) == []


@pytest.mark.parametrize("seed", range(5))
def test_late_outcome_changes_nothing_in_sqlite(
    opened: Callable[[SqlStore], SqlStore], seed: int
) -> None:
    """It is written down, no more; and only the newest claim ends a delivery."""
    check(opened(SqliteStore(None, Seal())), seed)


@pytest.mark.parametrize("seed", [0])
def test_late_outcome_changes_nothing_in_postgres(
    opened: Callable[[SqlStore], SqlStore], postgres_url: str, seed: int
) -> None:
    """The same."""
    check(opened(PostgresStore(make_url(postgres_url), Seal())), seed)


@pytest.mark.parametrize("seed", range(5))
def test_oracle_sees_what_is_wrong_without_fences(
    opened: Callable[[SqlStore], SqlStore], seed: int
) -> None:
    """The same tricks on a store without them."""
    counts = work(opened(Unfenced(None, Seal())), seed)

    assert counts["wrong"] > 0
