"""What every store that several may use does when they do the same at once."""

from __future__ import annotations

__all__ = ("TogetherContract",)

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

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

from upcall.webhooks._proto.delivery import Delivery, Move
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.outbox.contract import Outcome, Store

R = TypeVar("R")
T = TypeVar("T")

Opener = Callable[[], Store]
"""Opens one more store of the same database, in the thread it is called in."""


def at_once(
    opener: Opener, work: Callable[[Store, T], R], given: Sequence[T]
) -> list[R]:
    """Do work with each of these, in a thread and with a store of its own."""
    ready = threading.Barrier(len(given))

    def run(each: T) -> R:
        store = opener()

        try:
            ready.wait(60)
            return work(store, each)
        finally:
            store.close()

    with ThreadPoolExecutor(len(given)) as pool:
        return list(pool.map(run, given, timeout=120))


class TogetherContract:
    """A fixture ``opener`` gives a function that opens a store."""

    def test_news_is_told_once_by_whoever_was_first(self, opener: Opener) -> None:
        """Many settle outcomes of the same endpoints at once, in every order."""
        store = opener()
        names = ("a", "b", "c")
        add(store, *(make_endpoint(name, concurrency=8) for name in names))
        worker = enlist(store)

        for number in range(4):  # the windows grow to 8
            keep(store, *(make_keep(f"w{number}-{n}") for n in range(8)))
            found = claim(store, worker).claims
            settle(store, *(make_outcome(each, Move.DELIVER) for each in found))

        claims = claim(store, worker).claims
        outcomes = [make_outcome(each, Move.BURY, gone=True) for each in claims]
        shares = [outcomes[n::4] for n in range(4)]
        shares = [share[::-1] if n % 2 else share for n, share in enumerate(shares)]

        def work(mine: Store, share: Sequence[Outcome]) -> list[Any]:
            return [news for each in settle(mine, *share) for news in each.news]

        told = [news for some in at_once(opener, work, shares) for news in some]

        disabled = [each.endpoint for each in told if each.name == "webhook.disabled"]
        exhausted = [each for each in told if each.name == "webhook.exhausted"]
        assert sorted(disabled) == list(names)
        assert len(exhausted) == len(claims) > len(names)
        store.close()

    def test_endpoint_that_many_add_is_one(self, opener: Opener) -> None:
        """As when all processes start at the same time."""
        store = opener()
        endpoint = make_endpoint(schedule=(0,))

        def work(mine: Store, number: int) -> object:
            del number
            return do(mine, mine.add, endpoint, now=NOON)

        assert at_once(opener, work, range(6)) == [endpoint] * 6
        assert do(store, store.endpoints, now=NOON) == [endpoint]
        assert do(store, store.changes) == 1
        store.close()

    def test_replays_at_once_are_deliveries_of_their_own(self, opener: Opener) -> None:
        """None of them fails, and none is lost."""
        store = opener()
        add(store, make_endpoint())
        keep(store, make_keep())
        (found,) = claim(store, enlist(store)).claims
        settle(store, make_outcome(found, Move.BURY))

        def work(mine: Store, number: int) -> Delivery:
            del number
            return do(mine, mine.replay, found.delivery, now=NOON)

        numbers = {each.id for each in at_once(opener, work, range(6))}

        assert len(numbers) == 6
        assert {each.id for each in deliveries(store)} == {found.delivery, *numbers}
        store.close()

    def test_pruning_never_takes_a_replay_along(self, opener: Opener) -> None:
        """What was replayed in between stays; what was pruned before is unknown."""
        store = opener()
        add(store, make_endpoint(concurrency=1))
        worker = enlist(store)
        old: list[int] = []

        for number in range(30):
            keep(store, make_keep(f"m{number}"))
            (found,) = claim(store, worker).claims
            settle(store, make_outcome(found, Move.DELIVER))
            old.append(found.delivery)

        def work(mine: Store, task: str) -> list[int]:
            return prune_all(mine) if task == "prune" else replay_all(mine, old[::-1])

        pruned, replayed = at_once(opener, work, ["prune", "replay"])

        left = Counter(each.id in old for each in deliveries(store))
        assert set(replayed) <= {each.id for each in deliveries(store)}
        assert sum(pruned) + left[True] == len(old)
        assert do(store, store.check, now=NOON) == []
        store.close()


def prune_all(store: Store) -> list[int]:
    """Prune in slices, as long as there is something."""
    late = NOON + 1e6
    done = [1]

    while done[-1]:
        done.append(do(store, store.prune, delivered=late, dead=late, limit=2))

    return done[1:]


def replay_all(store: Store, numbers: Sequence[int]) -> list[int]:
    """Replay what is still there, and return the new deliveries."""
    made: list[int] = []

    for number in numbers:
        try:
            made.append(do(store, store.replay, number, now=NOON).id)
        except OutboxError as error:
            assert str(error).startswith("there is no delivery")

    return made
