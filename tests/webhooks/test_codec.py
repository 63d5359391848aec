"""Checks of the codec: what comes back, what is refused, what errors say."""

from __future__ import annotations

__all__ = ()

import contextlib
import dataclasses
import enum
import functools
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.errors import PayloadError
from upcall.webhooks.codec import JSON, Codec, MsgspecCodec


class Colour(enum.Enum):
    """An enum in a payload."""

    RED = "red"


@attrs.frozen
class Item:
    """A class in a class."""

    name: str
    price: Decimal


@attrs.frozen
class Order:
    """What people send."""

    id: UUID
    items: list[Item]
    paid: datetime
    colour: Colour
    note: str | None = None


@attrs.frozen
class Checked:
    """A class with a validator."""

    number: int = attrs.field(validator=attrs.validators.gt(5))


@attrs.frozen
class Underscored:
    """A field that msgspec leaves out."""

    _hidden: int


@attrs.frozen
class Converted:
    """A converter that msgspec does not run."""

    number: int = attrs.field(converter=int)


@attrs.frozen
class Aliased:
    """An alias that msgspec does not know."""

    number: int = attrs.field(alias="nr")


@attrs.frozen
class Derived:
    """A default that msgspec cannot make."""

    one: int
    two: int = attrs.field(
        default=attrs.Factory(lambda self: self.one, takes_self=True)
    )


@attrs.define(slots=False)
class Slotless:
    """What is in its dict besides would be sent too."""

    number: int

    @functools.cached_property
    def secret(self) -> str:
        """Something that is no field."""
        return "hidden"


@dataclasses.dataclass
class NoArgument:
    """A field that msgspec leaves out."""

    one: int
    two: int = dataclasses.field(init=False, default=2)


@attrs.frozen
class Deep:
    """A class that is fine, but for what is in it."""

    parts: dict[str, list[Underscored | None]]


@dataclasses.dataclass
class Plain:
    """A dataclass that is fine."""

    _one: int
    two: int = 2


class Struct(msgspec.Struct):
    """A struct that is fine."""

    one: int


ORDER = Order(
    id=UUID(int=7),
    items=[Item("nut", Decimal("19.99")), Item("bolt", Decimal(3))],
    paid=datetime(2026, 11, 23, 11, 0, tzinfo=UTC),
    colour=Colour.RED,
)


def test_codec_gives_back_what_it_was_given() -> None:
    """Dates, decimals, enums and classes in classes."""
    assert JSON.decode(JSON.encode(ORDER), Order) == ORDER


def test_codec_builds_from_plain_data() -> None:
    """As a receiver does with a part of a body."""
    plain = JSON.decode(b'{"data":%b}' % JSON.encode(ORDER))

    assert JSON.build(plain["data"], Order) == ORDER


@pytest.mark.parametrize("payload", [Plain(1), Struct(one=1)])
def test_codec_takes_dataclasses_and_structs(payload: Any) -> None:
    """Not only attrs classes."""
    assert JSON.decode(JSON.encode(payload), type(payload)) == payload


@given(
    payload=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_plain_data_comes_back_the_same(payload: object) -> None:
    """Whatever JSON can say."""
    assert JSON.decode(JSON.encode(payload)) == payload


def test_encoding_is_the_same_in_any_order() -> None:
    """Sets and dicts are put in order: a second try must give the same bytes."""
    one = {"b": {"x", "y", "z"}, "a": 1}
    two = {"a": 1, "b": {"z", "y", "x"}}

    assert JSON.encode(one) == JSON.encode(two) == b'{"a":1,"b":["x","y","z"]}'


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (Underscored, "Underscored .*_hidden would be left out"),
        (Converted, "number has a converter"),
        (Aliased, "the alias 'nr' of number"),
        (Derived, "the default of two takes self"),
        (Slotless, "it has no slots.*use attrs.define"),
        (NoArgument, "two is no argument"),
        (Deep, "Underscored cannot go through JSON unharmed"),
    ],
)
def test_check_refuses_classes_that_would_lose_something(cls: type, text: str) -> None:
    """With what to do, before anything was sent."""
    with pytest.raises(PayloadError, match=text):
        JSON.check(cls)


def test_encode_checks_a_class_that_nobody_checked() -> None:
    """Nothing is ever left out without a word."""
    with pytest.raises(PayloadError, match="_hidden"):
        JSON.encode(Underscored(1))


def test_check_takes_classes_it_cannot_look_into() -> None:
    """A class of a function is not found by its name; that alone is no harm."""

    @attrs.frozen
    class Inner:
        number: int

    @attrs.frozen
    class Outer:
        inner: Inner

    assert JSON.encode(Outer(Inner(1))) == b'{"inner":{"number":1}}'


@pytest.mark.parametrize(
    "payload",
    [
        object(),
        {"a": [object()]},
        1j,
        math.nan,
        {"a": [1.0, {"b": -math.inf}]},
        [Struct(one=math.nan)],  # type: ignore[arg-type]
        "\ud800",
        {(1, 2): 3},
    ],
)
def test_encode_refuses_what_json_cannot_say(payload: object) -> None:
    """A NaN must not become null on its way."""
    with pytest.raises(PayloadError, match="cannot be encoded"):
        JSON.encode(payload)


def test_encode_refuses_what_is_nested_too_deeply() -> None:
    """Rather than end the process."""
    payload: list[Any] = []

    for _ in range(100_000):
        payload = [payload]

    with pytest.raises(PayloadError, match="nested too deeply"):
        JSON.encode(payload)


def test_none_in_a_payload_is_no_nan() -> None:
    """Both are written as null."""
    assert JSON.encode({"a": None, "b": 1.5}) == b'{"a":null,"b":1.5}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'"\\ud800"',
        b"NaN",
        b"1" * 5000,
        b"1e999",
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_decode_refuses_what_is_no_json(body: bytes) -> None:
    """With our own error, and no other."""
    with pytest.raises(PayloadError, match="no JSON we take"):
        JSON.decode(body)


@given(body=st.binary(max_size=100))
def test_decode_raises_nothing_but_our_error(body: bytes) -> None:
    """Whatever somebody sends."""
    try:
        JSON.decode(body)
    except PayloadError as error:
        assert error.__cause__ is None


@pytest.mark.parametrize(
    ("plain", "cls", "text"),
    [
        ({"name": 5, "price": "1"}, Item, r"Expected `str`, got `int` - at `\$.name`"),
        ({"name": "x"}, Item, "missing required field `price`"),
        ({"name": "x", "price": "hidden"}, Item, "does not fit Item"),
        ({"number": -987}, Checked, "a value is not allowed"),
        ("hidden", Colour, "does not fit Colour"),
        ([], Underscored, "_hidden would be left out"),
    ],
)
def test_build_says_where_but_not_what(plain: object, cls: type, text: str) -> None:
    """The path is in the message, the value is not: it may be a secret."""
    with pytest.raises(PayloadError, match=text) as caught:
        JSON.build(plain, cls)

    assert "hidden" not in str(caught.value).replace("_hidden", "")
    assert "987" not in str(caught.value)


def test_default_codec_is_one_by_msgspec() -> None:
    """So that a user can make another one with the same behaviour."""
    codec: Codec = MsgspecCodec()

    assert codec.encode([1]) == JSON.encode([1]) == b"[1]"


@pytest.mark.parametrize(
    ("inner", "is_json"), [(None, True), (1.5, True), (math.nan, False)]
)
@pytest.mark.parametrize("depth", [200, 900, 990, 1100, 100_000])
def test_codec_raises_its_own_error_however_deep_a_payload_is(
    depth: int, inner: object, is_json: bool
) -> None:
    """Whatever stands inside; what can be written is written."""
    payload = inner

    for number in range(depth):
        payload = [payload] if number % 2 else {"a": payload}

    try:
        data = JSON.encode(payload)
    except PayloadError:
        assert depth > 900 or not is_json
    else:
        assert is_json
        assert JSON.decode(data) == payload

    for body in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        with contextlib.suppress(PayloadError):
            JSON.build(JSON.decode(body), list)
