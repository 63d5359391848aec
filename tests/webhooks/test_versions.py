"""Checks of downgrades: which versions a payload is written in, and what is refused."""

from __future__ import annotations

__all__ = ()

import gc
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest

from upcall import event
from upcall._events.event import lookup
from upcall.errors import OptionError
from upcall.webhooks._proto.errors import PayloadError
from upcall.webhooks.codec import JSON
from upcall.webhooks.versions import downgrade, render


class Bag:
    """The classes of one test; each test has a name for its events of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

        @event(name, version=1)
        class One:
            order: int

        @event(name, version=2)
        class Two:
            order: int
            amount: Decimal

        @event(name, version=3)
        class Three:
            order: int
            amount: Decimal
            currency: str

        self.one: Any = One
        self.two: Any = Two
        self.three: Any = Three

    def render(self, payload: object) -> tuple[Any, dict[int, Any]]:
        """Return what is written, read again."""
        data, others = render(payload, self.name, codec=JSON)
        return msgspec.json.decode(data), {
            version: msgspec.json.decode(each) for version, each in others.items()
        }


@pytest.fixture
def bag(request: pytest.FixtureRequest) -> Bag:
    """Give classes; they stay in the catalogue as long as somebody has them."""
    return Bag("versions." + "".join(filter(str.isalnum, request.node.name)))


def test_payload_without_downgrades_is_written_once(bag: Bag) -> None:
    """As it was emitted."""
    assert bag.render(bag.three(1, Decimal("2.5"), "EUR")) == (
        {"order": 1, "amount": "2.5", "currency": "EUR"},
        {},
    )
    assert bag.render({"a": 1}) == ({"a": 1}, {})


def test_payload_is_written_in_every_version_there_is_a_way_to(bag: Bag) -> None:
    """From 3 to 2, and from there to 1."""
    taken: list[object] = []

    @downgrade(bag.two, to=1)
    def to_one(new: Any) -> object:
        taken.append(new)
        return bag.one(new.order)

    @downgrade(bag.three, to=2)
    def to_two(new: Any) -> object:
        return bag.two(new.order, new.amount)

    whole, others = bag.render(bag.three(1, Decimal("2.5"), "EUR"))

    assert whole == {"order": 1, "amount": "2.5", "currency": "EUR"}
    assert others == {2: {"order": 1, "amount": "2.5"}, 1: {"order": 1}}
    assert taken == [bag.two(1, Decimal("2.5"))]
    assert bag.render(bag.one(1)) == ({"order": 1}, {})


def test_downgrade_may_pass_over_a_version(bag: Bag) -> None:
    """There is nothing in version 2 then."""

    @downgrade(bag.three, to=1)
    def to_one(new: Any) -> object:
        return bag.one(new.order)

    assert bag.render(bag.three(1, Decimal(2), "EUR"))[1] == {1: {"order": 1}}


def test_downgrade_may_return_a_dict(bag: Bag) -> None:
    """It becomes an instance, which the next one takes."""

    @downgrade(bag.three, to=2)
    def to_two(new: Any) -> object:
        return {"order": new.order, "amount": new.amount}

    @downgrade(bag.two, to=1)
    def to_one(new: Any) -> object:
        assert isinstance(new, bag.two)
        return {"order": new.order}

    others = bag.render(bag.three(1, Decimal("2.5"), "EUR"))[1]
    assert others == {2: {"order": 1, "amount": "2.5"}, 1: {"order": 1}}


def test_downgrade_to_a_version_without_class_returns_a_dict() -> None:
    """The class may be long gone."""

    @event("versions.alone", version=2)
    class Two:
        order: int

    @downgrade(Two, to=1)
    def to_one(new: Two) -> object:
        return {"number": new.order}

    assert render(Two(7), "versions.alone", codec=JSON)[1] == {1: b'{"number":7}'}


def test_downgrade_serves_subclasses_and_no_other_versions(bag: Bag) -> None:
    """A subclass that is not decorated is the same version; one that is, is not."""
    two: Any = bag.two
    more: Any = attrs.frozen(type("More", (two,), {}))

    @event(bag.name + ".other")
    class Other(two):  # type: ignore[misc]
        pass

    @downgrade(bag.two, to=1)
    def to_one(new: Any) -> object:
        return bag.one(new.order)

    assert bag.render(more(1, Decimal(2)))[1] == {1: {"order": 1}}
    assert bag.render(Other(1, Decimal(2)))[1] == {}


def test_downgrade_gives_the_function_back(bag: Bag) -> None:
    """It can be called and tested as it is."""

    def to_one(new: Any) -> object:
        return bag.one(new.order)

    assert downgrade(bag.two, to=1)(to_one) is to_one


def test_downgrade_keeps_no_class_alive() -> None:
    """Nor does the catalogue."""
    bag = Bag("versions.shortlived")

    @downgrade(bag.two, to=1)
    def to_one(new: Any, bag: Bag = bag) -> object:
        return bag.one(new.order)

    del bag, to_one
    gc.collect()
    assert lookup("versions.shortlived") is None


def test_same_downgrade_may_be_registered_again(bag: Bag) -> None:
    """A module may be reloaded, a cell run twice: the last one counts."""
    for number in (1, 2):

        @downgrade(bag.two, to=1)
        def to_one(new: Any, number: int = number) -> object:
            return bag.one(number)

    assert bag.render(bag.two(9, Decimal(9)))[1] == {1: {"order": 2}}


def test_second_downgrade_is_refused(bag: Bag) -> None:
    """There is one way down; the error names the first."""

    @downgrade(bag.three, to=2)
    def first(new: Any) -> object: ...

    with pytest.raises(OptionError, match=r"from version 3 to 2 .*first.*registered"):

        @downgrade(bag.three, to=1)
        def second(new: Any) -> object: ...


@pytest.mark.parametrize("to", [0, 2, 3, True, "1", None, 1.0])
def test_downgrade_refuses_what_is_no_lower_version(bag: Bag, to: Any) -> None:
    """The class is version 2."""
    with pytest.raises(OptionError, match="lower"):
        downgrade(bag.two, to=to)


@pytest.mark.parametrize("cls", [int, "order.paid", None, object()])
def test_downgrade_refuses_what_is_no_event_class(cls: Any) -> None:
    """Only classes with a name and a version have versions."""
    with pytest.raises(OptionError, match="no event class"):
        downgrade(cls, to=1)


def test_downgrade_refuses_an_instance_and_an_async_function(bag: Bag) -> None:
    """It is called in the middle of an emission, and the class is what counts."""

    async def later(new: Any) -> object: ...

    with pytest.raises(OptionError, match="no event class"):
        downgrade(bag.two(1, Decimal(1)), to=1)

    functions: list[Any] = [later, 3]

    for function in functions:
        with pytest.raises(OptionError, match="sync function"):
            downgrade(bag.two, to=1)(function)


def failing(new: Any) -> object:
    """Fail, with a secret."""
    raise ValueError("s3cret")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda bag: None, "returned NoneType"),
        (lambda bag: 5, "returned int"),
        (lambda bag: bag.three(1, Decimal(1), "s3cret"), "returned "),
        (lambda bag: {"number": "s3cret"}, "returned something else"),
        (lambda bag: {"order": "s3cret"}, r"returned something else.*order"),
        (failing, "raised ValueError"),
    ],
)
def test_downgrade_that_fails_is_named(
    bag: Bag, result: Callable[[Bag], object], said: str
) -> None:
    """With what was wrong, and without what stood in the payload."""

    @downgrade(bag.two, to=1)
    def to_one(new: Any) -> object:
        return result(bag)

    with pytest.raises(PayloadError, match=rf"(?s)2 to 1 .*to_one.*{said}") as caught:
        bag.render(bag.two(1, Decimal(1)))

    assert bag.name in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_size_limit_holds_for_each_version(bag: Bag) -> None:
    """An older version may be the larger one."""

    @downgrade(bag.two, to=1)
    def to_one(new: Any) -> object:
        return bag.one(10**50)

    with pytest.raises(PayloadError, match=r"\(version 1\)' is \d+ bytes"):
        render(bag.two(1, Decimal(1)), bag.name, codec=JSON, largest=40)

    with pytest.raises(PayloadError, match=r"is \d+ bytes as JSON, and 3 are allowed"):
        render(bag.one(1), bag.name, codec=JSON, largest=3)
