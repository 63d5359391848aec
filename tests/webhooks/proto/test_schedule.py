"""Checks of the schedule: bounds of the jitter, hints, floors, bad input."""

from __future__ import annotations

__all__ = ()

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import OptionError
from upcall.webhooks._proto.schedule import (
    CAP,
    DEFAULT,
    FLOOR,
    JITTER,
    check_schedule,
    next_delay,
)

delays = st.floats(min_value=0, max_value=100_000, allow_nan=False)
schedules = st.lists(delays, min_size=1, max_size=12)


def test_default_has_ten_attempts_over_three_days() -> None:
    """The schedule that Standard Webhooks recommends."""
    assert len(DEFAULT) == 10
    assert sum(DEFAULT) == 75 * 3600 + 35 * 60 + 5


@given(schedule=schedules, seed=st.integers(), data=st.data())
def test_next_delay_stays_within_its_jitter(
    schedule: list[float], seed: int, data: st.DataObject
) -> None:
    """Without a hint it is the delay of the schedule, a fifth more or less."""
    attempts = data.draw(st.integers(0, len(schedule) - 1))

    delay = next_delay(schedule, attempts, random=Random(seed))

    assert delay is not None
    low, high = 1 - JITTER, 1 + JITTER
    assert schedule[attempts] * low <= delay <= schedule[attempts] * high


@given(schedule=schedules, more=st.integers(0, 3))
def test_next_delay_ends_with_the_schedule(schedule: list[float], more: int) -> None:
    """After the last attempt there is none, whatever the receiver asks for."""
    attempts = len(schedule) + more

    assert next_delay(schedule, attempts, random=Random(0), hint=5) is None


@given(schedule=schedules, seed=st.integers(), hint=st.floats(0, 10 * CAP))
def test_next_delay_is_never_shorter_than_the_hint_or_the_schedule(
    schedule: list[float], seed: int, hint: float
) -> None:
    """A hint makes a delay longer, up to a day, and never shorter."""
    plain = next_delay(schedule, 0, random=Random(seed))
    delay = next_delay(schedule, 0, random=Random(seed), hint=hint)

    assert plain is not None
    assert delay == max(plain, min(hint, CAP))


def test_next_delay_gives_an_overrun_receiver_a_minute() -> None:
    """Five seconds are not enough for one that answers 429."""
    assert next_delay(DEFAULT, 1, random=Random(0), overrun=True) == FLOOR


def test_next_delay_of_an_overrun_receiver_follows_a_short_schedule() -> None:
    """Who writes a schedule of split seconds does not want to wait a minute in it."""
    delay = next_delay((0, 0.05, 0.1), 1, random=Random(0), overrun=True)

    assert delay == pytest.approx(0.1)


@pytest.mark.parametrize(
    "schedule", [(), (-1,), (math.nan,), (math.inf,), ("soon",), 5, (0,) * 1001]
)
def test_check_schedule_refuses_what_is_none(schedule: object) -> None:
    """What is wrong is said at once, not at the third attempt."""
    with pytest.raises(OptionError, match="give"):
        check_schedule(schedule)  # type: ignore[arg-type]


def test_check_schedule_returns_floats() -> None:
    """Any sequence of numbers will do."""
    assert check_schedule([0, 5]) == (0.0, 5.0)
