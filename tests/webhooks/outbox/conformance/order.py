"""What every store does with endpoints that are ordered."""

from __future__ import annotations

__all__ = ("OrderContract",)

from typing import Any

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
from upcall.webhooks.outbox.contract import Store, Turn


def add_ordered(store: Store, *ids: str, **changes: Any) -> None:
    """Register an ordered endpoint, and keep messages for it, in this order."""
    add(store, make_endpoint(ordered=True, **changes))
    keep(store, *(make_keep(each) for each in ids))


class OrderContract:
    """One after the other, in the order of their messages."""

    def test_ordered_endpoint_gets_one_after_the_other(self, store: Store) -> None:
        """Over all workers, the next when the one before it is delivered."""
        add_ordered(store, "m1", "m2", "m3")
        one, two = enlist(store), enlist(store)
        seen: list[str] = []

        for worker in (one, two, one):
            found = claim_one(store, worker)
            seen.append(found.message.id)
            assert claim(store, one) == Turn()
            assert claim(store, two) == Turn()
            settle(store, make_outcome(found, Move.DELIVER))

        assert seen == ["m1", "m2", "m3"]

    def test_order_is_that_of_storing_not_of_being_due(self, store: Store) -> None:
        """A clock that was turned back changes nothing."""
        add(store, make_endpoint(ordered=True))
        keep(store, make_keep("first", now=NOON + 2))
        keep(store, make_keep("second", now=NOON))
        worker = enlist(store)

        assert claim(store, worker, now=NOON + 1) == Turn(next_due=NOON + 2)
        assert claim_one(store, worker, now=NOON + 2).message.id == "first"

    def test_head_that_waits_for_its_retry_holds_the_others(self, store: Store) -> None:
        """And its time is that of the endpoint."""
        add_ordered(store, "m1", "m2")
        worker = enlist(store)

        settle(store, make_outcome(claim_one(store, worker), Move.RETRY, due=NOON + 70))

        assert claim(store, worker, now=NOON + 69) == Turn(next_due=NOON + 70)
        again = claim_one(store, worker, now=NOON + 70)
        assert (again.message.id, again.attempt) == ("m1", 2)

    def test_dead_head_is_passed(self, store: Store) -> None:
        """It is on record, and the others go on."""
        add_ordered(store, "m1", "m2")
        worker = enlist(store)

        settle(store, make_outcome(claim_one(store, worker), Move.BURY))

        assert claim_one(store, worker, now=NOON + 1).message.id == "m2"

    def test_head_that_is_given_back_stays_the_head(self, store: Store) -> None:
        """As does one whose claim has lapsed."""
        add_ordered(store, "m1", "m2")
        worker = enlist(store)

        do(store, store.give_back, [claim_one(store, worker)])
        assert claim_one(store, worker).message.id == "m1"

        do(store, store.dismiss, worker, now=NOON)
        assert claim_one(store, enlist(store)).message.id == "m1"

    def test_replay_stands_outside_the_order(self, store: Store) -> None:
        """It goes while the head waits, and takes the one place there is."""
        add_ordered(store, "m1", "m2", "m3")
        worker = enlist(store)
        dead = claim_one(store, worker)
        settle(store, make_outcome(dead, Move.BURY))
        now = NOON + 1
        head = claim_one(store, worker, now=now)
        settle(store, make_outcome(head, Move.RETRY, now=now, due=NOON + 100))

        replay = do(store, store.replay, dead.delivery, now=NOON + 50)

        assert claim(store, worker, now=NOON + 49) == Turn(next_due=NOON + 50)
        found = claim_one(store, worker, now=NOON + 60)
        assert (found.delivery, found.message.id) == (replay.id, "m1")
        assert claim(store, worker, now=NOON + 100) == Turn()
        settle(store, make_outcome(found, Move.DELIVER, now=NOON + 100))
        assert claim_one(store, worker, now=NOON + 100).message.id == "m2"

    def test_replay_that_waits_holds_nobody(self, store: Store) -> None:
        """Not even with an older message than the head's."""
        add_ordered(store, "m1", "m2")
        worker = enlist(store)
        dead = claim_one(store, worker)
        settle(store, make_outcome(dead, Move.BURY))
        do(store, store.replay, dead.delivery, now=NOON + 1000)

        assert claim_one(store, worker, now=NOON + 1).message.id == "m2"

    def test_order_is_each_endpoints_own(self, store: Store) -> None:
        """A head that waits holds no other endpoint, ordered or not."""
        add_ordered(store, name="a", schedule=(50,))
        add_ordered(store, "m1", "m2", name="b")
        add(store, make_endpoint("c"))
        keep(store, make_keep("m3"))

        found = claim(store, enlist(store)).claims

        seen = {(each.endpoint.id, each.message.id) for each in found}
        assert seen == {("b", "m1"), ("c", "m3")}

    def test_late_success_of_the_head_lets_the_next_one_go(self, store: Store) -> None:
        """The lease was over, nobody had claimed it again: it is delivered."""
        add_ordered(store, "m1", "m2")
        worker = enlist(store)
        head = claim_one(store, worker)
        later = NOON + 100
        do(store, store.rescue, now=later)

        settle(store, make_outcome(head, Move.DELIVER, now=later))

        assert claim_one(store, worker, now=later).message.id == "m2"

    def test_order_that_is_asked_for_later_begins_when_all_are_back(
        self, store: Store
    ) -> None:
        """What is in flight then fills the one place there is."""
        add(store, make_endpoint())
        keep(store, make_keep("m1"), make_keep("m2"), make_keep("m3"))
        worker = enlist(store)
        settle(store, make_outcome(claim_one(store, worker), Move.DELIVER))
        two, three = claim(store, worker).claims
        do(store, store.update, make_endpoint(ordered=True), now=NOON)
        keep(store, make_keep("m4"))

        settle(store, make_outcome(three, Move.DELIVER))
        assert claim(store, worker) == Turn()
        settle(store, make_outcome(two, Move.RETRY, due=NOON + 9))
        assert claim(store, worker, now=NOON + 8) == Turn(next_due=NOON + 9)
        assert claim_one(store, worker, now=NOON + 9).message.id == "m2"
        assert len(deliveries(store, state=State.WAITING)) == 1
