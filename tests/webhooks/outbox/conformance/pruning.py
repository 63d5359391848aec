"""What every store does with what is long over."""

from __future__ import annotations

__all__ = ("PruningContract",)

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

from upcall.webhooks._proto.delivery import Move
from upcall.webhooks.outbox.contract import Kept, Store

DAY = 86_400.0


def end(store: Store, worker: int, *moves: Move, now: float) -> None:
    """Let as many deliveries as there are moves end so, all at that time."""
    found = claim(store, worker, now=now).claims
    assert len(found) == len(moves)
    pairs = zip(found, moves, strict=True)
    settle(store, *(make_outcome(each, move, now=now) for each, move in pairs))


def prune(store: Store, *, now: float, limit: int = 100) -> int:
    """Prune what was delivered a day, and what died ten days before."""
    return do(store, store.prune, delivered=now - DAY, dead=now - 10 * DAY, limit=limit)


def left(store: Store) -> list[str]:
    """Return the messages that are left, in the order of their ids."""
    return sorted({each.message for each in deliveries(store)})


class PruningContract:
    """Messages go whole, and not before their time."""

    def test_prune_deletes_what_ended_long_ago(self, store: Store) -> None:
        """With deliveries and attempts; what is younger stays."""
        add(store, make_endpoint())
        worker = enlist(store)
        keep(store, make_keep("old"))
        end(store, worker, Move.DELIVER, now=NOON)
        (gone,) = deliveries(store)
        keep(store, make_keep("young", now=NOON + DAY))
        end(store, worker, Move.DELIVER, now=NOON + DAY)

        assert prune(store, now=NOON + DAY) == 0
        assert prune(store, now=NOON + DAY + 0.001) == 1

        assert left(store) == ["young"]
        assert deliveries(store, before=gone.id + 1) == []
        assert do(store, store.check, now=NOON) == []

    def test_prune_forgets_the_id(self, store: Store) -> None:
        """So horizons have to lie beyond the time of second tries."""
        add(store, make_endpoint())
        keep(store, make_keep())
        end(store, enlist(store), Move.DELIVER, now=NOON)
        prune(store, now=NOON + 9 * DAY)

        assert keep(store, make_keep()) == [Kept(deliveries=1, new=True)]

    def test_prune_keeps_what_died_for_longer(self, store: Store) -> None:
        """It may yet be replayed."""
        add(store, make_endpoint())
        keep(store, make_keep())
        end(store, enlist(store), Move.BURY, now=NOON)

        assert prune(store, now=NOON + 10 * DAY) == 0
        assert prune(store, now=NOON + 10 * DAY + 0.001) == 1

    def test_prune_takes_what_was_cancelled_as_what_was_delivered(
        self, store: Store
    ) -> None:
        """Nobody is going to ask for it."""
        add(store, make_endpoint())
        keep(store, make_keep())
        do(store, store.remove, "one", now=NOON)

        assert prune(store, now=NOON + 2 * DAY) == 1

    def test_prune_never_touches_what_is_not_over(self, store: Store) -> None:
        """However old: what waits, is claimed, or has a sibling that does or died."""
        add(store, make_endpoint("a"), make_endpoint("b"))
        worker = enlist(store)
        keep(store, make_keep("waits"))
        end(store, worker, Move.DELIVER, Move.RETRY, now=NOON)
        keep(store, make_keep("died", now=NOON + 100))
        found = claim(store, worker, now=NOON + 100).claims
        mine = [each for each in found if each.message.id == "died"]
        settle(
            store,
            *(
                make_outcome(
                    each,
                    Move.DELIVER if each.endpoint.id == "a" else Move.BURY,
                    now=NOON + 100,
                )
                for each in mine
            ),
        )

        assert prune(store, now=NOON + 9 * DAY) == 0
        assert left(store) == ["died", "waits"]

    def test_prune_waits_for_a_replay(self, store: Store) -> None:
        """It is a delivery of the same message."""
        add(store, make_endpoint())
        worker = enlist(store)
        keep(store, make_keep())
        end(store, worker, Move.DELIVER, now=NOON)
        (row,) = deliveries(store)
        do(store, store.replay, row.id, now=NOON + 20 * DAY)

        assert prune(store, now=NOON + 20 * DAY) == 0
        end(store, worker, Move.DELIVER, now=NOON + 20 * DAY)
        assert prune(store, now=NOON + 20 * DAY) == 0
        assert prune(store, now=NOON + 22 * DAY) == 1

    def test_prune_goes_in_slices_past_what_has_to_stay(self, store: Store) -> None:
        """Less than the limit means that there are no more."""
        add(store, make_endpoint(concurrency=1))
        worker = enlist(store)

        for number in range(12):
            now = NOON + 100 * number
            keep(store, make_keep(f"m{number:02}", now=now))
            stays = number in {0, 1, 2, 5, 11}
            end(store, worker, Move.BURY if stays else Move.DELIVER, now=now)

        done = [prune(store, now=NOON + 5 * DAY, limit=3) for _ in range(4)]

        assert done == [3, 3, 1, 0]
        assert left(store) == ["m00", "m01", "m02", "m05", "m11"]

    def test_prune_counts_messages(self, store: Store) -> None:
        """However many deliveries each of them had."""
        add(store, *(make_endpoint(name, concurrency=1) for name in "abc"))
        worker = enlist(store)

        for number in range(4):
            now = NOON + 100 * number
            keep(store, make_keep(f"m{number}", now=now))
            end(store, worker, *[Move.DELIVER] * 3, now=now)

        done = [prune(store, now=NOON + 5 * DAY, limit=3) for _ in range(3)]

        assert done == [3, 1, 0]

    def test_prune_comes_back_to_what_is_over_meanwhile(self, store: Store) -> None:
        """A slice that went past something does not hide it from the next."""
        add(store, make_endpoint(concurrency=1))
        worker = enlist(store)

        for number in range(4):
            now = NOON + 100 * number
            keep(store, make_keep(f"m{number}", now=now))
            end(store, worker, Move.DELIVER if number else Move.BURY, now=now)

        assert prune(store, now=NOON + 5 * DAY, limit=2) == 2
        assert prune(store, now=NOON + 20 * DAY, limit=2) == 2
        assert left(store) == []

    def test_prune_of_nothing_is_nothing(self, store: Store) -> None:
        """An empty outbox stays one."""
        assert prune(store, now=NOON) == 0
