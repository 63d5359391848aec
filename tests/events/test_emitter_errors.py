"""`EventEmitter`: the ``error`` event, who watches it, and too many listeners."""

from __future__ import annotations

__all__ = ()

import math
import warnings
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from upcall import OptionError, UpcallError
from upcall._events.emitter import EventEmitter
from upcall._events.emitter_listeners import MaxListenersWarning, UnhandledError

Heard = list[Any]


def nothing(*args: object) -> None:
    """A listener."""


# Errors


def test_an_error_that_nobody_handles_is_raised_itself() -> None:
    """Nothing is added to it."""
    error = ValueError("failing")

    with pytest.raises(ValueError, match=r"^failing$") as caught:
        EventEmitter().emit("error", error)

    assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert error.__cause__ is error.__context__ is None


def test_an_error_keeps_its_traceback_when_it_is_raised() -> None:
    """The place where it came from is the last line."""

    def fails() -> None:
        raise ValueError

    try:
        fails()
    except ValueError as error:
        found = error

    with pytest.raises(ValueError) as caught:
        EventEmitter().emit("error", found)

    assert caught.traceback[-1].name == "fails"


@pytest.mark.parametrize("value", [False, None, 0, "text", ValueError])
def test_an_error_that_is_no_exception_is_shown(value: object) -> None:
    """It is an attribute of the error that is raised, too."""
    with pytest.raises(UnhandledError) as caught:
        EventEmitter().emit("error", value)

    assert repr(value) in str(caught.value)
    assert caught.value.value is value
    assert isinstance(caught.value, UpcallError)


def test_an_error_without_a_value_says_so() -> None:
    """None would be a value."""
    with pytest.raises(UnhandledError, match="with no value"):
        EventEmitter().emit("error")


def test_an_error_given_by_keyword_is_raised_too() -> None:
    """The first argument is the error, however it is given."""
    with pytest.raises(ZeroDivisionError):
        EventEmitter().emit("error", error=ZeroDivisionError())


def test_a_value_that_cannot_be_shown_breaks_nothing() -> None:
    """The message says that it cannot."""

    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(UnhandledError, match="Rude, whose repr failed"):
        EventEmitter().emit("error", Rude())


def test_an_error_that_is_handled_raises_nothing() -> None:
    """It is an event like others then."""
    got: Heard = []
    error = ValueError()

    assert EventEmitter().on("error", got.append).emit("error", error)
    assert got == [error]


def test_a_name_that_equals_error_is_that_of_errors() -> None:
    """An enumeration of names may have it as a member."""

    class Names(StrEnum):
        FAILED = "error"

    with pytest.raises(ZeroDivisionError):
        EventEmitter().emit(Names.FAILED, ZeroDivisionError())


def test_an_error_emitted_while_it_is_made_comes_out_of_there() -> None:
    """Also before the initialiser was called."""

    class Fails(EventEmitter):
        def __init__(self) -> None:
            self.emit("error", ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        Fails()


# Watching errors


def test_the_monitor_hears_an_error_before_those_who_handle_it() -> None:
    """With the same error; and of other events nothing."""
    emitter = EventEmitter()
    heard: Heard = []
    error = ValueError()
    emitter.on("error", lambda e: heard.append(("error", e)))
    emitter.on(EventEmitter.error_monitor, lambda e: heard.append(("monitor", e)))

    emitter.emit("x")
    emitter.emit("error", error)

    assert heard == [("monitor", error), ("error", error)]


def test_the_monitor_does_not_handle_errors() -> None:
    """It has heard the error that is raised all the same."""
    emitter = EventEmitter()
    heard: Heard = []
    emitter.on(emitter.error_monitor, heard.append)

    with pytest.raises(ZeroDivisionError):
        emitter.emit("error", ZeroDivisionError())

    assert len(heard) == 1
    assert repr(emitter.error_monitor) == "EventEmitter.error_monitor"


def test_the_monitor_may_add_somebody_who_handles_it() -> None:
    """Who handles an error is looked up after it."""
    emitter = EventEmitter()
    emitter.on(emitter.error_monitor, lambda _: emitter.on("error", nothing))

    assert emitter.emit("error", ValueError())


# Many listeners


@pytest.fixture
def default() -> Iterator[None]:
    """Restore the default number of listeners."""
    before = EventEmitter.default_max_listeners
    yield
    EventEmitter.default_max_listeners = before


class Subclass(EventEmitter):
    """An emitter of a user."""


def add(emitter: EventEmitter, count: int, name: Any = "x") -> list[Any]:
    """Add listeners; return the warnings that they made."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        for _ in range(count):
            emitter.on(name, nothing)

    return caught


def test_ten_listeners_are_expected() -> None:
    """Until somebody says otherwise; 0 is a number as well."""
    emitter = EventEmitter()
    assert emitter.get_max_listeners() == 10

    assert emitter.set_max_listeners(3) is emitter

    assert emitter.get_max_listeners() == 3
    assert emitter.set_max_listeners(0).get_max_listeners() == 0


def test_one_more_makes_a_warning_that_says_what_and_where() -> None:
    """In its text and as attributes; at the line that added the listener."""
    emitter = Subclass()

    assert add(emitter, 10) == []
    [caught] = add(emitter, 1)

    warning = caught.message
    assert isinstance(warning, MaxListenersWarning)
    assert (warning.emitter, warning.name, warning.count) == (emitter, "x", 11)
    assert "11 listeners for 'x' on one Subclass" in str(warning)
    assert caught.filename == __file__


def test_the_warning_names_the_line_of_a_decorator_too() -> None:
    """Every way of adding is as deep."""
    emitter = EventEmitter().set_max_listeners(1).on("x", nothing).on("y", nothing)

    with pytest.warns(MaxListenersWarning) as caught:
        emitter.on("x")(nothing)
        emitter.prepend_once_listener("y", nothing)

    assert [each.filename for each in caught] == [__file__, __file__]


def test_the_warning_comes_once_for_each_name() -> None:
    """Also where the count went down and up again; a name may be anything."""
    emitter = EventEmitter().set_max_listeners(1)

    assert len(add(emitter, 5)) == 1
    emitter.off("x", nothing).off("x", nothing)
    assert add(emitter, 2) == []

    [caught] = add(emitter, 2, name=None)
    assert "listeners for None on" in str(caught.message)


@pytest.mark.parametrize("limit", [0, math.inf])
def test_any_number_of_listeners_may_be_right(limit: float) -> None:
    """There is no warning then."""
    assert add(EventEmitter().set_max_listeners(limit), 100) == []


@pytest.mark.parametrize("limit", [-1, -0.5, math.nan])
def test_a_limit_below_nothing_is_refused(limit: float, default: None) -> None:
    """The default too: it is looked at where it counts."""
    emitter = EventEmitter().set_max_listeners(3)

    with pytest.raises(OptionError):
        emitter.set_max_listeners(limit)

    assert emitter.get_max_listeners() == 3
    EventEmitter.default_max_listeners = limit

    with pytest.raises(OptionError):
        EventEmitter().on("x", nothing)


@pytest.mark.parametrize("limit", [None, "5", True])
def test_a_limit_that_is_no_number_is_refused(limit: Any, default: None) -> None:
    """A bool is none either."""
    with pytest.raises(TypeError, match="is no number"):
        EventEmitter().set_max_listeners(limit)

    EventEmitter.default_max_listeners = limit

    with pytest.raises(TypeError, match="is no number"):
        EventEmitter().get_max_listeners()


def test_the_default_holds_for_emitters_that_exist(default: None) -> None:
    """Unless they, or their class, have a limit of their own."""

    class Own(EventEmitter):
        default_max_listeners = 4

    old, own, other = EventEmitter(), EventEmitter().set_max_listeners(3), Own()

    EventEmitter.default_max_listeners = 20

    assert [each.get_max_listeners() for each in (old, own, other)] == [20, 3, 4]


def test_the_limit_counts_for_each_name() -> None:
    """Many names with one listener each are no leak."""
    emitter = EventEmitter().set_max_listeners(1)

    assert [add(emitter, 1, name) for name in range(20)] == [[]] * 20
