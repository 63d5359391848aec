"""What every store does with outcomes, and with workers that end."""

from __future__ import annotations

__all__ = ("OutcomesContract",)

from datetime import UTC, datetime

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

from upcall.webhooks._proto.delivery import (
    Move,
    State,
)
from upcall.webhooks.outbox.contract import (
    LEASE_MARGIN,
    Kept,
    Settled,
    Store,
    Turn,
)


class OutcomesContract:
    """The fence decides."""

    def test_delivered_is_finished(self, store: Store) -> None:
        """And the attempt is on record, to the byte."""
        add(store, make_endpoint())
        keep(store, make_keep())
        found = claim_one(store, enlist(store))
        outcome = make_outcome(found, Move.DELIVER, now=NOON + 1)

        settled = settle(store, outcome)

        assert settled == [Settled(state=State.DELIVERED, late=False)]
        (row,) = deliveries(store, state=State.DELIVERED)
        assert row.finished == datetime.fromtimestamp(NOON + 1, UTC)
        assert row.reason is None
        assert do(store, store.attempts, row.id) == [outcome.attempt]

    def test_retry_waits_until_it_is_due(self, store: Store) -> None:
        """The fence and the number of attempts go on from where they were."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist(store)

        settle(store, make_outcome(claim_one(store, worker), Move.RETRY, due=NOON + 7))

        (row,) = deliveries(store)
        assert (row.state, row.reason) == (State.WAITING, "status 503")
        assert claim(store, worker) == Turn(next_due=NOON + 7)
        again = claim_one(store, worker, now=NOON + 7)
        assert (again.attempt, again.fence) == (2, 2)

    def test_buried_is_dead(self, store: Store) -> None:
        """With the reason."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist(store)

        settle(store, make_outcome(claim_one(store, worker), Move.BURY, reason="why"))

        (row,) = deliveries(store, state=State.DEAD)
        assert (row.reason, row.finished) == ("why", datetime.fromtimestamp(NOON, UTC))
        assert claim(store, worker, now=NOON + 1e6) == Turn()

    def test_gone_disables_the_endpoint(self, store: Store) -> None:
        """A receiver that answers 410 gets nothing more."""
        add(store, make_endpoint("a"), make_endpoint("b"))
        keep(store, make_keep())
        before = do(store, store.changes)
        one, two = claim(store, enlist(store)).claims

        settle(
            store,
            make_outcome(one, Move.BURY, gone=True),
            make_outcome(two, Move.DELIVER),
        )

        enabled = {
            each.id: each.enabled for each in do(store, store.endpoints, now=NOON)
        }
        assert enabled == {"a": False, "b": True}
        assert do(store, store.changes) > before
        assert keep(store, make_keep("m2")) == [Kept(deliveries=1, new=True)]

    @pytest.mark.parametrize("move", [Move.DELIVER, Move.RETRY, Move.BURY])
    def test_outcome_with_an_old_fence_changes_nothing_but_the_record(
        self, store: Store, move: Move
    ) -> None:
        """A worker that lost its lease has no say; that it sent is written down."""
        add(store, make_endpoint())
        keep(store, make_keep())
        one, two = enlist(store), enlist(store)
        old = claim_one(store, one)
        later = NOON + old.endpoint.timeout + LEASE_MARGIN
        assert do(store, store.rescue, now=later).number == 1
        new = claim_one(store, two, now=later)
        before = deliveries(store)

        settled = settle(store, make_outcome(old, move, now=later))

        assert settled == [Settled(state=State.CLAIMED, late=True)]
        assert deliveries(store) == before
        assert len(do(store, store.attempts, old.delivery)) == 1
        assert settle(store, make_outcome(new, Move.RETRY, now=later)) == [
            Settled(state=State.WAITING, late=False)
        ]

    def test_late_outcomes_of_one_delivery_in_one_commit_are_told_apart(
        self, store: Store
    ) -> None:
        """Only the one with the fence of today acts, in whatever order they come."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist(store)
        old = claim_one(store, worker)
        later = NOON + 1000
        do(store, store.rescue, now=later)
        new = claim_one(store, worker, now=later)

        settled = settle(
            store,
            make_outcome(old, Move.BURY, now=later),
            make_outcome(new, Move.DELIVER, now=later),
            make_outcome(new, Move.RETRY, now=later),
        )

        assert [each.late for each in settled] == [True, False, True]
        (row,) = deliveries(store)
        assert row.state is State.DELIVERED

    def test_late_success_counts_if_nobody_has_claimed_since(
        self, store: Store
    ) -> None:
        """The lease was over, the receiver has it: that is what we wanted to know."""
        add(store, make_endpoint())
        keep(store, make_keep())
        found = claim_one(store, enlist(store))
        do(store, store.rescue, now=NOON + 1000)

        settled = settle(store, make_outcome(found, Move.DELIVER, now=NOON + 1001))

        assert settled == [Settled(state=State.DELIVERED, late=False)]

    def test_late_failure_is_only_written_down(self, store: Store) -> None:
        """It waits already; to wait longer would be of no use."""
        add(store, make_endpoint())
        keep(store, make_keep())
        found = claim_one(store, enlist(store))
        do(store, store.rescue, now=NOON + 1000)
        before = deliveries(store)

        settled = settle(store, make_outcome(found, Move.RETRY, now=NOON + 1001))

        assert settled == [Settled(state=State.WAITING, late=True)]
        assert deliveries(store) == before

    def test_give_back_counts_no_attempt(self, store: Store) -> None:
        """Restarts alone never use a schedule up. The fence still rises."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist(store)
        first = claim_one(store, worker)

        do(store, store.give_back, [first])

        second = claim_one(store, worker)
        assert (second.attempt, second.fence) == (1, 2)
        do(store, store.give_back, [first])
        assert deliveries(store)[0].state is State.CLAIMED

    def test_rescue_takes_back_what_is_over(self, store: Store) -> None:
        """Due at once; the attempt counts, for the request may have been sent."""
        add(store, make_endpoint(timeout=10))
        keep(store, make_keep())
        worker = enlist(store)
        claim_one(store, worker)

        assert do(store, store.rescue, now=NOON + 10 + LEASE_MARGIN - 0.1).number == 0
        assert do(store, store.rescue, now=NOON + 10 + LEASE_MARGIN).number == 1

        (row,) = deliveries(store)
        assert (row.state, row.attempts) == (State.WAITING, 1)
        assert row.reason is not None
        assert claim_one(store, worker, now=NOON + 10 + LEASE_MARGIN).attempt == 2

    def test_lapse_of_the_last_attempt_is_the_end(self, store: Store) -> None:
        """No attempt is left; it can be replayed."""
        add(store, make_endpoint(schedule=(0,)))
        keep(store, make_keep())
        claim_one(store, enlist(store))

        assert do(store, store.rescue, now=NOON + 1000).number == 1

        (row,) = deliveries(store)
        assert row.state is State.DEAD
        assert row.reason is not None

    def test_dismissed_worker_leaves_nothing_claimed(self, store: Store) -> None:
        """Those of others are not touched."""
        add(store, make_endpoint("a"), make_endpoint("b"))
        keep(store, make_keep())
        one, two = enlist(store), enlist(store)
        claim_one(store, one)
        claim_one(store, two)

        assert do(store, store.dismiss, one, now=NOON).number == 1

        states = [each.state for each in deliveries(store)]
        assert sorted(states) == [State.CLAIMED, State.WAITING]

    def test_workers_have_numbers_of_their_own(self, store: Store) -> None:
        """A number is never given twice: a lock, a claim, a record refer to it."""
        one = enlist(store)
        do(store, store.dismiss, one, now=NOON)

        assert enlist(store) != one
