"""Checks of verdicts: what each kind of answer and error comes to."""

from __future__ import annotations

__all__ = ()

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks._proto.delivery import Move
from upcall.webhooks._proto.errors import BlockedError
from upcall.webhooks._proto.verdict import (
    Bury,
    Delivered,
    Retry,
    decide,
    judge,
    retry_after,
)

NOON = 1_700_000_000.0


@given(status=st.integers(100, 599))
def test_judge_takes_only_2xx_for_success(status: int) -> None:
    """A redirect, a 1xx or a 4xx is no delivery."""
    verdict = judge(Answer(status=status), now=NOON)

    assert (verdict == Delivered()) == (200 <= status <= 299)


def test_judge_buries_at_410() -> None:
    """The receiver says that it wants no more, and its endpoint is to be disabled."""
    verdict = judge(Answer(status=410), now=NOON)

    assert isinstance(verdict, Bury)
    assert verdict.gone


def test_judge_buries_a_refused_literal() -> None:
    """A URL whose text is refused would be refused again."""
    verdict = judge(BlockedError("127.0.0.1 is a loopback address"), now=NOON)

    assert verdict == Bury(reason="blocked: 127.0.0.1 is a loopback address")


def test_judge_retries_a_refused_answer_of_the_name_service() -> None:
    """An hour of wrong DNS must lose nothing."""
    verdict = judge(BlockedError("10.0.0.1 is private", permanent=False), now=NOON)

    assert verdict == Retry(reason="blocked: 10.0.0.1 is private")


@pytest.mark.parametrize("kind", ["dns", "connect", "tls", "timeout", "broken"])
def test_judge_retries_every_error_of_the_transport(kind: str) -> None:
    """Only a timeout tells that the receiver has too much to do."""
    verdict = judge(TransportError(kind, "no luck"), now=NOON)

    assert verdict == Retry(reason=f"{kind}: no luck", overrun=kind == "timeout")


def test_judge_reads_the_hint_of_a_429() -> None:
    """Too many requests: overrun, and told for how long."""
    answer = Answer(status=429, headers=(("retry-after", "120"),))

    verdict = judge(answer, now=NOON)

    assert verdict == Retry(reason="status 429", hint=120.0, overrun=True)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("0", 0.0),
        (" 90 ", 90.0),
        ("9" * 400, float("9" * 12)),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", None),
        ("Tue, 14 Nov 2023 22:14:20 -0000", None),
        ("Tue, 99 Nov 2023 22:14:20 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_reads_seconds_and_dates(value: str, hint: float | None) -> None:
    """Digits, or a date of HTTP that is still to come; anything else is no hint."""
    assert retry_after([("retry-after", value)], now=NOON) == hint


def test_retry_after_ignores_two_of_them() -> None:
    """Two hints that differ are none."""
    headers = [("retry-after", "1"), ("retry-after", "2")]

    assert retry_after(headers, now=NOON) is None


@given(value=st.text(max_size=60))
def test_retry_after_never_raises(value: str) -> None:
    """Whatever the receiver writes there."""
    hint = retry_after([("retry-after", value)], now=NOON)

    assert hint is None or hint >= 0


def test_decide_retries_by_schedule() -> None:
    """The second attempt is due after the second delay."""
    decision = decide(
        Retry(reason="status 503"),
        attempts=1,
        schedule=(0, 10, 20),
        now=NOON,
        random=Random(0),
    )

    assert decision.move is Move.RETRY
    assert decision.due is not None
    assert NOON + 8 <= decision.due <= NOON + 12


def test_decide_buries_after_the_last_attempt() -> None:
    """The reason tells that the schedule ended, and how the last attempt did."""
    decision = decide(
        Retry(reason="status 503", hint=30),
        attempts=3,
        schedule=(0, 10, 20),
        now=NOON,
        random=Random(0),
    )

    assert decision.move is Move.BURY
    assert decision.reason == "no attempt left of 3; the last one: status 503"
    assert decision.hint == 30


def test_decide_delivers_and_buries_as_judged() -> None:
    """The schedule matters only to what is tried again."""
    common = {"attempts": 1, "schedule": (0, 1), "now": NOON, "random": Random(0)}

    assert decide(Delivered(), **common).move is Move.DELIVER  # type: ignore[arg-type]
    assert decide(Bury(reason="x", gone=True), **common).gone  # type: ignore[arg-type]
