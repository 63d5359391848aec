"""`EventEmitter`: removing listeners, and how that is announced."""

from __future__ import annotations

__all__ = ()

from typing import Any

import pytest

from upcall._events.emitter import EventEmitter

Heard = list[Any]


def nothing(*args: object) -> None:
    """A listener."""


def other(*args: object) -> None:
    """Another one."""


class Owner:
    """Has a method that listens."""

    def __init__(self) -> None:
        self.heard: Heard = []

    def listen(self, what: object) -> None:
        self.heard.append(what)

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Alike:
    """A callable that takes itself for every other."""

    def __call__(self) -> None: ...

    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def test_the_registration_added_last_is_removed_first() -> None:
    """And that one only."""
    emitter = EventEmitter()
    emitter.on("x", nothing).on("x", other).on("x", nothing)

    emitter.remove_listener("x", nothing)

    assert emitter.listeners("x") == [nothing, other]


@pytest.mark.parametrize("first", ["on", "once"])
def test_it_does_not_matter_how_that_was_added(first: str) -> None:
    """A registration for one call is one like others."""
    emitter = EventEmitter()
    getattr(emitter, first)("x", nothing)
    [kept] = emitter.raw_listeners("x")
    getattr(emitter, "once" if first == "on" else "on")("x", nothing)

    emitter.off("x", nothing)

    assert emitter.raw_listeners("x") == [kept]


def test_an_unknown_listener_or_name_is_no_error() -> None:
    """Nothing is announced, and the emitter is returned."""
    emitter = EventEmitter()
    got: Heard = []
    emitter.on("remove_listener", lambda *args: got.append(args)).on("x", nothing)

    assert emitter.off("x", other).off("y", other) is emitter

    assert got == []
    assert emitter.listeners("x") == [nothing]


def test_a_method_is_found_by_its_object_and_function() -> None:
    """Each look at it makes a new object; that of an equal object is another."""
    one, two = Owner(), Owner()
    emitter = EventEmitter().on("x", one.listen).on("x", two.listen)

    emitter.off("x", one.listen)
    emitter.emit("x", 1)

    assert (one.heard, two.heard) == ([], [1])


def test_callables_are_found_by_identity() -> None:
    """What they think of being equal is their own affair."""
    one, two = Alike(), Alike()
    emitter = EventEmitter().on("x", one).on("x", two)

    [left] = emitter.off("x", one).listeners("x")

    assert left is two


def test_remove_listener_is_emitted_after_the_removal() -> None:
    """With the name and the listener; the list is without it already."""
    emitter = EventEmitter().on("x", nothing).once("x", other)
    got: Heard = []
    emitter.on(
        "remove_listener", lambda *args: got.append((*args, emitter.listeners("x")))
    )

    emitter.off("x", nothing)
    emitter.emit("x")

    assert got == [("x", nothing, [other]), ("x", other, [])]
    assert "x" not in emitter.event_names()


def test_a_once_listener_that_fires_is_announced_as_itself() -> None:
    """Also among others, where Node shows the wrapper."""
    emitter = EventEmitter().on("x", nothing).once("x", other)
    got: Heard = []
    emitter.on("remove_listener", lambda *args: got.append(args))

    emitter.emit("x")

    assert got == [("x", other)]


def test_a_remove_listener_listener_may_remove_and_emit() -> None:
    """Whatever it does, the state is consistent."""
    emitter = EventEmitter().on("x", nothing).on("x", other)
    heard: Heard = []
    emitter.on("y", heard.append)

    @emitter.once("remove_listener")
    def again(name: str, _: object) -> None:
        emitter.off(name, other).emit("y", emitter.listeners("x"))

    emitter.off("x", nothing)

    assert heard == [[]]
    assert emitter.event_names() == ["y"]


def test_once_for_remove_listener_inside_another_sees_the_next_removal() -> None:
    """The one that is being announced is over."""
    emitter = EventEmitter().on("x", nothing).on("x", other)
    got: Heard = []

    @emitter.once("remove_listener")
    def first(_: str, listener: object) -> None:
        got.append(listener)
        emitter.once("remove_listener", lambda _, listener: got.append(listener))
        emitter.off("x", other)

    emitter.off("x", nothing)

    # The first listener's own removal is what nobody was left to hear.
    assert got == [nothing, other]


def test_adding_a_removed_listener_again_moves_it_to_the_end() -> None:
    """It is a new registration."""
    emitter = EventEmitter().on("x", nothing).on("x", other)

    emitter.off("x", nothing).on("x", nothing)

    assert emitter.listeners("x") == [other, nothing]


def test_removing_all_of_a_name_leaves_the_other_names() -> None:
    """None is such a name: only "no name" stands for all."""
    emitter = EventEmitter().on("x", nothing).on(None, nothing).on("y", nothing)
    listed = emitter.listeners("x")

    assert emitter.remove_all_listeners(None) is emitter
    assert emitter.event_names() == ["x", "y"]
    assert emitter.remove_all_listeners("x").event_names() == ["y"]
    assert emitter.remove_all_listeners().event_names() == []
    assert listed == [nothing]


def test_removing_all_of_a_name_announces_each_last_added_first() -> None:
    """The count goes down by one each time."""
    emitter = EventEmitter()
    got: Heard = []

    for listener in (nothing, other, print):
        emitter.on("x", listener)

    emitter.on(
        "remove_listener",
        lambda _, listener: got.append((listener, emitter.listener_count("x"))),
    )

    emitter.remove_all_listeners("x")

    assert got == [(print, 2), (other, 1), (nothing, 0)]


def test_removing_all_announces_each_and_removes_those_who_hear_it_last() -> None:
    """The last one hears of every removal but its own."""
    emitter = EventEmitter()
    got: Heard = []

    def first(name: object, listener: object) -> None:
        got.append(("first", name, listener))

    def second(name: object, listener: object) -> None:
        got.append(("second", name, listener))

    emitter.on("remove_listener", first).on("x", nothing).on("x", other)
    emitter.on(None, nothing).on("remove_listener", second)

    assert emitter.remove_all_listeners() is emitter

    heard = [("x", other), ("x", nothing), (None, nothing)]
    both = [(who, *what) for what in heard for who in ("first", "second")]
    assert got == [*both, ("first", "remove_listener", second)]
    assert emitter.event_names() == []


@pytest.mark.parametrize("announced", [True, False])
def test_removing_all_where_there_is_nothing_does_nothing(announced: bool) -> None:
    """On an emitter never used, and of a name without listeners."""
    emitter = EventEmitter()
    got: Heard = []
    assert emitter.remove_all_listeners().remove_all_listeners("x") is emitter

    if announced:
        emitter.on("remove_listener", lambda *args: got.append(args))

    assert emitter.remove_all_listeners("x") is emitter
    assert got == []


def test_a_remove_listener_listener_that_raises_leaves_the_listener_removed() -> None:
    """It is told of what is done already."""
    emitter = EventEmitter().on("x", nothing)

    @emitter.on("remove_listener")
    def fails(*_: object) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        emitter.off("x", nothing)

    assert emitter.listeners("x") == []
