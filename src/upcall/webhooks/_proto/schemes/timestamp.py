"""The time in a signed header: written, read strictly, judged for its age."""

from __future__ import annotations

__all__ = ("check_age", "check_tolerance", "read_seconds", "write_seconds")

import re
from typing import Final

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError

_SECONDS: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_LONGEST: Final = 100 * 366 * 86_400
_FAR: Final = 1e12
"""More seconds are not written, nor told: an int without bounds is no float."""


def write_seconds(timestamp: float) -> str:
    """Return the timestamp as a header shows it: whole Unix seconds, cut.

    Raises:
        OptionError: if it is negative, not a number, or has more than twelve digits.
    """
    if not 0 <= timestamp < _FAR:
        raise OptionError(f"timestamp={timestamp!r} is no time: give Unix seconds")

    return str(int(timestamp))


def read_seconds(text: str) -> int:
    """Read whole Unix seconds, written in the one canonical way.

    Raises:
        SignatureError: for fractions, signs, blanks, separators, leading zeros: the
            usual parsers take them, and then the text signed is not the text meant.
    """
    if not _SECONDS.fullmatch(text):
        raise SignatureError("the timestamp is not in whole Unix seconds")

    return int(text)


def check_tolerance(tolerance: float) -> float:
    """Return the tolerance, or raise.

    Raises:
        OptionError: if it is negative, no number, or longer than a century.
    """
    given: object = tolerance

    # A flag is a number to Python; here it is a slip.
    if (
        not isinstance(given, int | float)
        or isinstance(given, bool)
        or not 0 <= given <= _LONGEST
    ):
        raise OptionError(f"tolerance={tolerance!r}: give seconds, 300 for example")

    return tolerance


def check_age(timestamp: int, *, now: float, tolerance: float) -> None:
    """Return if the timestamp lies within the tolerance of now, bounds included.

    Raises:
        SignatureError: if it is older, or as far in the future.
    """
    age = now - timestamp

    # Not "age > tolerance": a clock that is not a number must refuse, too.
    if not -tolerance <= age <= tolerance:
        seconds = min(abs(age), _FAR)
        raise SignatureError(
            f"the timestamp is {seconds:.0f} s {'old' if age > 0 else 'ahead'}: "
            f"{tolerance:.0f} s are allowed"
        )
