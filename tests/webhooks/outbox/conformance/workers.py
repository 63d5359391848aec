"""What every store does with workers: the list of them, and what the gone leave."""

from __future__ import annotations

__all__ = ("WorkersContract",)

import pytest
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    claim_one,
    deliveries,
    do,
    enlist,
    keep,
    make_keep,
    make_outcome,
    settle,
)

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks.outbox.contract import Settled, Store, Turn

BEAT = 2.0
SILENCE = 10.0


def enlist_mortal(store: Store, *, now: float = NOON) -> int:
    """Enter a worker that has to say that it lives."""
    return do(store, store.enlist, now=now)


def beat(store: Store, worker: int, *, now: float) -> bool:
    """Say that it lives."""
    return do(store, store.heartbeat, worker, now=now)


class WorkersContract:
    """Who is silent is gone."""

    def test_claims_of_a_silent_worker_lapse(self, store: Store) -> None:
        """After ten seconds, long before the lease is over; the attempt counts."""
        add(store, make_endpoint())
        keep(store, make_keep())
        silent, other = enlist_mortal(store), enlist(store)
        claim_one(store, silent)

        assert do(store, store.rescue, now=NOON + SILENCE - 0.1).number == 0
        assert do(store, store.rescue, now=NOON + SILENCE).number == 1
        assert do(store, store.rescue, now=NOON + SILENCE).number == 0

        again = claim_one(store, other, now=NOON + SILENCE)
        assert (again.attempt, again.fence) == (2, 2)

    def test_heartbeats_keep_claims(self, store: Store) -> None:
        """As long as the lease lasts."""
        add(store, make_endpoint(timeout=30))
        keep(store, make_keep())
        worker = enlist_mortal(store)
        claim_one(store, worker)

        for each in range(1, 25):
            assert beat(store, worker, now=NOON + each * BEAT)
            assert do(store, store.rescue, now=NOON + each * BEAT).number == 0

    def test_crash_is_noticed_within_twelve_seconds(self, store: Store) -> None:
        """It crashes right after it said that it lives; another looks every beat."""
        add(store, make_endpoint())
        keep(store, make_keep())
        victim, other = enlist_mortal(store), enlist_mortal(store)
        claim_one(store, victim)
        crash = NOON + BEAT
        beat(store, victim, now=crash)
        looks = [NOON + 1 + each * BEAT for each in range(10)]
        rescued: list[float] = []

        for look in looks:
            beat(store, other, now=look)
            rescued += [look] * do(store, store.rescue, now=look).number

        (moment,) = rescued
        assert moment - crash <= 12

    def test_worker_that_was_struck_off_is_told(self, store: Store) -> None:
        """It gets nothing, until it has enlisted anew."""
        add(store, make_endpoint())
        keep(store, make_keep())
        late = enlist_mortal(store)
        later = NOON + SILENCE
        do(store, store.rescue, now=later)

        assert not beat(store, late, now=later)
        assert claim(store, late, now=later) == Turn()

        anew = enlist_mortal(store, now=later)
        assert anew != late
        assert beat(store, anew, now=later)
        assert len(claim(store, anew, now=later).claims) == 1

    @pytest.mark.parametrize("worker", [0, 10**9])
    def test_stranger_claims_nothing(self, store: Store, worker: int) -> None:
        """And is told, if it says that it lives."""
        add(store, make_endpoint())
        keep(store, make_keep())

        assert claim(store, worker) == Turn()
        assert not beat(store, worker, now=NOON)
        assert do(store, store.dismiss, worker, now=NOON).number == 0

    @pytest.mark.parametrize("move", [Move.RETRY, Move.BURY])
    def test_outcome_of_a_worker_that_was_struck_off_is_late(
        self, store: Store, move: Move
    ) -> None:
        """It changes nothing but the record, whoever has the delivery now."""
        add(store, make_endpoint())
        keep(store, make_keep())
        silent, other = enlist_mortal(store), enlist(store)
        old = claim_one(store, silent)
        later = NOON + SILENCE
        do(store, store.rescue, now=later)

        waiting = settle(store, make_outcome(old, move, now=later))
        new = claim_one(store, other, now=later)
        claimed = settle(store, make_outcome(old, move, now=later))

        assert waiting == [Settled(state=State.WAITING, late=True)]
        assert claimed == [Settled(state=State.CLAIMED, late=True)]
        settled = settle(store, make_outcome(new, Move.DELIVER, now=later))
        assert settled == [Settled(state=State.DELIVERED, late=False)]

    def test_success_of_a_worker_that_was_struck_off_counts_until_the_next_claim(
        self, store: Store
    ) -> None:
        """The receiver has it; after the next claim somebody else will find out."""
        add(store, make_endpoint())
        keep(store, make_keep("m1"))
        silent, other = enlist_mortal(store), enlist(store)
        first = claim_one(store, silent)
        later = NOON + SILENCE
        do(store, store.rescue, now=later)
        assert settle(store, make_outcome(first, Move.DELIVER, now=later)) == [
            Settled(state=State.DELIVERED, late=False)
        ]

        keep(store, make_keep("m2", now=later))
        silent = enlist_mortal(store, now=later)
        second = claim_one(store, silent, now=later)
        later += SILENCE
        do(store, store.rescue, now=later)
        claim_one(store, other, now=later)
        assert settle(store, make_outcome(second, Move.DELIVER, now=later)) == [
            Settled(state=State.CLAIMED, late=True)
        ]

    def test_give_back_of_a_worker_that_was_struck_off_does_nothing(
        self, store: Store
    ) -> None:
        """It lapsed, and so counts as an attempt: nobody knows better any more."""
        add(store, make_endpoint())
        keep(store, make_keep())
        silent, other = enlist_mortal(store), enlist(store)
        old = claim_one(store, silent)
        later = NOON + SILENCE
        do(store, store.rescue, now=later)

        do(store, store.give_back, [old])
        new = claim_one(store, other, now=later)
        do(store, store.give_back, [old])

        assert new.attempt == 2
        assert [row.state for row in deliveries(store)] == [State.CLAIMED]

    def test_claims_of_those_who_live_are_not_touched(self, store: Store) -> None:
        """One is gone, the other is not."""
        add(store, make_endpoint("a"), make_endpoint("b"))
        keep(store, make_keep())
        gone, alive = enlist_mortal(store), enlist_mortal(store)
        lost = claim_one(store, gone)
        kept = claim_one(store, alive)
        beat(store, alive, now=NOON + SILENCE)

        assert do(store, store.rescue, now=NOON + SILENCE).number == 1

        states = {row.id: row.state for row in deliveries(store)}
        assert states == {
            lost.delivery: State.WAITING,
            kept.delivery: State.CLAIMED,
        }

    @pytest.mark.parametrize("verb", ["rescue", "dismiss", "give_back"])
    def test_claim_of_an_endpoint_that_was_removed_ends_with_its_worker(
        self, store: Store, verb: str
    ) -> None:
        """It is cancelled, and never waits for an endpoint that will not come back."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist_mortal(store)
        found = claim_one(store, worker)
        do(store, store.remove, "one", now=NOON)

        if verb == "give_back":
            do(store, store.give_back, [found])

        if verb == "rescue":
            assert do(store, store.rescue, now=NOON + SILENCE).number == 1
        else:
            assert do(store, store.dismiss, worker, now=NOON).number == 1

        (row,) = deliveries(store)
        assert row.state is State.CANCELLED
        assert row.reason == "the endpoint was removed"

    def test_lapse_leaves_the_window_as_it_is(self, store: Store) -> None:
        """That a worker crashed is no fault of the endpoint."""
        add(store, make_endpoint(concurrency=2))
        keep(store, *(make_keep(f"m{each}") for each in range(4)))
        silent, other = enlist_mortal(store), enlist(store)
        settle(store, make_outcome(claim_one(store, silent), Move.DELIVER))
        assert len(claim(store, silent).claims) == 2

        do(store, store.rescue, now=NOON + SILENCE)

        assert len(claim(store, other, now=NOON + SILENCE).claims) == 2
