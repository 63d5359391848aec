"""What every store does with claims."""

from __future__ import annotations

__all__ = ("ClaimsContract",)

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
    widen,
)

from upcall.webhooks._proto.delivery import (
    Move,
    State,
)
from upcall.webhooks.outbox.contract import (
    Claim,
    Kept,
    Store,
    Turn,
)


class ClaimsContract:
    """Endpoints take turns, within their windows."""

    def test_claim_gives_all_that_an_attempt_needs(self, store: Store) -> None:
        """The message to the byte, and the endpoint with its secrets."""
        endpoint = make_endpoint(
            headers={"x-tenant": "blue"},
            schedule=(0, 5),
            description="d",
            metadata={"a": "b"},
            timeout=3.5,
        )
        add(store, endpoint)
        kept = make_keep(version=3, data=b'"\xc3\xa9\\u0000"')
        keep(store, kept)
        worker = enlist(store)

        turn = claim(store, worker)

        (found,) = turn.claims
        assert found == Claim(
            delivery=found.delivery,
            fence=1,
            attempt=1,
            worker=worker,
            proven=False,
            message=kept.message,
            format="standard",
            endpoint=endpoint,
        )
        (row,) = deliveries(store)
        assert (row.state, row.attempts) == (State.CLAIMED, 1)

    def test_claim_takes_nothing_before_it_is_due(self, store: Store) -> None:
        """And tells when something will be."""
        add(store, make_endpoint(schedule=(10, 10)))
        keep(store, make_keep())
        worker = enlist(store)

        assert claim(store, worker) == Turn(next_due=NOON + 10)
        assert claim(store, worker, now=NOON + 9.9).claims == ()
        assert len(claim(store, worker, now=NOON + 10).claims) == 1

    def test_claim_of_nothing_has_no_next_time(self, store: Store) -> None:
        """There is nothing to wait for."""
        add(store, make_endpoint())

        assert claim(store, enlist(store)) == Turn()

    def test_claimed_deliveries_are_not_claimed_again(self, store: Store) -> None:
        """Nor waited for."""
        add(store, make_endpoint())
        keep(store, make_keep())
        one, two = enlist(store), enlist(store)
        claim_one(store, one)

        assert claim(store, two) == Turn()

    def test_claim_takes_at_most_what_is_free(self, store: Store) -> None:
        """A claim without a slot would only run down its lease."""
        add(store, *(make_endpoint(str(n)) for n in range(5)))
        keep(store, make_keep())

        turn = claim(store, enlist(store), free=3)

        assert len(turn.claims) == 3
        assert turn.next_due is None

    def test_claim_serves_endpoints_in_turn(self, store: Store) -> None:
        """It goes on where it stopped, and wraps around."""
        add(store, *(make_endpoint(str(n), concurrency=1) for n in range(5)))
        keep(store, *(make_keep(f"m{n}") for n in range(5)))
        worker = enlist(store)
        served: list[str] = []

        for _ in range(5):
            found = claim(store, worker, free=2).claims
            served += [each.endpoint.id for each in found]
            settle(store, *(make_outcome(each, Move.DELIVER) for each in found))

        assert served == ["0", "1", "2", "3", "4", "0", "1", "2", "3", "4"]

    def test_claim_takes_the_longest_due_of_an_endpoint_first(
        self, store: Store
    ) -> None:
        """Whatever was stored first."""
        add(store, make_endpoint())
        keep(store, make_keep("late", now=NOON + 2), make_keep("early", now=NOON + 1))
        worker = enlist(store)

        found = claim_one(store, worker, now=NOON + 3)

        assert found.message.id == "early"

    def test_claim_stays_within_the_window(self, store: Store) -> None:
        """1 at first, then 2, 4 and no more than the concurrency, over all workers."""
        add(store, make_endpoint(concurrency=3))
        keep(store, *(make_keep(f"m{n}") for n in range(20)))
        one, two = enlist(store), enlist(store)
        numbers: list[int] = []

        for _ in range(4):
            mine = claim(store, one).claims
            assert claim(store, two) == Turn()
            numbers.append(len(mine))
            settle(store, *(make_outcome(each, Move.DELIVER) for each in mine))

        assert numbers == [1, 2, 3, 3]

    def test_claim_counts_what_other_workers_have_in_flight(self, store: Store) -> None:
        """The concurrency is the endpoint's, not the worker's."""
        add(store, make_endpoint(concurrency=4))
        one, two = enlist(store), enlist(store)
        widen(store, one, times=3)
        keep(store, *(make_keep(f"m{n}") for n in range(9)))

        first = claim(store, one, free=3).claims
        second = claim(store, two).claims

        assert (len(first), len(second)) == (3, 1)

    def test_failure_closes_the_window_and_pauses_the_endpoint(
        self, store: Store
    ) -> None:
        """For a tenth of a second at first, and then one at a time."""
        add(store, make_endpoint(concurrency=4))
        worker = enlist(store)
        widen(store, worker, times=3)
        keep(store, *(make_keep(f"m{n}") for n in range(9)))
        found = claim(store, worker).claims

        settle(store, *(make_outcome(each, Move.RETRY) for each in found))

        assert claim(store, worker) == Turn(next_due=NOON + 0.1)
        assert len(claim(store, worker, now=NOON + 0.1).claims) == 1

    def test_hint_pauses_the_endpoint(self, store: Store) -> None:
        """All of its deliveries, not only the one that was answered."""
        add(store, make_endpoint("a"), make_endpoint("b"))
        keep(store, make_keep("m1"), make_keep("m2"))
        worker = enlist(store)
        one, two = claim(store, worker).claims

        settle(
            store,
            make_outcome(one, Move.RETRY, hint=90.0, due=NOON + 90),
            make_outcome(two, Move.DELIVER),
        )

        assert [each.endpoint.id for each in claim(store, worker).claims] == ["b"]
        assert claim(store, worker).next_due == NOON + 90

    def test_unproven_endpoints_get_their_share_at_most(self, store: Store) -> None:
        """So that those that fail leave room to those that do not."""
        add(store, *(make_endpoint(f"bad{n}", concurrency=1) for n in range(6)))
        add(store, make_endpoint("good"))
        worker = enlist(store)
        keep(store, make_keep("m1"))
        (good,) = (c for c in claim(store, worker).claims if c.endpoint.id == "good")
        settle(store, make_outcome(good, Move.DELIVER))
        do(store, store.dismiss, worker, now=NOON)
        keep(store, make_keep("m2"))

        turn = claim(store, enlist(store), unproven=2)

        assert len(turn.claims) == 3
        assert [each.endpoint.id for each in turn.claims if each.proven] == ["good"]
        assert turn.next_due is None

    def test_disabled_endpoint_is_not_attempted(self, store: Store) -> None:
        """What waits stays, and goes on when it is enabled."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist(store)
        do(store, store.enable, "one", enabled=False, now=NOON)

        assert claim(store, worker) == Turn()
        assert keep(store, make_keep("m2")) == [Kept(deliveries=0, new=True)]

        do(store, store.enable, "one", enabled=True, now=NOON)
        assert len(claim(store, worker).claims) == 1

    def test_paused_endpoint_is_not_attempted(self, store: Store) -> None:
        """New deliveries are made, and all wait until it goes on."""
        add(store, make_endpoint())
        worker = enlist(store)
        do(store, store.pause, "one", paused=True)

        assert keep(store, make_keep()) == [Kept(deliveries=1, new=True)]
        assert claim(store, worker) == Turn()

        do(store, store.pause, "one", paused=False)
        assert len(claim(store, worker).claims) == 1

    def test_removed_endpoint_is_not_attempted(self, store: Store) -> None:
        """Nor is anything of it waited for."""
        add(store, make_endpoint())
        keep(store, make_keep())
        do(store, store.remove, "one", now=NOON)

        assert claim(store, enlist(store)) == Turn()

    def test_turns_go_on_over_many_endpoints(self, store: Store) -> None:
        """More than are looked at together; none is left out, none comes twice."""
        names = [f"e{number:02}" for number in range(47)]
        add(store, *(make_endpoint(name, concurrency=1) for name in names))
        keep(store, make_keep("m1"), make_keep("m2"))
        worker = enlist(store)
        served: list[str] = []

        for free in (13, 1, 40, 12, 28):
            found = claim(store, worker, free=free).claims
            assert len(found) == free
            served += [each.endpoint.id for each in found]
            settle(store, *(make_outcome(each, Move.DELIVER) for each in found))

        assert served == [*names, *names]

    def test_endpoint_that_is_full_lets_the_next_one_go(self, store: Store) -> None:
        """Whatever waits for it, and whoever comes first."""
        add(store, *(make_endpoint(str(n), concurrency=1) for n in range(30)))
        worker = enlist(store)
        keep(store, make_keep("m1"))
        claim(store, worker, free=29, unproven=29)
        keep(store, make_keep("m2"))

        (found,) = claim(store, worker).claims

        assert (found.endpoint.id, found.message.id) == ("29", "m1")

    def test_next_time_is_the_end_of_a_pause_if_that_is_later(
        self, store: Store
    ) -> None:
        """Of all endpoints, the earliest."""
        add(store, make_endpoint("a"), make_endpoint("b", schedule=(300, 1)))
        keep(store, make_keep("m1"), make_keep("m2"))
        worker = enlist(store)
        found = claim_one(store, worker)

        settle(store, make_outcome(found, Move.RETRY, hint=90.0, due=NOON + 95))

        assert claim(store, worker) == Turn(next_due=NOON + 90)
        assert len(claim(store, worker, now=NOON + 90).claims) == 1
        assert claim(store, worker, now=NOON + 90) == Turn(next_due=NOON + 300)

    def test_fence_rises_with_every_claim(self, store: Store) -> None:
        """Given back, lapsed, or tried again: no two have the same."""
        add(store, make_endpoint())
        keep(store, make_keep())
        one, two = enlist(store), enlist(store)
        fences: list[int] = []

        for number in range(6):
            now = NOON + 1000 * number
            found = claim_one(store, (one, two)[number % 2], now=now)
            fences.append(found.fence)

            if number % 3 == 0:
                do(store, store.give_back, [found])
            elif number % 3 == 1:
                do(store, store.rescue, now=now + 900)
            else:
                settle(store, make_outcome(found, Move.RETRY, now=now))

        assert fences == [1, 2, 3, 4, 5, 6]
