"""What an event is called: names and patterns, and which pattern hears which name."""

# Rule 1: nothing here knows a bus. The protocol room of the webhooks uses it too.
# Rule 2: a name is dotted segments without "*". A pattern is a name in which "*"
#   stands for one segment and "**" for any number of them, none included.
# Rule 3: "" is the name of an event that has none: zero segments; only "**" hears it.
# Rule 4: names below "webhook" are ours (they tell about deliveries). No wildcard
#   stands for that first segment, or an endpoint for "**" would hear of itself.

from __future__ import annotations

__all__ = ("RESERVED", "check_key", "check_name", "is_pattern", "matches")

import re
from typing import Final

from .errors import MalformedKeyError

RESERVED: Final = "webhook"
"""The first segment of the names that only Upcall emits."""

_USUAL: Final = re.compile(r"[!-)+-\-/-~]+(?:\.[!-)+-\-/-~]+)*")
"""Most keys are nothing but printable ASCII without a ``*``, and one look tells."""

_HELP: Final = "a name is dotted segments ('order.paid')"
_MORE: Final = "in a pattern '*' is one whole segment and '**' any number of them"


def is_pattern(key: str) -> bool:
    """Tell whether the text has a wildcard in it."""
    return "*" in key


def check_name(name: object) -> str:
    """Return the name, or raise.

    Raises:
        MalformedKeyError: if it is no text, has an empty segment, white space or
            control characters, or is a pattern.
    """
    if not isinstance(name, str):
        raise MalformedKeyError(f"{name!r} is no name: {_HELP}")

    text = check_key(name)

    if "*" in text:
        raise MalformedKeyError(
            f"{text!r} is a pattern: one can subscribe to it, but an event needs a name"
        )

    return text


def check_key(key: object) -> str:
    """Return the name or pattern, or raise.

    Raises:
        MalformedKeyError: if it is no text, has an empty segment, white space or
            control characters, or a ``*`` that is not a segment of its own.
    """
    if not isinstance(key, str):
        raise MalformedKeyError(
            f"{key!r} is no key: give an event class, a name or a pattern"
        )

    if not _USUAL.fullmatch(key):
        for segment in key.split("."):
            _check_segment(segment, key)

    return key


def _check_segment(segment: str, key: str) -> None:
    if not segment:
        raise MalformedKeyError(f"{key!r} has an empty segment: {_HELP}")

    if "*" in segment and segment not in ("*", "**"):
        raise MalformedKeyError(f"{key!r}: {segment!r} is half a wildcard; {_MORE}")

    if not segment.isprintable() or " " in segment:
        raise MalformedKeyError(
            f"{key!r} has white space or a control character in it: {_HELP}"
        )


def matches(pattern: str, name: str) -> bool:
    """Tell whether the pattern (or name) hears the name.

    Takes time in proportion to the product of their segments at the most, whatever
    the pattern: only the last ``**`` is ever tried again.
    """
    wanted = pattern.split(".")
    given = name.split(".") if name else []

    if given[:1] == [RESERVED] and wanted[0] != RESERVED:
        return False

    return _walk(wanted, given)


def _walk(wanted: list[str], given: list[str]) -> bool:
    """Match segments as file globs match characters, with one point to return to."""
    w = g = 0
    back_w, back_g = -1, 0

    while g < len(given):
        if w < len(wanted) and wanted[w] == "**":
            back_w, back_g = w, g
            w += 1
        elif w < len(wanted) and wanted[w] in ("*", given[g]):
            w += 1
            g += 1
        elif back_w >= 0:
            back_g += 1
            w, g = back_w + 1, back_g
        else:
            return False

    return all(segment == "**" for segment in wanted[w:])
