"""What every store that several may use does when they take and claim at once."""

from __future__ import annotations

__all__ = ("InboxTogetherContract",)

from collections import Counter

from tests.webhooks.outbox.conformance.inbox import (
    claim_requests,
    make_outcome_of,
    make_take,
    take,
)
from tests.webhooks.outbox.conformance.together import Opener, at_once
from tests.webhooks.outbox.conformance.verbs import NOON, do, enlist

from upcall.webhooks._proto.delivery import Move
from upcall.webhooks.outbox.contract import Store
from upcall.webhooks.outbox.inbox_contract import Taken

MANY = 40


class InboxTogetherContract:
    """A fixture ``opener`` gives a function that opens a store."""

    def test_copies_that_come_to_many_are_taken_once(self, opener: Opener) -> None:
        """In whatever order, one by one or together: nobody waits for ever."""

        def take_all(store: Store, number: int) -> list[Taken]:
            takes = [make_take(f"r{n}") for n in range(MANY)]
            ordered = takes if number % 2 else takes[::-1]
            half = take(store, *ordered[: MANY // 2])
            return half + [
                each for one in ordered[MANY // 2 :] for each in take(store, one)
            ]

        taken = Counter(
            each for found in at_once(opener, take_all, range(4)) for each in found
        )

        assert taken == {Taken.NEW: MANY, Taken.COPY: 3 * MANY}

    def test_equal_bytes_that_come_to_many_have_one_holder(
        self, opener: Opener
    ) -> None:
        """Whoever was first; with ``refuse`` nobody else is taken."""

        def take_one(store: Store, number: int) -> Counter[Taken]:
            return Counter(
                each
                for n in range(MANY)
                for each in take(
                    store,
                    make_take(f"a{number}-{n}", digest=f"a{n}"),
                    make_take(f"b{number}-{n}", digest=f"b{n}", refuses_replays=True),
                )
            )

        taken: Counter[Taken] = sum(at_once(opener, take_one, range(4)), Counter())

        assert taken == {
            Taken.NEW: 2 * MANY,
            Taken.REPLAYED: 3 * MANY,
            Taken.REFUSED: 3 * MANY,
        }

    def test_dead_request_that_comes_again_to_many_waits_once(
        self, opener: Opener
    ) -> None:
        """One of them lets it; nobody waits for ever for somebody else."""
        store = opener()
        takes = [make_take(f"r{n}") for n in range(MANY)]
        take(store, *takes)
        claims = claim_requests(store, enlist(store))
        do(
            store,
            store.inbox.settle,
            [make_outcome_of(claim, Move.BURY) for claim in claims],
        )
        store.close()

        def take_all(store: Store, number: int) -> list[Taken]:
            return take(store, *(takes if number % 2 else takes[::-1]))

        taken = Counter(
            each for found in at_once(opener, take_all, range(4)) for each in found
        )

        assert taken == {Taken.REVIVED: MANY, Taken.COPY: 3 * MANY}

    def test_no_request_is_claimed_by_two(self, opener: Opener) -> None:
        """While a lease lasts; and all of them are claimed."""
        store = opener()
        take(store, *(make_take(f"r{n}") for n in range(MANY)))
        store.close()

        def work(store: Store, _: int) -> list[str]:
            worker = enlist(store)
            mine: list[str] = []

            while claims := claim_requests(store, worker, free=3):
                mine += [claim.uid for claim in claims]
                outcomes = [make_outcome_of(claim) for claim in claims]
                assert all(do(store, store.inbox.settle, outcomes))

            return mine

        claimed = Counter(
            uid for found in at_once(opener, work, range(4)) for uid in found
        )

        assert set(claimed.values()) <= {1}
        store = opener()
        left = claim_requests(store, enlist(store), now=NOON + 1)
        store.close()
        assert len(claimed) + len(left) == MANY
