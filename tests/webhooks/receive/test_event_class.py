"""Event classes that nothing fits: told to who wrote them, not to who sends."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pytest
from tests.webhooks.receive.taking import Taking, source_of

import upcall
from upcall.errors import OptionError
from upcall.webhooks._receive.event_class import check_event_class


class Bare:
    """Annotations alone make no fields."""

    name: str


class Size(enum.Enum):
    """One of few."""

    SMALL = "s"


class Place(NamedTuple):
    """Told by position."""

    row: int


class Box(TypedDict, total=False):
    """A dict with known keys."""

    size: Size


class Label(msgspec.Struct):
    """Of msgspec's own."""

    text: str


@dataclass
class Tree:
    """One that holds others of its kind."""

    branches: list[Tree]


@attrs.define
class Good:
    """All that JSON can be made into."""

    tree: Tree
    boxes: dict[str, Box]
    label: Label | None
    place: Place
    when: datetime
    id: uuid.UUID
    price: Decimal
    kind: Literal["a", "b"]
    rest: Mapping[str, Any]
    whatever: object = None


@attrs.define
class WithBare:
    """Deep within there is one that cannot be built."""

    all: list[dict[str, Bare]]


@attrs.define
class WithUnion:
    """Nobody could tell which it is."""

    one: Tree | Good


@attrs.define
class WithAlias:
    """The name in JSON would be another."""

    one: int = attrs.field(alias="uno")


@attrs.define
class WithUnknown:
    """Its annotation leads nowhere."""

    one: Nowhere  # type: ignore[name-defined]  # noqa: F821


def test_classes_that_can_be_built_pass() -> None:
    """And so they do when asked again."""
    check_event_class(Good)
    check_event_class(Good)


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (WithBare, "nothing can be WithBare: there is Bare in it, .*; use attrs"),
        (
            WithUnion,
            "nothing can be WithUnion: Type unions may not contain more than one",
        ),
        (WithAlias, "the alias 'uno' of one would not be used"),
        (WithUnknown, "nothing can be WithUnknown: name 'Nowhere' is not defined; use"),
    ],
)
def test_others_are_refused_with_what_to_do(cls: type, said: str) -> None:
    """The class, what in it is the matter, and what can be built."""
    with pytest.raises(OptionError, match=said):
        check_event_class(cls)


async def test_the_sender_is_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    """It hears 500, and may send again; nothing is invalid; the log says why."""
    upcall.event("none.bare.sent")(WithBare)
    taking = Taking(source_of("none"))
    body = b'{"type": "bare.sent", "timestamp": "now", "data": {"all": []}}'

    answered = await taking.signed("none", body)

    assert answered.status == 500
    assert taking.heard == []
    assert "nothing can be WithBare: there is Bare in it" in caplog.text
