"""What every store that several processes can use does for them; needs two of it."""

from __future__ import annotations

__all__ = ("OthersContract",)

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    add,
    claim,
    deliveries,
    do,
    enlist,
    keep,
    make_keep,
)

from upcall.webhooks._proto.errors import ConflictError
from upcall.webhooks.outbox.contract import Keep, Kept, Store


class OthersContract:
    """Two stores of one database; fixtures ``store`` and ``other`` give them, open.

    The fixture ``opener`` gives a function that opens one more, in the thread it is
    called in.
    """

    def test_peek_tells_of_what_another_has_stored(
        self, store: Store, other: Store
    ) -> None:
        """Of what it has announced, and once; not of one's own."""
        add(store, make_endpoint())
        announce(store)
        look(store)
        look(other)

        keep(store, make_keep())
        announce(store)

        assert not store.peek()
        assert look(other)
        assert not other.peek()

    def test_nothing_new_needs_no_announcement(self, store: Store) -> None:
        """An event that nobody hears, and one that was stored before."""
        add(store, make_endpoint(events=["order.*"]))
        keep(store, make_keep())
        announce(store)

        keep(store, make_keep(), make_keep("m2", name="user.new"))

        assert not store.fresh

    def test_endpoint_of_another_hears_the_next_message(
        self, store: Store, other: Store
    ) -> None:
        """Without being told of it."""
        assert keep(other, make_keep()) == [Kept(deliveries=0, new=True)]

        add(store, make_endpoint())

        assert keep(other, make_keep()) == [Kept(deliveries=1, new=True)]

    def test_same_message_from_two_is_stored_once(
        self, store: Store, other: Store, opener: Callable[[], Store]
    ) -> None:
        """One after the other, and both at once."""
        add(store, make_endpoint())
        first = keep(store, make_keep())
        second = keep(other, make_keep())
        assert [*first, *second] == [
            Kept(deliveries=1, new=True),
            Kept(deliveries=1, new=False),
        ]

        keeps = [make_keep(f"both-{number}") for number in range(20)]
        results = at_once(opener, keeps)

        assert len(deliveries(store)) == 21
        assert sorted(kept.new for kept in results) == [False] * 20 + [True] * 20

    def test_delivery_is_claimed_by_one_of_two(
        self, store: Store, other: Store
    ) -> None:
        """Each has a worker; what one has the other does not get."""
        add(store, make_endpoint(concurrency=8))
        keep(store, make_keep("m1"), make_keep("m2"))
        workers = [enlist(store), enlist(other)]

        first = claim(store, workers[0]).claims
        second = claim(other, workers[1]).claims

        assert (len(first), len(second)) == (1, 0)


def announce(store: Store) -> None:
    """Tell others, if there is something to tell."""
    if store.fresh:
        store.announce()


def look(store: Store) -> bool:
    """Look until there is something, for a while: a word may take its time."""
    for _ in range(200):
        if store.peek():
            return True

        threading.Event().wait(0.005)

    return False


def at_once(opener: Callable[[], Store], keeps: Sequence[Keep]) -> list[Kept]:
    """Keep the same messages in two threads; return what came of each."""
    results: list[Kept] = []
    start = threading.Barrier(2)

    def work() -> None:
        store = opener()

        try:
            start.wait(30)

            results.extend(kept(store, each) for each in keeps)
        finally:
            store.close()

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work) for _ in range(2)]:
            future.result(60)

    return results


def kept(store: Store, each: Keep) -> Kept:
    """Keep one, as the writer does: a second time if it failed for another's sake."""
    for last in (False, True):
        try:
            (result,) = do(store, store.keep, [each])
        except Exception:
            if last:
                raise
        else:
            assert not isinstance(result, ConflictError)
            return result

    raise AssertionError
