"""What an attempt came to: delivered, to be tried again, or to be buried."""

# Rule 1: only 2xx is success. A redirect is a failure: nobody follows it.
# Rule 2: a failure is tried again, whatever its kind, until the schedule ends. Two
#   kinds are final: 410 (the receiver says so), and a URL whose text alone is refused.
# Rule 3: nothing here reads a clock; `now` is needed where the hint is a date.

from __future__ import annotations

__all__ = (
    "GONE",
    "Bury",
    "Decision",
    "Delivered",
    "Retry",
    "Verdict",
    "decide",
    "judge",
    "retry_after",
)

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final, TypeAlias

import attrs

from .answer import Answer, TransportError
from .delivery import Move
from .errors import BlockedError
from .schedule import next_delay

GONE: Final = 410
"""The status by which a receiver says that it wants no more."""

_TOO_MANY: Final = 429
_DIGITS: Final = 12


@attrs.frozen(kw_only=True)
class Delivered:
    """The receiver has it."""


@attrs.frozen(kw_only=True)
class Retry:
    """The receiver does not have it, as far as we know; it may get it yet."""

    reason: str
    hint: float | None = None
    """The seconds after which the receiver asked to be tried again."""

    overrun: bool = False
    """Whether it had too much to do: 429, or no answer in time."""


@attrs.frozen(kw_only=True)
class Bury:
    """Trying again would be useless."""

    reason: str
    gone: bool = False
    """Whether the receiver wants nothing any more; its endpoint is disabled then."""


Verdict: TypeAlias = Delivered | Retry | Bury


@attrs.frozen(kw_only=True)
class Decision:
    """What is to be done with a delivery after an attempt."""

    move: Move
    """`DELIVER`, `RETRY` or `BURY`."""

    due: float | None = None
    """When the next attempt is due, in Unix seconds; with `RETRY` only."""

    reason: str | None = None
    """Why it was not delivered, in words."""

    hint: float | None = None
    """The seconds for which the receiver asked to be left alone."""

    gone: bool = False
    """Whether the endpoint is to be disabled."""


_DELIVERED: Final = Delivered()
_DELIVER: Final = Decision(move=Move.DELIVER)


def judge(found: Answer | TransportError | BlockedError, *, now: float) -> Verdict:
    """Judge what came back from one attempt.

    Args:
        found: the answer, or the error that came in its place.
        now: the Unix time, to read a ``Retry-After`` that is a date.
    """
    match found:
        case Answer():
            return _judge_answer(found, now=now)
        case TransportError(kind=kind):
            return Retry(reason=str(found), overrun=kind == "timeout")
        case BlockedError(permanent=True):
            return Bury(reason=f"blocked: {found}")
        case BlockedError():
            return Retry(reason=f"blocked: {found}")


def _judge_answer(answer: Answer, *, now: float) -> Verdict:
    status = answer.status

    if 200 <= status <= 299:  # noqa: PLR2004 (RFC 9110, 15.3)
        return _DELIVERED

    if status == GONE:
        return Bury(reason="status 410: the receiver wants no more", gone=True)

    return Retry(
        reason=f"status {status}",
        hint=retry_after(answer.headers, now=now),
        overrun=status == _TOO_MANY,
    )


def retry_after(headers: Sequence[tuple[str, str]], *, now: float) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, 10.2.3), or None.

    None too if it is there twice, malformed or in the past: a hint that cannot be
    understood is none.
    """
    found = [value.strip() for name, value in headers if name == "retry-after"]

    if len(found) != 1:
        return None

    if found[0].isascii() and found[0].isdigit():
        return float(found[0][:_DIGITS])

    return _until(found[0], now=now)


def _until(date: str, *, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None

    if moment.tzinfo is None:  # "-0000": a zone that is not told is not a hint
        return None

    return max(0.0, moment.timestamp() - now) or None


def decide(
    verdict: Verdict,
    *,
    attempts: int,
    schedule: Sequence[float],
    now: float,
    random: Random,
) -> Decision:
    """Decide what follows from a verdict.

    Args:
        verdict: what the last attempt came to.
        attempts: how many attempts there were, the last one included.
        schedule: the delay before each attempt.
        now: the Unix time at which the attempt ended.
        random: throws the dice for the jitter.
    """
    match verdict:
        case Delivered():
            return _DELIVER
        case Bury(reason=reason, gone=gone):
            return Decision(move=Move.BURY, reason=reason, gone=gone)
        case Retry(reason=reason, hint=hint, overrun=overrun):
            delay = next_delay(
                schedule, attempts, random=random, hint=hint, overrun=overrun
            )

    if delay is None:
        text = f"no attempt left of {len(schedule)}; the last one: {reason}"
        return Decision(move=Move.BURY, reason=text, hint=hint)

    return Decision(move=Move.RETRY, due=now + delay, reason=reason, hint=hint)
