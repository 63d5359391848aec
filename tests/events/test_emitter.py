"""`EventEmitter`: adding listeners, on emitters of all kinds."""

from __future__ import annotations

__all__ = ()

from collections import UserDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import attrs
import pytest

from upcall._events.emitter import EventEmitter

Heard = list[Any]


def nothing(*args: object, **kwargs: object) -> None:
    """A listener."""


def hearing(heard: Heard, what: object) -> Callable[..., None]:
    """Make a listener that says that it was called."""

    def listener(*args: object, **kwargs: object) -> None:
        heard.append(what)

    return listener


ADDING = ["on", "add_listener", "once", "prepend_listener", "prepend_once_listener"]


# Adding


@pytest.mark.parametrize(
    ("one", "other"), [("on", "add_listener"), ("off", "remove_listener")]
)
def test_two_names_of_a_method_are_one_function(one: str, other: str) -> None:
    """Whoever wraps the one has the other, too."""
    assert getattr(EventEmitter, one) is getattr(EventEmitter, other)


@pytest.mark.parametrize("method", ADDING)
def test_adding_a_listener_returns_the_emitter(method: str) -> None:
    """Calls can be chained, as in Node."""
    emitter = EventEmitter()

    assert getattr(emitter, method)("x", nothing) is emitter
    assert emitter.listeners("x") == [nothing]


@pytest.mark.parametrize("method", ADDING)
def test_adding_by_decorator_returns_the_function(method: str) -> None:
    """The name below the decorator is still the function."""
    emitter = EventEmitter()

    @getattr(emitter, method)("x")  # type: ignore[untyped-decorator]
    def listener() -> str:
        return "called"

    assert listener() == "called"
    assert emitter.listeners("x") == [listener]


@pytest.mark.parametrize("method", [*ADDING, "off", "remove_listener"])
@pytest.mark.parametrize("wrong", [None, "x", 5, object()])
def test_what_cannot_be_called_is_no_listener(method: str, wrong: object) -> None:
    """None included: it does not stand for "no listener given"."""
    emitter = EventEmitter()

    with pytest.raises(TypeError, match="give a function"):
        getattr(emitter, method)("x", wrong)

    assert emitter.event_names() == []


@pytest.mark.parametrize("count", range(7))
def test_a_listener_gets_the_arguments_of_emit(count: int) -> None:
    """However many there are, and however many listeners."""
    emitter = EventEmitter()
    got: Heard = []
    emitter.on("x", lambda *args: got.append(args))
    emitter.once("x", lambda *args: got.append(args))

    emitter.emit("x", *range(count))

    assert got == [tuple(range(count))] * 2


def test_a_listener_gets_keyword_arguments_of_any_name() -> None:
    """Those that the methods' own parameters have are no exception."""
    emitter = EventEmitter()
    got: Heard = []
    emitter.on("x", lambda **kwargs: got.append(kwargs))

    emitter.emit("x", name="a", self="b", args="c")

    assert got == [{"name": "a", "self": "b", "args": "c"}]


def test_listeners_are_called_in_the_order_they_were_added() -> None:
    """`once` makes no difference to it."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.on("x", hearing(heard, 1))
    emitter.once("x", hearing(heard, 2))
    emitter.on("x", hearing(heard, 3))

    emitter.emit("x")

    assert heard == [1, 2, 3]


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "",
        "*",
        "__class__",
        "__init__",
        "toString",
        0,
        None,
        ("a", 1),
        object(),
        int,
    ],
)
def test_anything_hashable_is_a_name(name: Hashable) -> None:
    """Names are compared, and otherwise left alone."""
    emitter = EventEmitter()
    heard: Heard = []

    emitter.on(name, hearing(heard, name))

    assert emitter.emit(name)
    assert heard == [name]
    assert emitter.event_names() == [name]


def test_equal_names_share_their_listeners() -> None:
    """Two tuples that are equal are one name."""
    one, other = tuple("ab"), tuple("ab")
    assert one is not other

    assert EventEmitter().on(one, nothing).emit(other)


def test_a_name_that_cannot_be_hashed_is_none() -> None:
    """A list, say."""
    with pytest.raises(TypeError, match=r"\[\] cannot be the name of an event"):
        EventEmitter().on([], nothing)  # type: ignore[call-overload]


def test_a_listener_added_twice_is_called_twice() -> None:
    """It is listed twice, and each registration is removed by itself."""
    emitter = EventEmitter()
    heard: Heard = []
    listener = hearing(heard, 1)

    emitter.on("x", listener).on("x", listener)

    assert emitter.listeners("x") == [listener, listener]
    emitter.emit("x")
    assert heard == [1, 1]
    assert emitter.off("x", listener).listeners("x") == [listener]


def test_prepended_listeners_come_before_the_others() -> None:
    """The last one prepended is the first."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.on("x", hearing(heard, 1))
    emitter.prepend_listener("x", hearing(heard, 2))
    emitter.prepend_once_listener("x", hearing(heard, 3))

    emitter.emit("x")
    emitter.emit("x")

    assert heard == [3, 2, 1, 2, 1]


# Emitters of all kinds


class Eager(EventEmitter):
    """Listens and emits before it calls the initialiser of its base."""

    def __init__(self) -> None:
        self.heard: Heard = []
        self.on("x", hearing(self.heard, "x"))
        self.emit("x")
        super().__init__()


class Careless(EventEmitter):
    """Never calls it."""

    def __init__(self) -> None:
        pass


@attrs.frozen
class Frozen(EventEmitter):
    """Refuses to have attributes set."""

    size: int = 1


class Mapping(UserDict[str, int], EventEmitter):
    """Has another first base."""


def test_a_subclass_may_listen_and_emit_before_the_initialiser() -> None:
    """What it added is not lost by it either."""
    emitter = Eager()

    assert emitter.heard == ["x"]
    assert emitter.emit("x")


@pytest.mark.parametrize("kind", [EventEmitter, Eager, Careless, Frozen, Mapping])
def test_instances_share_no_listeners(kind: type[EventEmitter]) -> None:
    """Whatever their class does when they are made."""
    one, other = kind(), kind()

    one.on("y", nothing).set_max_listeners(3)

    assert one.emit("y")
    assert not other.emit("y")
    assert other.get_max_listeners() == 10


def test_an_emitter_may_implement_a_protocol() -> None:
    """It has no metaclass of its own that would be in the way."""

    class Sized(Protocol):
        def size(self) -> int: ...

    class Both(EventEmitter, Sized):
        def size(self) -> int:
            return 1

    assert Both().on("x", nothing).emit("x")


def test_looking_makes_no_entry() -> None:
    """A new emitter has no names, and has none by being asked."""
    emitter = EventEmitter()

    emitter.listeners("x")
    emitter.raw_listeners("x")
    emitter.listener_count("x")
    emitter.set_max_listeners(5)
    emitter.emit("x")
    emitter.off("x", nothing)

    assert emitter.event_names() == []


# The event of a new listener


def test_new_listener_is_emitted_before_the_listener_is_added() -> None:
    """With its name, and itself; the wrapper of `once` is not seen."""
    emitter = EventEmitter()
    got: Heard = []
    emitter.on(
        "new_listener", lambda *args: got.append((*args, emitter.listeners("x")))
    )

    emitter.on("x", nothing)
    emitter.once("x", print)

    assert got == [("x", nothing, []), ("x", print, [nothing])]


def test_a_listener_added_by_new_listener_comes_before_the_announced_one() -> None:
    """It is added first."""
    emitter = EventEmitter()
    emitter.once("new_listener", lambda name, _: emitter.on(name, print))

    emitter.on("x", nothing)

    assert emitter.listeners("x") == [print, nothing]


def test_new_listener_is_announced_to_earlier_ones_only() -> None:
    """Not to itself."""
    emitter = EventEmitter()
    got: Heard = []
    emitter.on("new_listener", lambda name, _: got.append(name))

    emitter.on("new_listener", nothing)

    assert got == ["new_listener"]


def test_once_for_new_listener_is_for_one_though_it_adds_some_itself() -> None:
    """It is removed before it is called."""
    emitter = EventEmitter()
    got: Heard = []

    def listener(name: object, _: object) -> None:
        got.append(name)
        emitter.on("y", nothing)

    emitter.once("new_listener", listener)
    emitter.on("x", nothing)

    assert got == ["x"]
    assert emitter.event_names() == ["y", "x"]


def test_a_new_listener_listener_that_raises_refuses_the_listener() -> None:
    """It is called before anything is changed."""
    emitter = EventEmitter()

    @emitter.on("new_listener")
    def refuse(name: object, _: object) -> None:
        raise ValueError(name)

    with pytest.raises(ValueError, match="x"):
        emitter.on("x", nothing)

    assert emitter.listeners("x") == []
