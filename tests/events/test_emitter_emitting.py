"""`EventEmitter`: listeners for one call, emitting, and looking at listeners."""

from __future__ import annotations

__all__ = ()

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

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


# Once


def test_once_calls_once() -> None:
    """However often it is emitted."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.once("x", hearing(heard, 1))

    assert [emitter.emit("x") for _ in range(3)] == [True, False, False]
    assert heard == [1]


def test_once_can_be_taken_back() -> None:
    """By the function that was given."""
    emitter = EventEmitter()

    emitter.once("x", nothing)

    assert emitter.off("x", nothing).event_names() == []


def test_once_is_removed_before_it_is_called() -> None:
    """An emission inside of it does not call it again."""
    emitter = EventEmitter()
    heard: Heard = []

    def first() -> None:
        heard.append(1)
        emitter.emit("x")

    emitter.once("x", first).once("x", hearing(heard, 2))

    emitter.emit("x")

    assert heard == [1, 2]


def test_once_means_one_call_among_threads() -> None:
    """Of emissions at the same time, one gets it."""
    emitter = EventEmitter()
    heard: Heard = []
    raw = emitter.once("x", hearing(heard, 1)).raw_listeners("x")[0]
    threads = [threading.Thread(target=raw) for _ in range(8)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert heard == [1]


def test_raw_listeners_show_the_wrapper_of_once() -> None:
    """It knows what it wraps, and can be removed by itself."""
    emitter = EventEmitter().on("x", nothing).once("x", print)

    plain, wrapper = emitter.raw_listeners("x")

    assert plain is nothing
    assert wrapper is not print
    assert getattr(wrapper, "listener") is print  # noqa: B009 (its type does not say)
    assert emitter.listeners("x") == [nothing, print]
    assert emitter.off("x", wrapper).listeners("x") == [nothing]


def test_the_wrapper_of_once_can_be_called_by_hand() -> None:
    """It gives what the listener returns, and is used up."""
    emitter = EventEmitter().once("x", lambda a, *, b: (a, b))
    wrapper = emitter.raw_listeners("x")[0]

    assert wrapper(1, b=2) == (1, 2)
    assert emitter.event_names() == []
    assert wrapper(1, b=2) is None


# Changes during an emission


def test_emit_tells_whether_there_was_a_listener() -> None:
    """What the listeners return does not matter."""
    emitter = EventEmitter().on("x", lambda: False)

    assert emitter.emit("x") is True
    assert emitter.emit("y") is False


def test_a_listener_added_during_an_emission_is_not_called_by_it() -> None:
    """It is from the next one on."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.once("x", lambda: emitter.on("x", hearing(heard, 1)))

    emitter.emit("x")
    assert heard == []

    emitter.emit("x")
    assert heard == [1]


def test_a_listener_removed_during_an_emission_is_still_called_by_it() -> None:
    """An emission calls those there were when it began."""
    emitter = EventEmitter()
    heard: Heard = []
    last = hearing(heard, 1)
    emitter.on("x", lambda: emitter.off("x", last)).on("x", last)

    emitter.emit("x")
    emitter.emit("x")

    assert heard == [1]


def test_removing_all_during_an_emission_does_not_end_it() -> None:
    """The next one finds nobody."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.on("x", emitter.remove_all_listeners).on("x", hearing(heard, 1))

    assert emitter.emit("x")
    assert not emitter.emit("x")
    assert heard == [1]


def test_a_listener_that_raises_ends_the_emission() -> None:
    """Its exception comes out as it is, with a note that names it."""
    emitter = EventEmitter()
    heard: Heard = []
    error = ValueError("failing")

    def fails() -> None:
        raise error

    emitter.once("x", fails).on("x", hearing(heard, 1))

    with pytest.raises(ValueError, match="failing") as caught:
        emitter.emit("x")

    assert caught.value is error
    assert heard == []
    [note] = error.__notes__
    assert fails.__qualname__ in note
    assert "test_emitter_emitting.py" in note
    assert "event 'x'" in note


def test_what_is_no_exception_comes_out_bare() -> None:
    """Ctrl-C ends an emission at once."""
    emitter = EventEmitter()

    def interrupts() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        emitter.on("x", interrupts).emit("x")


# Looking


def test_listeners_are_a_list_of_ones_own() -> None:
    """Neither side sees what the other changes."""
    emitter = EventEmitter().on("x", nothing)
    listeners, raw = emitter.listeners("x"), emitter.raw_listeners("x")

    emitter.on("x", print).off("x", nothing)
    listeners.append(len)
    raw.append(len)

    assert listeners == raw == [nothing, len]
    assert emitter.listeners("x") == [print]


def test_event_names_come_in_the_order_of_their_first_listener() -> None:
    """A name whose last listener went is gone; added again, it is the last."""
    emitter = EventEmitter()

    for name in ("a", None, 7, "b"):
        emitter.on(name, nothing)

    emitter.off("a", nothing).on("a", nothing)

    assert emitter.event_names() == [None, 7, "b", "a"]


def test_listeners_can_be_counted() -> None:
    """All of a name, or the registrations of one; those of `once` until they fire."""
    emitter = EventEmitter().on("x", nothing).once("x", nothing).once("x", print)

    assert emitter.listener_count("x") == 3
    assert emitter.listener_count("x", nothing) == 2
    assert emitter.listener_count("y") == emitter.listener_count("x", len) == 0

    emitter.off("x", print).emit("x")

    assert emitter.listener_count("x", nothing) == 1


@pytest.mark.parametrize(
    "make", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_a_copy_has_listeners_of_its_own(make: Callable[[Any], EventEmitter]) -> None:
    """Those for one call and those who watch errors included."""
    emitter = EventEmitter().once("x", nothing).on(EventEmitter.error_monitor, nothing)

    other = make(emitter)

    assert other.event_names() == emitter.event_names()
    assert [other.emit("x"), other.emit("x"), emitter.emit("x")] == [True, False, True]
