"""Checks of the rate: never more, and not much less."""

from __future__ import annotations

__all__ = ()

import itertools
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.rate import STALE, TOLERANCE, Rate

NOON = 1_700_000_000_000_000
SECOND = 1_000_000
RATES = st.floats(0.01, 2000, allow_subnormal=False)
STEPS = st.lists(
    st.tuples(st.integers(0, 300_000), st.integers(1, 50)), min_size=1, max_size=80
)


def spend_all(rate: Rate, steps: Iterable[tuple[int, int]]) -> list[int]:
    """Take what is allowed, up to what is wanted, at each step; return the moments."""
    soonest, now, moments = 0, NOON, list[int]()

    for wait, wanted in steps:
        now += wait
        number = min(wanted, rate.allowed(soonest, now=now))

        if number:
            soonest = rate.spend(soonest, number, now=now)
            moments += [now] * number

    return moments


def most_in(moments: Sequence[int], span: int) -> int:
    """Return the most that any span holds, its end not included."""
    first = most = 0

    for last, moment in enumerate(moments):
        while moments[first] <= moment - span:
            first += 1

        most = max(most, last - first + 1)

    return most


@given(per_second=RATES, steps=STEPS)
def test_no_second_holds_more_than_the_rate(
    per_second: float, steps: list[tuple[int, int]]
) -> None:
    """Wherever it begins, whoever asks how often."""
    moments = spend_all(Rate.of(per_second), steps)

    assert most_in(moments, SECOND) <= math.ceil(per_second)


@given(per_second=RATES, steps=STEPS, seconds=st.integers(1, 30))
def test_no_span_holds_more_than_the_rate_and_what_may_come_at_once(
    per_second: float, steps: list[tuple[int, int]], seconds: int
) -> None:
    """So that a rate of one in ten seconds is that, too."""
    moments = spend_all(Rate.of(per_second), steps)

    together = 1 + math.floor(TOLERANCE * per_second)
    assert most_in(moments, seconds * SECOND) <= per_second * seconds + together


@given(
    per_second=st.floats(1, 2000),
    waits=st.lists(st.integers(0, 10_000), min_size=50, max_size=300),
)
def test_high_rates_are_reached_by_who_is_a_little_late(
    per_second: float, waits: list[int]
) -> None:
    """A worker looks when the next may go, and comes a few milliseconds late."""
    rate = Rate.of(per_second)
    soonest, now, sent = 0, NOON, 0

    for wait in waits:
        now = max(now, soonest) + wait
        number = rate.allowed(soonest, now=now)
        soonest = rate.spend(soonest, number, now=now)
        sent += number

    share = 0.9 if per_second >= 20 else 1 / (1 + 0.01 * per_second) - 0.01
    assert sent >= share * per_second * (now - NOON) / SECOND


@given(per_second=RATES, number=st.integers(1, 20))
def test_next_may_go_at_the_moment_that_is_told_and_not_before(
    per_second: float, number: int
) -> None:
    """Who waits until then does not wait in vain, nor too long."""
    rate = Rate.of(per_second)
    number = min(number, rate.allowed(0, now=NOON))
    soonest = rate.spend(0, number, now=NOON)
    spent = max(soonest, NOON)

    assert rate.allowed(soonest, now=spent) >= 1
    assert rate.allowed(soonest, now=soonest - 1) == 0


@pytest.mark.parametrize(("per_second", "apart"), [(0.1, 10), (1, 1), (4, 0.25)])
def test_low_rates_are_spread_evenly(per_second: float, apart: float) -> None:
    """One after the other, and nothing at once, however long it was quiet."""
    steps = [(3600 * SECOND, 5), *[(1000, 5)] * 25_000]

    moments = spend_all(Rate.of(per_second), steps)

    gaps = {after - before for before, after in pairwise(moments)}
    assert gaps == {apart * SECOND}


def test_high_rates_let_a_few_go_at_once() -> None:
    """As many as TOLERANCE holds, and the others after them."""
    rate = Rate.of(100)

    assert rate.allowed(0, now=NOON) == 6
    assert rate.allowed(rate.spend(0, 6, now=NOON), now=NOON) == 0


@given(
    per_second=RATES,
    steps=STEPS,
    stale=st.lists(st.integers(0, int(STALE * SECOND)), min_size=1),
)
def test_who_asks_with_a_stale_time_gets_no_more(
    per_second: float, steps: list[tuple[int, int]], stale: list[int]
) -> None:
    """Its clock was read a while ago, and others have asked since."""
    rate, soonest, now = Rate.of(per_second), 0, NOON
    moments: list[int] = []

    for (wait, wanted), late in zip(steps, itertools.cycle(stale), strict=False):
        now += wait

        for moment in (now, now - late):
            number = min(wanted, rate.allowed(soonest, now=moment))

            if number:
                soonest = rate.spend(soonest, number, now=moment)
                moments += [moment] * number

    assert most_in(sorted(moments), SECOND) <= math.ceil(per_second)


def test_memory_of_another_rate_or_clock_does_not_last() -> None:
    """A rate that was raised, or a clock that was turned back."""
    slow, fast = Rate.of(0.001), Rate.of(50)
    soonest = slow.spend(0, 1, now=NOON)

    assert slow.allowed(soonest, now=NOON) == 0
    assert slow.allowed(soonest, now=NOON - 3600 * SECOND) == 1
    assert fast.allowed(soonest, now=NOON) == 1
