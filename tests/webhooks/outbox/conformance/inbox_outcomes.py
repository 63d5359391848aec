"""What every store does with requests that come in: settled, looked at, forgotten."""

from __future__ import annotations

__all__ = ("InboxOutcomesContract",)

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from tests.webhooks.outbox.conformance.inbox import (
    SCHEDULE,
    claim_requests,
    list_requests,
    make_outcome_of,
    make_take,
    rescue_requests,
    settle_requests,
    take,
)
from tests.webhooks.outbox.conformance.verbs import NOON, do, enlist

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks._proto.news import Dead
from upcall.webhooks.outbox.contract import Store
from upcall.webhooks.outbox.inbox_contract import LEASE, Taken


class InboxOutcomesContract:
    """A fixture ``store`` gives an open store."""

    # --- outcomes ---

    def test_outcomes_move_requests_on(self, store: Store) -> None:
        """By the same table as deliveries, with the attempt on record."""
        take(store, *(make_take(f"r{n}") for n in range(3)))
        claims = claim_requests(store, enlist(store))
        moves = (Move.DELIVER, Move.RETRY, Move.BURY)

        made = settle_requests(
            store,
            *(
                make_outcome_of(claim, move, now=NOON + 1)
                for claim, move in zip(claims, moves, strict=True)
            ),
        )

        assert made == [True, True, True]
        dead, waiting, delivered = list_requests(store)
        ended = datetime.fromtimestamp(NOON + 1, UTC)
        assert (delivered.state, delivered.finished) == (State.DELIVERED, ended)
        assert (dead.state, dead.finished) == (State.DEAD, ended)
        assert dead.reason == "ValueError: no"
        assert (waiting.state, waiting.finished) == (State.WAITING, None)
        assert waiting.due == datetime.fromtimestamp(NOON + 6, UTC)
        (attempt,) = do(store, store.inbox.attempts, waiting.id)
        assert attempt == make_outcome_of(claims[1], Move.RETRY, now=NOON + 1).attempt
        (attempt,) = do(store, store.inbox.attempts, delivered.id)
        assert attempt.error is None

    def test_late_outcome_is_on_record_and_changes_nothing(self, store: Store) -> None:
        """The fence decides."""
        take(store, make_take())
        worker = enlist(store)
        (lost,) = claim_requests(store, worker)
        rescue_requests(store, now=NOON + LEASE)
        (claim,) = claim_requests(store, worker, now=NOON + 100)

        assert settle_requests(store, make_outcome_of(lost)) == [False]
        assert list_requests(store)[0].state is State.CLAIMED
        assert settle_requests(store, make_outcome_of(claim)) == [True]
        attempts = do(store, store.inbox.attempts, claim.request)
        assert [each.number for each in attempts] == [1, 2]

    def test_late_success_counts_if_nobody_claimed_it_again(self, store: Store) -> None:
        """The lease was over, and the work done all the same."""
        take(store, make_take())
        (claim,) = claim_requests(store, enlist(store))
        rescue_requests(store, now=NOON + LEASE)

        assert settle_requests(store, make_outcome_of(claim)) == [True]
        assert list_requests(store)[0].state is State.DELIVERED

    def test_outcome_of_what_is_gone_changes_nothing(self, store: Store) -> None:
        """It was pruned meanwhile."""
        take(store, make_take())
        (claim,) = claim_requests(store, enlist(store))
        settle_requests(store, make_outcome_of(claim))
        later = NOON + 5000
        do(store, store.inbox.prune, now=later, delivered=later, dead=later, limit=9)

        assert settle_requests(store, make_outcome_of(claim)) == [False]

    # --- rescue ---

    def test_claims_of_who_is_gone_wait_for_the_schedule(self, store: Store) -> None:
        """What killed the process may have been one of them."""
        take(store, make_take())
        worker = enlist(store)
        claim_requests(store, worker)
        assert rescue_requests(store, now=NOON + 1).number == 0
        do(store, store.dismiss, worker, now=NOON + 1)

        assert rescue_requests(store, now=NOON + 1).number == 1

        (found,) = list_requests(store)
        assert found.state is State.WAITING
        assert found.due == datetime.fromtimestamp(NOON + 1 + SCHEDULE[1], UTC)
        assert "gone" in (found.reason or "")

    def test_silent_worker_is_gone(self, store: Store) -> None:
        """It has not said for ten seconds that it lives."""
        take(store, make_take())
        worker = do(store, store.enlist, now=NOON)
        claim_requests(store, worker)

        assert rescue_requests(store, now=NOON + 9).number == 0
        assert rescue_requests(store, now=NOON + 10).number == 1
        assert not do(store, store.heartbeat, worker, now=NOON + 10)

    def test_lease_ends_unless_it_is_renewed(self, store: Store) -> None:
        """Callbacks may take long; what was lost is not renewed."""
        take(store, make_take())
        claims = claim_requests(store, enlist(store))
        do(store, store.inbox.renew, claims, now=NOON + 50)
        lost = [attrs.evolve(claim, fence=9) for claim in claims]
        do(store, store.inbox.renew, lost, now=NOON + 500)

        assert rescue_requests(store, now=NOON + 50 + LEASE - 1).number == 0
        assert rescue_requests(store, now=NOON + 50 + LEASE).number == 1

    def test_last_attempt_that_lapses_is_the_end(self, store: Store) -> None:
        """One that kills every process does so only so often."""
        take(store, make_take())
        worker = enlist(store)
        told: list[Dead] = []

        for number in range(len(SCHEDULE)):
            now = NOON + 1000 * number
            assert len(claim_requests(store, worker, now=now)) == 1
            lapsed = rescue_requests(store, now=now + LEASE)
            assert lapsed.number == 1
            told += lapsed.dead

        (found,) = list_requests(store)
        assert (found.state, found.attempts) == (State.DEAD, 3)
        assert "no attempt left of 3" in (found.reason or "")
        assert told == [
            Dead(
                source="github",
                event="github.push",
                envelope="r1",
                request=found.id,
                attempts=3,
                reason=found.reason or "",
            )
        ]

    # --- records ---

    def test_requests_can_be_chosen(self, store: Store) -> None:
        """The newest first; by source, state, number and time."""
        take(
            store,
            make_take("r1"),
            make_take("r2", source="stripe", received=NOON + 1),
            make_take("r3", received=NOON + 2),
        )
        claim_requests(store, enlist(store), free=1)

        def chosen(**options: Any) -> list[str]:
            return [each.envelope for each in list_requests(store, **options)]

        assert chosen() == ["r3", "r2", "r1"]
        assert chosen(limit=2) == ["r3", "r2"]
        assert chosen(source="github") == ["r3", "r1"]
        assert chosen(state=State.CLAIMED) == ["r1"]
        assert chosen(before=list_requests(store)[1].id) == ["r1"]
        assert chosen(before=datetime.fromtimestamp(NOON + 2, UTC)) == ["r2", "r1"]

    def test_unknown_request_has_no_attempts(self, store: Store) -> None:
        """It is told, and where to look."""
        with pytest.raises(OutboxError, match=r"no request 9: Receiver\.requests"):
            do(store, store.inbox.attempts, 9)

    def test_replay_waits_again_with_the_whole_schedule(self, store: Store) -> None:
        """Under the same id, with the attempts so far on record."""
        take(store, make_take())
        worker = enlist(store)
        (claim,) = claim_requests(store, worker)
        settle_requests(store, make_outcome_of(claim, Move.BURY))
        number = list_requests(store)[0].id

        made = do(store, store.inbox.replay, number, now=NOON + 50)

        assert (made.state, made.finished, made.reason) == (State.WAITING, None, None)
        assert made.due == datetime.fromtimestamp(NOON + 50, UTC)
        (claim,) = claim_requests(store, worker, now=NOON + 50)
        assert (claim.uid, claim.attempt, claim.tries) == ("r1", 2, 1)
        assert len(do(store, store.inbox.attempts, number)) == 1

    def test_replay_of_what_is_not_finished_is_refused(self, store: Store) -> None:
        """Or of what is not there."""
        take(store, make_take())

        with pytest.raises(OutboxError, match="has no move 'replay'"):
            do(store, store.inbox.replay, list_requests(store)[0].id, now=NOON)

        with pytest.raises(OutboxError, match="no request 999"):
            do(store, store.inbox.replay, 999, now=NOON)

    def test_copy_of_a_dead_request_lets_it_wait_again(self, store: Store) -> None:
        """As a replay does; what was stored first is what counts."""
        take(store, *(make_take(f"r{n}") for n in range(3)))
        worker = enlist(store)
        dead, delivered, _ = claim_requests(store, worker)
        settle_requests(
            store, make_outcome_of(dead, Move.BURY), make_outcome_of(delivered)
        )
        later = {"received": NOON + 50, "due": NOON + 50, "keep_until": NOON + 9000}
        copies = [make_take(f"r{n}", body=b"other", **later) for n in (2, 0, 1, 0)]

        assert take(store, *copies).count(Taken.REVIVED) == 1
        assert take(store, make_take("r0", **later)) == [Taken.COPY]

        found = {each.envelope: each for each in list_requests(store)}
        revived = found["r0"]
        assert (revived.state, revived.finished, revived.reason) == (
            State.WAITING,
            None,
            None,
        )
        assert found["r1"].state is State.DELIVERED
        assert found["r2"].state is State.CLAIMED
        assert claim_requests(store, worker, now=NOON + 49) == ()
        (claim,) = claim_requests(store, worker, now=NOON + 50)
        assert (claim.uid, claim.attempt, claim.tries) == ("r0", 2, 1)
        assert claim.body == b'{"n":1}'
        settle_requests(store, make_outcome_of(claim, now=NOON + 51))
        prune = store.inbox.prune
        far = NOON + 8999
        do(store, prune, now=far, delivered=far, dead=far, limit=9)
        assert {each.envelope for each in list_requests(store)} == {"r0", "r2"}

    # --- pruning ---

    def test_pruning_takes_what_ended_long_ago(self, store: Store) -> None:
        """Dead ones later; with their attempts, and the memory of their ids."""
        take(store, *(make_take(f"r{n}") for n in range(3)))
        delivered, dead, _ = claim_requests(store, enlist(store))
        settle_requests(
            store, make_outcome_of(delivered), make_outcome_of(dead, Move.BURY)
        )
        later = NOON + 5000

        def prune(delivered: float, dead: float, limit: int = 10) -> int:
            prune = store.inbox.prune
            return do(
                store, prune, now=later, delivered=delivered, dead=dead, limit=limit
            )

        assert prune(NOON, NOON) == 0
        assert prune(NOON + 1, NOON) == 1
        assert {each.envelope for each in list_requests(store)} == {"r1", "r2"}
        assert prune(NOON, NOON + 1, limit=1) == 1
        assert [each.envelope for each in list_requests(store)] == ["r2"]
        assert take(store, make_take("r0")) == [Taken.NEW]

    def test_id_stays_as_long_as_it_may_come_again(self, store: Store) -> None:
        """However short the record is to be kept."""
        take(store, make_take(keep_until=NOON + 1000))
        (claim,) = claim_requests(store, enlist(store))
        settle_requests(store, make_outcome_of(claim))

        def prune(now: float) -> int:
            prune = store.inbox.prune
            return do(store, prune, now=now, delivered=now, dead=now, limit=10)

        assert prune(NOON + 999) == 0
        assert prune(NOON + 1000) == 1

    def test_bytes_are_free_when_who_held_them_is_pruned(self, store: Store) -> None:
        """As far as anybody remembers they are new."""
        take(store, make_take("r1", digest="same"))
        (claim,) = claim_requests(store, enlist(store))
        settle_requests(store, make_outcome_of(claim))
        later = NOON + 5000
        do(store, store.inbox.prune, now=later, delivered=later, dead=later, limit=9)

        assert take(store, make_take("r2", digest="same")) == [Taken.NEW]
