"""The listeners of one emitter, by name, and how many there may be."""

# Rule 1: the listeners of a name are a tuple that is never changed, but replaced. So an
#   emission that has begun calls what it began with, whatever its listeners do.
# Rule 2: a name has a row as long as it has a listener: looking makes no row, and the
#   last listener takes it with it.
# Rule 3: rows are replaced under the room's lock; no listener is called under it.

from __future__ import annotations

__all__ = (
    "DEFAULT_LIMIT",
    "ERROR",
    "MONITOR",
    "NEW_LISTENER",
    "REMOVE_LISTENER",
    "Listener",
    "MaxListenersWarning",
    "Once",
    "Row",
    "State",
    "UnhandledError",
    "check_limit",
    "check_listener",
    "check_name",
    "error_of",
    "is_error",
    "label",
    "original",
    "same",
    "state_of",
    "text_of",
)

from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol, TypeAlias, final

import attrs

from upcall.errors import OptionError, UpcallError, WrongTypeError

from .kinds import is_async
from .options import MISSING
from .owner import Owner
from .subscribed import name_of
from .table import LOCK

Listener: TypeAlias = Callable[..., Any]

DEFAULT_LIMIT: Final = 10
ERROR: Final = "error"
NEW_LISTENER: Final = "new_listener"
REMOVE_LISTENER: Final = "remove_listener"


@final
class _Monitor:
    """The name of those who watch errors and do not handle them."""

    def __repr__(self) -> str:
        return "EventEmitter.error_monitor"

    def __reduce__(self) -> str:
        return "MONITOR"  # a copy, too, is this very one


MONITOR: Final = _Monitor()


class UnhandledError(UpcallError):
    """An ``error`` event that nobody handled, and that was no exception.

    Attributes:
        value: what was emitted; None if nothing was.
    """

    def __init__(self, value: object = None, *, given: bool = True) -> None:
        self.value = value
        what = f"the value {label(value)}" if given else "no value"
        super().__init__(
            f"an 'error' event with {what} was emitted, and nobody handles it: emit an "
            "exception, and add a listener for 'error'"
        )


class MaxListenersWarning(RuntimeWarning):
    """A name has more listeners than are expected: somebody may forget to remove them.

    Attributes:
        emitter: the emitter.
        name: the name of the event.
        count: how many listeners it has.
    """

    def __init__(self, emitter: object, name: Hashable, count: int) -> None:
        self.emitter = emitter
        self.name = name
        self.count = count
        super().__init__(
            f"{count} listeners for {label(name)} on one {type(emitter).__qualname__}: "
            "are they removed again? If so many are right, say set_max_listeners(n), "
            "0 for any number"
        )


class Remover(Protocol):
    """What a listener for one call asks of its emitter."""

    def remove_listener(self, name: Hashable, listener: Listener, /) -> object:
        """Remove it."""


class Once:
    """The listener that `once` adds: it calls the one it was given, and is removed.

    Attributes:
        listener: the one it was given.
    """

    __slots__ = ("_emitter", "_name", "_ticket", "listener")

    def __init__(self, listener: Listener, emitter: Remover, name: Hashable) -> None:
        self.listener = listener
        self._emitter = emitter
        self._name = name
        self._ticket = [None]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, removed before; from the second time on, do nothing."""
        # Popping is atomic: of several emissions at once, one gets the call.
        try:
            self._ticket.pop()
        except IndexError:
            return None

        self._emitter.remove_listener(self._name, self)
        return self.listener(*args, **kwargs)


@attrs.frozen(eq=False)
class Row:
    """The listeners of one name, in order."""

    listeners: tuple[Listener, ...] = ()
    background: tuple[Listener, ...] = ()
    """Those of them that are known to be async."""

    warned: bool = False
    """Whether it has been said that they are many."""

    def plus(self, listener: Listener, *, first: bool) -> Row:
        """Return a row with one more, at the end or the beginning."""
        more = (listener,) if is_async(original(listener)) else ()

        if first:
            return Row((listener, *self.listeners), more + self.background, self.warned)

        return Row((*self.listeners, listener), self.background + more, self.warned)

    def newest(self, wanted: Listener) -> Listener | None:
        """Find the registration of a listener that was added last, if there is one."""
        for listener in reversed(self.listeners):
            if listener is wanted or same(original(listener), wanted):
                return listener

        return None

    def minus(self, listener: Listener) -> Row:
        """Return a row without the last place of this registration."""
        background = _without(self.background, listener)
        return Row(_without(self.listeners, listener), background, self.warned)


_EMPTY: Final = Row()


@attrs.define(eq=False)
class State:
    """All that an emitter knows."""

    rows: dict[Hashable, Row] = attrs.field(factory=dict[Hashable, Row])
    owner: Owner | None = None
    """What owns the async listeners; the hub of a bus."""

    limit: float | None = None
    """How many listeners are expected; None for what the class says."""

    def add(self, name: Hashable, listener: Listener, *, first: bool) -> int:
        """Add a listener; return how many there are."""
        with LOCK:
            row = self.rows.get(name, _EMPTY).plus(listener, first=first)
            self.rows[name] = row

        return len(row.listeners)

    def remove(self, name: Hashable, listener: Listener) -> Listener | None:
        """Remove the newest registration of a listener, and return it."""
        with LOCK:
            row = self.rows.get(name, _EMPTY)
            found = row.newest(listener)

            if found is None:
                return None

            if len(row.listeners) == 1:
                del self.rows[name]
            else:
                self.rows[name] = row.minus(found)

        return found

    def clear(self, name: Hashable) -> None:
        """Remove the listeners of a name, or of all if it is MISSING."""
        with LOCK:
            if name is MISSING:
                self.rows.clear()
            else:
                self.rows.pop(name, None)

    def warn_once(self, name: Hashable) -> bool:
        """Tell whether it has still to be said that a name has many listeners."""
        with LOCK:
            row = self.rows.get(name, _EMPTY)

            if row.warned or row is _EMPTY:
                return False

            self.rows[name] = Row(row.listeners, row.background, warned=True)

        return True


def state_of(emitter: object) -> State:
    """Return the state of an emitter.

    It is made when it is first asked for, so that a subclass may listen and emit before
    it has called the initialiser, or never call it; and it is put past the attributes
    of the class, so that a frozen one may be an emitter too.
    """
    attributes = emitter.__dict__

    try:
        state: State = attributes[_STATE]
    except KeyError:
        state = attributes.setdefault(_STATE, State())

    return state


_STATE: Final = "_upcall_emitter"


def original(listener: Listener) -> Listener:
    """Return the listener that was given to `once`, or itself."""
    return listener.listener if isinstance(listener, Once) else listener


def same(one: Listener, other: Listener) -> bool:
    """Tell whether they are one listener, as methods of one object may be."""
    return one is other or name_of(one, weak=False) == name_of(other, weak=False)


def is_error(name: Hashable) -> bool:
    """Tell whether this is the name of errors."""
    return isinstance(name, str) and name == ERROR


def error_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> BaseException:
    """Return the error that an ``error`` event was emitted with, or make one."""
    value = next(iter((*args, *kwargs.values())), MISSING)

    if isinstance(value, BaseException):
        return value

    return UnhandledError(given=False) if value is MISSING else UnhandledError(value)


def text_of(name: Hashable) -> str:
    """Return a name as the text that records and errors want."""
    return name if isinstance(name, str) else label(name)


def label(value: object) -> str:
    """Show a name or a value, even one that cannot show itself."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 (shown)
        return (
            f"<{type(value).__qualname__}, whose repr failed: {type(error).__name__}>"
        )


def check_listener(listener: object) -> None:
    """Refuse what cannot be called.

    Raises:
        WrongTypeError: saying what was given.
    """
    if not callable(listener):
        raise WrongTypeError(
            f"{listener!r} is no listener: give a function that takes the arguments"
        )


def check_name(name: object) -> None:
    """Refuse what no listener can be found by.

    Raises:
        WrongTypeError: saying what was given.
    """
    try:
        hash(name)
    except TypeError as error:
        raise WrongTypeError(
            f"{label(name)} cannot be the name of an event: give something hashable"
        ) from error


def check_limit(limit: object) -> float:
    """Return a number of listeners, if it is one.

    Raises:
        WrongTypeError: it is no number.
        OptionError: it is negative or not a number in the sense of arithmetic.
    """
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        raise WrongTypeError(
            f"{limit!r} is no number of listeners: give one, 0 for any"
        )

    if not limit >= 0:
        raise OptionError(f"{limit!r} listeners: give a number from 0 on, 0 for any")

    return limit


def _without(listeners: tuple[Listener, ...], gone: Listener) -> tuple[Listener, ...]:
    for i in range(len(listeners) - 1, -1, -1):
        if listeners[i] is gone:
            return listeners[:i] + listeners[i + 1 :]

    return listeners
