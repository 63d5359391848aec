"""Filters: which payloads an endpoint gets, told as a JSON object."""

# Rule 1: a filter is data, checked whole when its endpoint is registered, and compiled
#   once. What it may cost is bounded by its size: there are no regular expressions, and
#   nothing in it repeats.
# Rule 2: a condition says something about a value that is there. Where the path leads
#   nowhere, none holds but `$exists: false`.
# Rule 3: values are compared as JSON has them: true is no number, "1" is no 1, and 1 is
#   1.0. What cannot be compared does not match.

from __future__ import annotations

__all__ = ("DEEPEST", "LARGEST", "MOST_OPERATORS", "Filter")

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from upcall.errors import OptionError

LARGEST: Final = 4096
"""The most bytes that a filter may have as JSON."""

MOST_OPERATORS: Final = 64
"""The most conditions and joints in a filter."""

DEEPEST: Final = 4
"""How many objects may lie in one another; that of a condition is not counted."""

_Test: TypeAlias = Callable[[Any], bool]

_MISSING: Final = object()
_NUMBERS: Final = (int, float)
_OPERATORS: Final = (
    "$eq, $neq, $gt, $gte, $lt, $lte, $in, $nin, $startsWith, $endsWith, $exists"
)
_JOINTS: Final = "$and, $or, $not"


class Filter:
    """Tells which payloads match.

    A filter is a JSON object. Each of its keys is the dotted path of a value in the
    payload, and what that has to be: a text, number, boolean or null, or conditions on
    it, all of which have to hold. All of the keys have to match. Lists are not entered.

    - ``$eq``, ``$neq``: is that value; is another one, of whatever type.
    - ``$in``, ``$nin``: is one of a list; is none of them.
    - ``$gt``, ``$gte``, ``$lt``, ``$lte``: a number compared with a number, or a text
      with a text, by code points. Decimals go as texts: no number compares with them.
    - ``$startsWith``, ``$endsWith``: a text begins or ends so.
    - ``$exists``: true, there is something, be it null; false, there is nothing.

    ``$and`` and ``$or`` take a list of filters, ``$not`` takes one. Where the path
    leads nowhere, no condition holds but ``{"$exists": false}``: not even ``$neq``. The
    opposite of a condition, missing values included, is ``$not``.

    Args:
        given: at most 4096 bytes as JSON, with at most 64 conditions and joints, in at
            most four objects one within the other.

    Raises:
        OptionError: if it is no such object; it names the place.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._test: Final = _Compiler().compile(dict(given), "", 1)
        _check_size(given)

    def matches(self, payload: object) -> bool:
        """Tell whether a payload, as plain data that came from JSON, matches."""
        return self._test(payload)


def _check_size(given: Mapping[str, Any]) -> None:
    try:
        text = json.dumps(dict(given), ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode("utf-8", "surrogatepass"))
    except ValueError:  # a number of more digits than Python writes
        size = LARGEST + 1

    if size > LARGEST:
        raise OptionError(
            f"filter= is larger than {LARGEST} bytes as JSON: ask for less, or make "
            "several endpoints"
        )


class _Compiler:
    """Makes one filter, and counts what is in it."""

    def __init__(self) -> None:
        self._operators = 0

    def compile(self, given: object, place: str, depth: int) -> _Test:
        """Return the test for a filter that stands at a place."""
        if depth > DEEPEST:
            raise _wrong(place, f"more than {DEEPEST} objects within one another")

        if not isinstance(given, dict) or not given:
            raise _wrong(place, "give an object with at least one path in it")

        entries = cast("dict[object, Any]", given)
        return _all(self._entry(key, entries[key], place, depth) for key in entries)

    def _entry(self, key: object, value: Any, place: str, depth: int) -> _Test:
        if not isinstance(key, str):
            raise _wrong(place, f"{key!r:.99} is no text")

        place = f"{place}.{key}" if place else key

        if key.startswith("$"):
            return self._joint(key, value, place, depth)

        find = _finder(key, place)
        test = self._value(value, place)
        return lambda payload: test(find(payload))

    def _joint(self, key: str, value: Any, place: str, depth: int) -> _Test:
        self._count(place)

        if key == "$not":
            test = self.compile(value, place, depth + 1)
            return lambda payload: not test(payload)

        if key not in ("$and", "$or"):
            raise _wrong(place, f"give a path, or one of {_JOINTS}")

        if not isinstance(value, list) or not value:
            raise _wrong(place, "give a list of filters")

        parts = cast("list[object]", value)
        tests = (
            self.compile(part, f"{place}[{index}]", depth + 1)
            for index, part in enumerate(parts)
        )
        return _all(tests) if key == "$and" else _any(tests)

    def _value(self, value: Any, place: str) -> _Test:
        """Return the test for what stands beside a path."""
        if not isinstance(value, dict):
            self._count(place)
            return _equal(value, place)

        if not value:
            raise _wrong(place, f"give a value, or one of {_OPERATORS}")

        entries = cast("dict[object, Any]", value)
        return _all(self._condition(key, entries[key], place) for key in entries)

    def _condition(self, operator: object, operand: Any, place: str) -> _Test:
        self._count(place)

        if not isinstance(operator, str) or operator not in _CONDITIONS:
            raise _wrong(
                place,
                f"{operator!r:.99} is no operator; give one of {_OPERATORS}, or write "
                "what lies deeper with dots",
            )

        return _CONDITIONS[operator](operand, f"{place}.{operator}")

    def _count(self, place: str) -> None:
        self._operators += 1

        if self._operators > MOST_OPERATORS:
            raise _wrong(place, f"there are more than {MOST_OPERATORS} conditions")


def _wrong(place: str, what: str) -> OptionError:
    where = f" at {place[:200]!r}" if place else ""
    return OptionError(f"filter={where}: {what}")


def _all(tests: Iterable[_Test]) -> _Test:
    first, *others = tests

    if not others:
        return first

    every = (first, *others)
    return lambda value: all(test(value) for test in every)


def _any(tests: Iterable[_Test]) -> _Test:
    every = tuple(tests)
    return lambda value: any(test(value) for test in every)


def _finder(path: str, place: str) -> Callable[[Any], Any]:
    segments = path.split(".")

    if "" in segments:
        raise _wrong(place, "the path has an empty segment")

    def find(payload: Any) -> Any:
        for segment in segments:
            if not isinstance(payload, dict):
                return _MISSING

            payload = cast("dict[str, Any]", payload).get(segment, _MISSING)

        return payload

    return find


# --- conditions: each takes the operand and where it stands, and makes a test ---


def _equal(operand: Any, place: str) -> _Test:
    if operand is None or isinstance(operand, bool):
        return lambda value: value is operand

    if isinstance(operand, str):
        return lambda value: value == operand

    number = _number(operand, place, "give a text, a number, true, false or null")
    return lambda value: value == number and not isinstance(value, bool)


def _number(operand: Any, place: str, otherwise: str) -> int | float:
    if isinstance(operand, _NUMBERS) and not isinstance(operand, bool):
        if isinstance(operand, float) and not math.isfinite(operand):
            raise _wrong(place, f"{operand!r} is no number that JSON has")

        return operand

    raise _wrong(place, otherwise)


def _unequal(operand: Any, place: str) -> _Test:
    equal = _equal(operand, place)
    return lambda value: value is not _MISSING and not equal(value)


def _among(operand: Any, place: str) -> _Test:
    if not isinstance(operand, list) or not operand:
        raise _wrong(place, "give a list of values")

    values = cast("list[object]", operand)
    return _any(_equal(each, f"{place}[{n}]") for n, each in enumerate(values))


def _not_among(operand: Any, place: str) -> _Test:
    among = _among(operand, place)
    return lambda value: value is not _MISSING and not among(value)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, str], _Test]:
    def condition(operand: Any, place: str) -> _Test:
        if isinstance(operand, str):
            return lambda value: isinstance(value, str) and compare(value, operand)

        number = _number(operand, place, "give a number or a text")
        return lambda value: (
            isinstance(value, _NUMBERS)
            and not isinstance(value, bool)
            and compare(value, number)
        )

    return condition


def _starts(operand: Any, place: str) -> _Test:
    text = _text(operand, place)
    return lambda value: isinstance(value, str) and value.startswith(text)


def _ends(operand: Any, place: str) -> _Test:
    text = _text(operand, place)
    return lambda value: isinstance(value, str) and value.endswith(text)


def _text(operand: Any, place: str) -> str:
    if not isinstance(operand, str):
        raise _wrong(place, "give a text")

    return operand


def _exists(operand: Any, place: str) -> _Test:
    if not isinstance(operand, bool):
        raise _wrong(place, "give true or false")

    return lambda value: (value is not _MISSING) is operand


_CONDITIONS: Final[Mapping[str, Callable[[Any, str], _Test]]] = {
    "$eq": _equal,
    "$neq": _unequal,
    "$gt": _compared(lambda value, operand: value > operand),
    "$gte": _compared(lambda value, operand: value >= operand),
    "$lt": _compared(lambda value, operand: value < operand),
    "$lte": _compared(lambda value, operand: value <= operand),
    "$in": _among,
    "$nin": _not_among,
    "$startsWith": _starts,
    "$endsWith": _ends,
    "$exists": _exists,
}
