"""When the next attempt is due."""

# Rule 1: a schedule is the delay in seconds before each attempt. Its length is the
#   number of attempts; its first delay counts from the storing of the message.
# Rule 2: nothing here knows the time or throws dice: both come in as arguments.
# Rule 3: an attempt never comes earlier than the receiver asked, up to a day.

from __future__ import annotations

__all__ = ("CAP", "DEFAULT", "FLOOR", "JITTER", "check_schedule", "next_delay")

import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

from upcall.errors import OptionError

_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE

DEFAULT: Final[tuple[float, ...]] = (
    0.0,
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""Ten attempts over three days and three and a half hours (Standard Webhooks 1.0.0)."""

JITTER: Final = 0.2
"""A delay is stretched or shortened by up to this share, so that crowds spread."""

FLOOR: Final = _MINUTE
"""What a receiver that is overrun (429, or no answer in time) is given at least."""

CAP: Final = 24 * _HOUR
"""The longest ``Retry-After`` that is honoured."""

_LONGEST: Final = 366 * 24 * _HOUR
_MOST: Final = 1000


def check_schedule(schedule: Iterable[float]) -> tuple[float, ...]:
    """Return the schedule as a tuple, or raise.

    Raises:
        OptionError: if it is empty, has more than 1000 delays, or one of them is no
            number of seconds between 0 and a year.
    """
    try:
        delays = tuple(float(delay) for delay in schedule)
    except (TypeError, ValueError):
        raise OptionError(
            f"schedule={schedule!r} is no sequence of delays: give the seconds before "
            "each attempt, as (0, 5, 300)"
        ) from None

    if not 1 <= len(delays) <= _MOST:
        raise OptionError(
            f"a schedule of {len(delays)} delays: give one for each attempt, at least "
            f"one and at most {_MOST}"
        )

    for delay in delays:
        if not (math.isfinite(delay) and 0 <= delay <= _LONGEST):
            raise OptionError(
                f"a delay of {delay!r} in a schedule: give seconds, from 0 to a year"
            )

    return delays


def next_delay(
    schedule: Sequence[float],
    attempts: int,
    *,
    random: Random,
    hint: float | None = None,
    overrun: bool = False,
) -> float | None:
    """Return the seconds until the next attempt, or None if there is none.

    The delay of the schedule, with jitter, is a lower bound: a hint of the receiver
    makes it longer, never shorter. A receiver that is overrun gets at least a minute,
    or the longest delay of the schedule where that is less: who writes a schedule of
    split seconds does not want to wait a minute in it.

    Args:
        schedule: the delay before each attempt.
        attempts: how many there were.
        random: throws the dice.
        hint: what the receiver asked for, in seconds (``Retry-After``).
        overrun: whether it answered 429, or not in time.
    """
    if attempts >= len(schedule):
        return None

    delay = schedule[attempts] * random.uniform(1 - JITTER, 1 + JITTER)
    floor = min(FLOOR, max(schedule)) if overrun else 0.0
    return max(delay, floor, min(hint or 0.0, CAP))
