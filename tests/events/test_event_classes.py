"""`@event`: what it makes of a class, the names, and the catalogue."""

from __future__ import annotations

__all__ = ()

import copy
import dataclasses
import pickle
import typing
from typing import Any, ClassVar, Generic, TypeVar

import attrs
import pytest

from upcall import Bus, MalformedKeyError, OptionError, event
from upcall._events.event import catalogue, lookup, name_of, version_of

T = TypeVar("T")


@event("classes.paid")
class Paid:
    """A plain class, made an event."""

    order_id: int
    note: str = ""


@event("classes.box")
class Box(Generic[T]):
    """A generic one."""

    content: T


def test_plain_class_becomes_a_frozen_attrs_class_with_slots() -> None:
    """With a constructor, equality and a print."""
    paid = Paid(1, note="x")

    assert paid == Paid(1, "x")
    assert repr(paid) == "Paid(order_id=1, note='x')"
    assert not hasattr(paid, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        paid.order_id = 2  # type: ignore[misc]


def test_event_has_name_and_version() -> None:
    """Of the class and of its instances."""
    assert (name_of(Paid), version_of(Paid)) == ("classes.paid", 1)
    assert (name_of(Paid(1)), version_of(Paid(1))) == ("classes.paid", 1)
    assert (name_of(3), version_of(3)) == ("", 1)


def test_event_can_be_copied_and_pickled() -> None:
    """As any record."""
    paid = Paid(1)

    assert pickle.loads(pickle.dumps(paid)) == copy.deepcopy(paid) == paid


def test_mutable_and_keyword_only_events() -> None:
    """If that is asked for."""

    @event("classes.mutable", frozen=False, kw_only=True)
    class Mutable:
        count: int

    thing = Mutable(count=1)
    thing.count = 2

    assert thing.count == 2
    with pytest.raises(TypeError):
        Mutable(1)  # type: ignore[call-arg]


def test_attrs_class_and_dataclass_are_only_tagged() -> None:
    """They stay what they are."""

    @attrs.define
    class Defined:
        x: int

    @dataclasses.dataclass
    class Data:
        x: int

    assert event("classes.defined")(Defined) is Defined
    assert event("classes.data")(Data) is Data
    assert Bus().emit(Data(1)) == 0


def test_subclasses_inherit_fields_and_may_have_a_name_of_their_own() -> None:
    """The nearest decorated class names an instance."""

    @event("classes.refunded")
    class Refunded(Paid):
        reason: str = "none"

    class Plain(Refunded):
        pass

    assert Refunded(1, "x", "y").reason == "y"
    assert name_of(Refunded) == name_of(Plain) == "classes.refunded"


def test_generic_event_is_subscribed_by_its_origin() -> None:
    """``Box[int]`` is no class at run time."""
    bus = Bus()
    heard: list[object] = []
    bus.on(Box, heard.append)

    assert bus.emit(Box(1)) == 1
    with pytest.raises(MalformedKeyError, match="Box"):
        bus.on(Box[int], heard.append)


def test_plain_subclass_of_a_dataclass_is_refused() -> None:
    """Its own fields would be lost."""

    @dataclasses.dataclass
    class Data:
        x: int

    with pytest.raises(OptionError, match="put @dataclass between"):

        @event("classes.lost")
        class Lost(Data):  # type: ignore[misc]
            y: int = 0


def test_field_with_a_leading_underscore_is_refused() -> None:
    """Checkers and attrs disagree about its argument."""
    with pytest.raises(OptionError, match="_hidden"):

        @event("classes.hidden")
        class Hidden:
            _hidden: int


@pytest.mark.parametrize("name", ["", "a..b", "a.*", "webhook.failing", 3])
def test_bad_name_is_refused(name: Any) -> None:
    """Reserved ones too."""
    with pytest.raises(MalformedKeyError):
        event(name)


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", True])
def test_bad_version_is_refused(version: Any) -> None:
    """A whole number from 1 on."""
    with pytest.raises(OptionError, match="version"):
        event("classes.versions", version=version)


def test_decorating_what_is_no_class_is_refused() -> None:
    """A function, say."""
    decorate: Any = event("classes.function")

    with pytest.raises(OptionError, match="no class"):
        decorate(print)


def test_one_name_and_version_is_one_class() -> None:
    """The error says what to do; other versions are other classes."""

    @event("classes.twice")
    class First:
        x: int

    with pytest.raises(MalformedKeyError, match="version=2"):

        @event("classes.twice")
        class Second:
            x: int

    @event("classes.twice", version=2)
    class Third:
        x: int

    assert lookup("classes.twice") is Third
    assert lookup("classes.twice", 1) is First
    assert lookup("classes.twice", 3) is None
    assert lookup("classes.never") is None
    assert catalogue()["classes.twice", 2] is Third


def test_class_defined_again_takes_the_place_of_the_one_before() -> None:
    """A module reloaded, a cell run twice."""

    def define() -> type[Any]:
        @event("classes.again")
        class Again:
            x: int

        return Again

    first, second = define(), define()

    assert first is not second
    assert lookup("classes.again") is second


def test_catalogue_keeps_no_class_alive() -> None:
    """A class that is gone leaves its name free."""

    def define() -> None:
        @event("classes.gone")
        class Gone:
            x: int

    define()

    @event("classes.gone")
    class Other:
        x: int

    assert lookup("classes.gone") is Other


def test_class_variable_is_no_field_whatever_its_name() -> None:
    """Neither for attrs nor for us; written out or under another name."""

    @event("classes.counted")
    class Counted:
        _made: ClassVar[int] = 0
        _seen: typing.ClassVar[list[int]] = []
        number: int

    assert Counted(1).number == 1
    assert repr(Counted(1)).endswith("Counted(number=1)")
