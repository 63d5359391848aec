"""Checks of the health of endpoints, and of what is told about it."""

from __future__ import annotations

__all__ = ()

from datetime import UTC, datetime, timedelta

import attrs
from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.health import ALARM_AT, PATIENCE, Health

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def failed(health: Health, *, after: timedelta, attempts: int = 1) -> Health:
    """Return the health after a failure of the ordinary kind."""
    return health.failed("status 503", now=NOON + after, attempts=attempts, gone=False)


def test_five_days_are_counted_from_the_first_failure() -> None:
    """To the microsecond; the reason says since when, and what was last."""
    first = failed(Health(), after=timedelta())
    almost = failed(first, after=PATIENCE - timedelta(microseconds=1))
    last = failed(almost, after=PATIENCE)

    assert almost.disabled_at is None
    assert last.disabled_at == NOON + PATIENCE
    assert last.disabled_why == (
        "nothing but failures since 2026-11-23 12:00 UTC; the last one: status 503"
    )


def test_disabled_by_hand_keeps_its_reason() -> None:
    """What is in flight then may fail, or be told to go; it changes nothing."""
    health = Health().disabled("asked to", now=NOON)

    later = health.failed("410", now=NOON + PATIENCE, attempts=9, gone=True)

    assert (later.disabled_at, later.disabled_why) == (NOON, "asked to")
    assert "webhook.disabled" not in later.topics(health, dead=True)


def test_success_of_a_healthy_one_is_no_change() -> None:
    """Not even another object."""
    health = Health(disabled_at=NOON)

    assert health.succeeded() is health


@given(
    steps=st.lists(
        st.one_of(
            st.none(),
            st.tuples(st.integers(1, 12), st.booleans(), st.booleans()),
        ),
        max_size=30,
    ),
    pause=st.integers(1, 40),
)
def test_what_is_told_follows_from_what_happened(
    steps: list[tuple[int, bool, bool] | None], pause: int
) -> None:
    """Failing and recovered take turns, and disabled comes once."""
    health, told = Health(), list[str]()

    for number, step in enumerate(steps):
        before = health
        now = NOON + timedelta(hours=pause * number)

        if step is None:
            health = health.succeeded()
            told += health.topics(before, dead=False)
            assert health.failing_since is None
            continue

        attempts, gone, dead = step
        health = health.failed("x", now=now, attempts=attempts, gone=gone)
        told += health.topics(before, dead=dead)
        assert health.alarmed == (before.alarmed or attempts >= ALARM_AT)

    turns = [name for name in told if name in {"webhook.failing", "webhook.recovered"}]
    expected = ["webhook.failing", "webhook.recovered"] * len(turns)
    assert turns == expected[: len(turns)]
    assert told.count("webhook.disabled") == (health.disabled_at is not None)
    buried = [step for step in steps if step is not None and step[2]]
    assert told.count("webhook.exhausted") == len(buried)


def test_health_is_a_record() -> None:
    """Frozen, and compared by value."""
    assert Health() == attrs.evolve(Health())
