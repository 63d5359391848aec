"""Checks of filters: what matches, what is refused and where, and what it may cost."""

from __future__ import annotations

__all__ = ()

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import OptionError
from upcall.webhooks._proto.filter import (
    DEEPEST,
    LARGEST,
    MOST_OPERATORS,
    Filter,
)

ORDER: dict[str, Any] = {
    "id": "o-17",
    "total": 20,
    "price": 9.5,
    "text": "9.50",
    "paid": True,
    "note": None,
    "customer": {"name": "Ada", "address": {"city": "Turin"}},
    "items": [{"sku": "a"}],
    "": 1,
}


# --- what matches ---


@pytest.mark.parametrize(
    "filter",
    [
        {"id": "o-17"},
        {"total": 20},
        {"total": 20.0},
        {"paid": True},
        {"note": None},
        {"customer.address.city": "Turin"},
        {"total": {"$eq": 20}},
        {"total": {"$neq": 21}},
        {"total": {"$neq": "20"}},
        {"note": {"$neq": 1}},
        {"paid": {"$neq": 1}},
        {"customer": {"$neq": 1}},
        {"total": {"$gt": 19.5, "$lt": 21}},
        {"total": {"$gte": 20, "$lte": 20}},
        {"id": {"$gt": "o-16", "$lt": "o-18"}},
        {"id": {"$in": [1, "o-17"]}},
        {"total": {"$nin": [True, "20"]}},
        {"id": {"$startsWith": "o-"}},
        {"id": {"$endsWith": "-17"}},
        {"note": {"$exists": True}},
        {"customer": {"$exists": True}},
        {"gone": {"$exists": False}},
        {"id.deeper": {"$exists": False}},
        {"items.0.sku": {"$exists": False}},
        {"id": "o-17", "total": 20},
        {"$and": [{"id": "o-17"}, {"total": 20}]},
        {"$or": [{"id": "x"}, {"total": 20}]},
        {"$not": {"id": "x"}},
        {"$not": {"gone": {"$neq": 1}}},
        {"$or": [{"$and": [{"$not": {"id": "x"}}]}]},
    ],
)
def test_filter_matches(filter: dict[str, Any]) -> None:
    """Each of these says something that is so."""
    assert Filter(filter).matches(ORDER)


@pytest.mark.parametrize(
    "filter",
    [
        {"id": "O-17"},
        {"total": "20"},
        {"total": True},
        {"paid": 1},
        {"paid": {"$gt": 0}},
        {"paid": {"$in": [1, "true"]}},
        {"text": {"$gt": 9}},
        {"total": {"$gt": "1"}},
        {"note": False},
        {"note": {"$lte": 0}},
        {"gone": None},
        {"gone": {"$neq": 1}},
        {"gone": {"$nin": [1]}},
        {"gone": {"$lt": 1}},
        {"gone": {"$startsWith": ""}},
        {"gone": {"$exists": True}},
        {"note": {"$exists": False}},
        {"total": {"$startsWith": "2"}},
        {"total": {"$gt": 19, "$lt": 20}},
        {"items.0.sku": "a"},
        {"items.sku": "a"},
        {"customer": "Ada"},
        {"customer.address": {"$eq": "Turin"}},
        {"id": "o-17", "total": 21},
        {"$and": [{"id": "o-17"}, {"total": 21}]},
        {"$or": [{"id": "x"}, {"total": 21}]},
        {"$not": {"id": "o-17"}},
    ],
)
def test_filter_does_not_match(filter: dict[str, Any]) -> None:
    """What is missing or of another type does not match; nor does what is not so."""
    assert not Filter(filter).matches(ORDER)


@pytest.mark.parametrize("payload", [None, 1, "text", True, [], [ORDER]])
def test_filter_takes_payloads_that_are_no_objects(payload: object) -> None:
    """There is nothing at any path then."""
    assert not Filter({"id": {"$neq": 1}}).matches(payload)
    assert Filter({"id": {"$exists": False}}).matches(payload)


# --- against a plain reading of the rules ---

MISSING = object()
KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, 1.0, 0.5]),
    st.sampled_from(["", "a", "ab", "b", "1"]),
)
PAYLOADS = st.recursive(
    SCALARS,
    lambda inner: (
        st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)
COMPARED = st.integers(-2, 2) | st.sampled_from([0.5, "a", "ab", "b"])
CONDITIONS = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$neq"]), SCALARS),
    st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), COMPARED),
    st.tuples(
        st.sampled_from(["$in", "$nin"]), st.lists(SCALARS, min_size=1, max_size=3)
    ),
    st.tuples(
        st.sampled_from(["$startsWith", "$endsWith"]), st.sampled_from(["", "a", "b"])
    ),
    st.tuples(st.just("$exists"), st.booleans()),
).map(lambda pair: {pair[0]: pair[1]})
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(".".join)
LEAVES = st.dictionaries(PATHS, SCALARS | CONDITIONS, min_size=1, max_size=2)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda key, parts: {key: parts},
            st.sampled_from(["$and", "$or"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=6,
)


def naive(filter: dict[str, Any], payload: Any) -> bool:
    """Judge as the rules say it, one after the other."""
    return all(naive_entry(key, value, payload) for key, value in filter.items())


def naive_entry(key: str, value: Any, payload: Any) -> bool:
    """Judge one key of a filter."""
    if key == "$not":
        return not naive(value, payload)

    if key == "$and":
        return False not in [naive(part, payload) for part in value]

    if key == "$or":
        return True in [naive(part, payload) for part in value]

    for segment in key.split("."):
        found = isinstance(payload, dict) and segment in payload
        payload = payload[segment] if found else MISSING

    conditions = value if isinstance(value, dict) else {"$eq": value}
    return all(naive_condition(op, x, payload) for op, x in conditions.items())


def naive_condition(operator: str, operand: Any, value: Any) -> bool:
    """Judge one condition on a value."""
    if operator == "$exists":
        return (value is not MISSING) is operand

    if value is MISSING:
        return False

    among = [kind(value) == kind(x) and value == x for x in as_list(operand)]
    ordered = kind(value) == kind(operand) and kind(value) in ("text", "number")
    text = kind(value) == "text"
    judges: dict[str, Callable[[], bool]] = {
        "$eq": lambda: any(among),
        "$in": lambda: any(among),
        "$neq": lambda: not any(among),
        "$nin": lambda: not any(among),
        "$gt": lambda: ordered and value > operand,
        "$gte": lambda: ordered and value >= operand,
        "$lt": lambda: ordered and value < operand,
        "$lte": lambda: ordered and value <= operand,
        "$startsWith": lambda: text and value[: len(operand)] == operand,
        "$endsWith": lambda: text and value[::-1][: len(operand)] == operand[::-1],
    }
    return judges[operator]()


def as_list(operand: Any) -> list[Any]:
    """Return the operand as one of several."""
    return operand if isinstance(operand, list) else [operand]


def kind(value: Any) -> str:
    """Name the type that JSON has for it."""
    names = {bool: "boolean", int: "number", float: "number", str: "text"}
    return names.get(type(value), type(value).__name__)


@given(filter=FILTERS, payload=PAYLOADS)
def test_filter_agrees_with_a_plain_reading(
    filter: dict[str, Any], payload: object
) -> None:
    """Whatever the filter and the payload; and it comes through JSON as it is."""
    try:
        compiled = Filter(filter)
    except OptionError as error:
        assert f"more than {DEEPEST}" in str(error)
        return

    assert compiled.matches(payload) == naive(filter, payload)
    again = Filter(json.loads(json.dumps(filter)))
    assert again.matches(payload) == compiled.matches(payload)


# --- what is refused ---


@pytest.mark.parametrize(
    ("filter", "place"),
    [
        ({}, "at least one path"),
        ({1: 2}, "1 is no text"),
        ({"a": {}}, "'a'"),
        ({"a": []}, "'a'"),
        ({"a": (1,)}, "'a'"),
        ({"a": {"b": 1}}, "'a': 'b' is no operator"),
        ({"a": {"$regex": "x"}}, "'a': '$regex' is no operator"),
        ({"a": {"$EQ": 1}}, "'a': '$EQ'"),
        ({"a": {"$eq": 1, "b": 2}}, "'a': 'b'"),
        ({"a": {1: 2}}, "'a': 1 is no operator"),
        ({"a": {"$eq": {}}}, "'a.$eq'"),
        ({"a": {"$eq": [1]}}, "'a.$eq'"),
        ({"a": {"$gt": None}}, "'a.$gt'"),
        ({"a": {"$gt": True}}, "'a.$gt'"),
        ({"a": {"$in": 1}}, "'a.$in'"),
        ({"a": {"$in": []}}, "'a.$in'"),
        ({"a": {"$nin": [1, [2]]}}, "'a.$nin[1]'"),
        ({"a": {"$startsWith": 1}}, "'a.$startsWith'"),
        ({"a": {"$exists": 1}}, "'a.$exists'"),
        ({"a": float("nan")}, "'a'"),
        ({"a": {"$lt": float("inf")}}, "'a.$lt'"),
        ({"a": object()}, "'a'"),
        ({"a": b"x"}, "'a'"),
        ({"a..b": 1}, "'a..b'"),
        ({"": 1}, "empty segment"),
        ({"$eq": 1}, "'$eq'"),
        ({"$and": {}}, "'$and'"),
        ({"$or": []}, "'$or'"),
        ({"$or": [{"a": 1}, {"b": {"$gt": []}}]}, "'$or[1].b.$gt'"),
        ({"$not": [{"a": 1}]}, "'$not'"),
        ({"$not": {"$not": {}}}, "'$not.$not'"),
    ],
)
def test_filter_refuses_what_makes_no_sense(filter: Any, place: str) -> None:
    """It names the place."""
    with pytest.raises(OptionError) as caught:
        Filter(filter)

    assert place in str(caught.value)


def nested(depth: int) -> dict[str, Any]:
    """Make a filter of so many objects within one another."""
    made: dict[str, Any] = {"a": 1}

    for _ in range(depth - 1):
        made = {"$not": made}

    return made


def test_filter_is_bounded_in_depth() -> None:
    """As deep as allowed, and not one deeper; nor as deep as Python cannot go."""
    assert Filter(nested(DEEPEST)).matches({}) is (DEEPEST % 2 == 0)

    for depth in (DEEPEST + 1, 100_000):
        with pytest.raises(OptionError, match="within one another"):
            Filter(nested(depth))


def test_filter_is_bounded_in_operators() -> None:
    """Joints count, conditions count, and plain values do."""
    most = {f"p{number}": number for number in range(MOST_OPERATORS)}
    Filter(most)
    Filter({"$or": [dict(list(most.items())[1:])]})

    with pytest.raises(OptionError, match="more than 64"):
        Filter(most | {"one": "more"})

    with pytest.raises(OptionError, match="more than 64"):
        Filter({"$or": [most]})


def test_filter_is_bounded_in_bytes() -> None:
    """Of JSON without spaces, in UTF-8."""
    room = LARGEST - len('{"a":""}')
    Filter({"a": "x" * room})
    Filter({"a": "é" * (room // 2)})

    for text in ("x" * (room + 1), "é" * (room // 2 + 1), "\ud800" * room):
        with pytest.raises(OptionError, match="larger than 4096"):
            Filter({"a": text})


def test_filter_refuses_a_number_that_python_does_not_write() -> None:
    """Of more digits than it turns into text."""
    with pytest.raises(OptionError, match="larger than"):
        Filter({"a": 10**10_000})


def test_filter_that_contains_itself_is_refused() -> None:
    """It is deeper than anything."""
    endless: dict[str, Any] = {}
    endless["$and"] = [endless]

    with pytest.raises(OptionError, match="within one another"):
        Filter(endless)


def test_error_of_a_filter_is_not_as_long_as_its_path() -> None:
    """Somebody will log it."""
    with pytest.raises(OptionError) as caught:
        Filter({"a" * 1_000_000: {"x" * 1_000_000: 1}})

    assert len(str(caught.value)) < 1000
