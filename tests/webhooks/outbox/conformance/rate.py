"""What every store does with the rates of endpoints."""

from __future__ import annotations

__all__ = ("RateContract",)

import math
from typing import Any

import attrs
import pytest
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
    widen,
)

from upcall.webhooks._proto.delivery import State
from upcall.webhooks.outbox.contract import Store, Turn


def keep_many(store: Store, number: int, *, now: float = NOON) -> None:
    """Keep so many messages."""
    keep(store, *(make_keep(f"m{each}", now=now) for each in range(number)))


def add_wide(store: Store, **changes: Any) -> None:
    """Register an endpoint whose window is wide open already."""
    endpoint = make_endpoint(concurrency=64, **changes)
    add(store, attrs.evolve(endpoint, rate=None))
    widen(store, enlist(store), times=7)
    do(store, store.update, endpoint, now=NOON)


class RateContract:
    """No second holds more than the rate, over all workers."""

    def test_rate_spreads_requests_over_all_workers(self, store: Store) -> None:
        """Two in a second are half a second apart, whoever makes them."""
        add_wide(store, rate=2)
        keep_many(store, 5)
        one, two = enlist(store), enlist(store)

        assert len(claim(store, one).claims) == 1
        assert claim(store, two) == Turn(next_due=NOON + 0.5)
        assert claim(store, one, now=NOON + 0.499).claims == ()
        assert len(claim(store, two, now=NOON + 0.5).claims) == 1
        assert claim(store, one, now=NOON + 0.5) == Turn(next_due=NOON + 1)

    def test_rate_may_be_less_than_one(self, store: Store) -> None:
        """One in ten seconds."""
        add_wide(store, rate=0.1)
        keep_many(store, 5)
        worker = enlist(store)

        assert claim(store, worker).next_due == NOON + 10
        assert claim(store, worker, now=NOON + 9.9).claims == ()
        assert len(claim(store, worker, now=NOON + 10).claims) == 1

    def test_rate_does_not_save_up(self, store: Store) -> None:
        """After an hour without requests they are spread, too."""
        add_wide(store, rate=2)
        keep_many(store, 5)
        worker = enlist(store)
        claim(store, worker)

        assert len(claim(store, worker, now=NOON + 3600).claims) == 1
        assert claim(store, worker, now=NOON + 3600).next_due == NOON + 3600.5

    @pytest.mark.parametrize("rate", [3, 7.5, 40])
    def test_no_second_holds_more_than_the_rate(
        self, store: Store, rate: float
    ) -> None:
        """Nor much less, with workers that look when there will be something."""
        add_wide(store, rate=rate)
        keep_many(store, int(2 * rate) + 10)
        workers = [enlist(store), enlist(store)]
        now, moments = NOON, list[float]()

        while now < NOON + 1.5:
            found = claim(store, workers[len(moments) % 2], now=now)
            moments += [now] * len(found.claims)

            # They come a little late.
            assert found.next_due is not None
            assert found.next_due > now
            now = found.next_due + 0.004

        for first in moments:
            within = [each for each in moments if first <= each < first + 1]
            assert len(within) <= math.ceil(rate)

        assert len(moments) >= 1.5 * rate * (0.95 if rate >= 20 else 1 / 1.04) - 1

    def test_rate_holds_nobody_else(self, store: Store) -> None:
        """Who has none is served as ever."""
        add_wide(store, name="slow", rate=1)
        add(store, make_endpoint("other"))
        keep_many(store, 5)
        worker = enlist(store)
        claim(store, worker)

        (found,) = claim(store, worker, now=NOON + 0.5).claims or [None]

        assert found is None
        rows = deliveries(store, state=State.CLAIMED)
        assert sorted(row.endpoint for row in rows) == ["other", "slow"]

    def test_window_holds_within_the_rate(self, store: Store) -> None:
        """A token alone makes no room."""
        add(store, make_endpoint(rate=2, concurrency=1))
        keep_many(store, 5)
        worker = enlist(store)
        claim(store, worker)

        assert claim(store, worker, now=NOON + 10) == Turn()

    def test_claim_that_is_given_back_has_spent_its_share(self, store: Store) -> None:
        """Or two requests could go at once."""
        add_wide(store, rate=1)
        keep_many(store, 2)
        worker = enlist(store)
        found = claim(store, worker).claims

        do(store, store.give_back, found)

        assert claim(store, worker) == Turn(next_due=NOON + 1)
        assert len(claim(store, worker, now=NOON + 1).claims) == 1

    def test_rate_that_is_raised_or_taken_off_holds_at_once(self, store: Store) -> None:
        """Nobody waits for what the old rate would have asked for."""
        endpoint = make_endpoint(concurrency=64, rate=0.001)
        add_wide(store, rate=0.001)
        keep_many(store, 9)
        worker = enlist(store)
        assert claim(store, worker).next_due == NOON + 1000

        do(store, store.update, attrs.evolve(endpoint, rate=10), now=NOON)
        assert len(claim(store, worker, now=NOON + 1).claims) == 1

        do(store, store.update, attrs.evolve(endpoint, rate=None), now=NOON)
        assert len(claim(store, worker, now=NOON + 1).claims) == 7

    def test_clock_that_is_turned_back_stops_no_endpoint(self, store: Store) -> None:
        """What the rate remembers is of the other clock."""
        add_wide(store, rate=1, schedule=(0,))
        keep(store, make_keep("m1"))
        worker = enlist(store)
        claim(store, worker)
        keep(store, make_keep("m2", now=NOON - 3600))

        assert len(claim(store, worker, now=NOON - 3600).claims) == 1
