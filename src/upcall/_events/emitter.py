"""`EventEmitter`: Node's emitter, for people who come from there or from pyee."""

# We follow Node 25, by its own tests. Where Python offers something better, or must
# differ, docs/decisions/0010-event-emitter.md says what we chose and why.

from __future__ import annotations

__all__ = ("EventEmitter", "home_of")

import warnings
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Final, Self, TypeVar, overload

from upcall._promises.arguments import check_flag
from upcall._promises.home import Home, loop_home

from .bus import Bus
from .emitter_listeners import (
    DEFAULT_LIMIT,
    ERROR,
    MONITOR,
    NEW_LISTENER,
    REMOVE_LISTENER,
    Listener,
    MaxListenersWarning,
    Once,
    check_limit,
    check_listener,
    check_name,
    error_of,
    is_error,
    original,
    same,
    state_of,
    text_of,
)
from .emitter_tasks import check_background, start
from .failures import as_failure, noted
from .inside import hub_of
from .kinds import is_awaitable
from .options import MISSING

F = TypeVar("F", bound=Listener)

_TO_USER: Final = 4
"""How many frames above the warning the code of the user is that adds a listener."""


class EventEmitter:
    """Calls listeners by name, as the ``EventEmitter`` of Node does.

    A name is anything hashable, None too; names that are equal are one. A listener
    takes the arguments of `emit`. The same one added twice is called twice. To be used
    as it is, or as a base class: nothing depends on the initialiser being called.

    Listeners are called one after the other, in the order they were added. One that
    raises ends the emission: `emit` raises its exception, with a note that names the
    listener, and the others are not called. (A `Bus` calls all and raises a group.) An
    emission calls the listeners there were when it began, also those removed meanwhile.

    An async listener, and whatever awaitable a sync one returns, runs in the
    background: in the bus, or without one as a task of the running loop. Its failure
    goes to `handle_rejection`, which emits it as ``"error"``.

    Some names are special:

    - ``"error"``: emitted without a listener, it raises the exception emitted.
    - ``"new_listener"`` and ``"remove_listener"``: emitted by the emitter itself, with
      a name and a listener, before one is added and after one was removed.
    - `EventEmitter.error_monitor`: those who watch errors without handling them.

    Adding, removing and emitting to sync listeners may be done from any thread.

    Args:
        bus: what owns the async listeners: emitting to them needs it open. None for the
            running event loop.
        capture_rejections: whether failures of async listeners are emitted as
            ``"error"``. Otherwise, and if that fails, they go to the bus's
            ``on_error``, or without a bus to the loop's exception handler (the logger
            ``upcall`` on trio). None for what the class says.

    Raises:
        WrongTypeError: ``capture_rejections`` is no bool.
    """

    default_max_listeners: ClassVar[float] = DEFAULT_LIMIT
    """How many listeners of a name are expected where `set_max_listeners` said nothing.

    Changing it changes emitters that exist, too. A class may have its own.
    """

    error_monitor: ClassVar[Hashable] = MONITOR
    """A name. Its listeners hear every error, before those of ``"error"`` do."""

    capture_rejections: bool = True
    """Whether failures of async listeners are emitted as errors. A class may differ."""

    def __init__(
        self, *, bus: Bus | None = None, capture_rejections: bool | None = None
    ) -> None:
        state_of(self).owner = None if bus is None else hub_of(bus)

        if capture_rejections is not None:
            check_flag("capture_rejections", capture_rejections)
            self.capture_rejections = capture_rejections

    # Add

    @overload
    def on(self, name: Hashable, listener: Listener, /) -> Self: ...

    @overload
    def on(self, name: Hashable, /) -> Callable[[F], F]: ...

    def on(self, name: Hashable, listener: Any = MISSING, /) -> Any:
        """Add a listener after the others.

        Returns:
            The emitter, so that calls can be chained. Without a listener: a decorator,
            which returns the function it adds.

        Raises:
            WrongTypeError: the listener cannot be called, or the name not be hashed.
        """
        return _put(self, name, listener)

    add_listener = on

    @overload
    def once(self, name: Hashable, listener: Listener, /) -> Self: ...

    @overload
    def once(self, name: Hashable, /) -> Callable[[F], F]: ...

    def once(self, name: Hashable, listener: Any = MISSING, /) -> Any:
        """Add a listener for one call; it is removed just before. Else like `on`."""
        return _put(self, name, listener, once=True)

    @overload
    def prepend_listener(self, name: Hashable, listener: Listener, /) -> Self: ...

    @overload
    def prepend_listener(self, name: Hashable, /) -> Callable[[F], F]: ...

    def prepend_listener(self, name: Hashable, listener: Any = MISSING, /) -> Any:
        """Add a listener before the others; else like `on`."""
        return _put(self, name, listener, first=True)

    @overload
    def prepend_once_listener(self, name: Hashable, listener: Listener, /) -> Self: ...

    @overload
    def prepend_once_listener(self, name: Hashable, /) -> Callable[[F], F]: ...

    def prepend_once_listener(self, name: Hashable, listener: Any = MISSING, /) -> Any:
        """Add a listener before the others, for one call; else like `on`."""
        return _put(self, name, listener, once=True, first=True)

    # Remove

    def remove_listener(self, name: Hashable, listener: Listener, /) -> Self:
        """Remove one registration of a listener: the one added last.

        Emissions under way still call it. If there is none, nothing happens.

        Args:
            name: the name of the event.
            listener: what was given to `on` or `once`, or is in `raw_listeners`.

        Raises:
            WrongTypeError: the listener cannot be called.
        """
        check_name(name)
        check_listener(listener)
        state = state_of(self)
        found = state.remove(name, listener)

        if found is not None and REMOVE_LISTENER in state.rows:
            self.emit(REMOVE_LISTENER, name, original(found))

        return self

    off = remove_listener

    def remove_all_listeners(self, name: Hashable = MISSING, /) -> Self:
        """Remove the listeners of a name; without one, those of all names.

        Each removal is announced, if somebody listens to that: last added first, and
        those who listen to it last of all.
        """
        check_name(name)
        state = state_of(self)

        if REMOVE_LISTENER not in state.rows:
            state.clear(name)
        elif name is not MISSING:
            for listener in reversed(self.raw_listeners(name)):
                self.remove_listener(name, listener)
        else:
            others = [each for each in self.event_names() if each != REMOVE_LISTENER]

            for each in (*others, REMOVE_LISTENER):
                self.remove_all_listeners(each)

        return self

    # Emit

    def emit(self, name: Hashable, /, *args: Any, **kwargs: Any) -> bool:
        """Call the listeners of a name with these arguments.

        Sync ones have run when it returns; async ones have been started.

        Returns:
            Whether there was a listener.

        Raises:
            Exception: what a listener raised; or an ``"error"`` emitted that nobody
                handles (an `UpcallError` with its ``value``, if that is no exception).
            BusNotOpenError: there is an async listener, and the bus is not open, or
                there is no bus and no event loop runs here; nobody has been called.
            WrongThreadError: likewise, in another thread than the bus's.
        """
        state = state_of(self)

        if is_error(name):
            _prepare_error(self, args, kwargs)

        try:
            row = state.rows.get(name)
        except TypeError:
            check_name(name)
            raise

        if row is None:
            return False

        if row.background:
            check_background(state.owner, row.background[0], name)

        for listener in row.listeners:
            try:
                value = listener(*args, **kwargs)

                if value is not None and is_awaitable(value):
                    handle = _handler(self, name, args, kwargs)
                    start(state.owner, value, listener, name, handle)
            except Exception as error:
                noted(error, original(listener), text_of(name))
                raise
            except BaseException as error:
                failure = noted(as_failure(error), original(listener), text_of(name))
                raise failure from error

        return True

    def handle_rejection(
        self, error: Exception, name: Hashable, /, *args: Any, **kwargs: Any
    ) -> object:
        """Take the failure of an async listener: emit it as ``"error"``.

        A subclass may do something else; this may be an async method, too. What it
        raises goes to the bus's ``on_error`` or to the loop. So do failures of the
        async listeners of ``"error"``, which do not come here.

        Args:
            error: the failure.
            name: the name of the event.
            *args: what it was emitted with.
            **kwargs: likewise.
        """
        del name, args, kwargs
        return self.emit(ERROR, error)

    # Look

    def event_names(self) -> list[Hashable]:
        """Return the names that have listeners, in the order of their first one."""
        return list(state_of(self).rows)

    def listeners(self, name: Hashable, /) -> list[Listener]:
        """Return the listeners of a name, as they were given: a list of your own."""
        return [original(listener) for listener in self.raw_listeners(name)]

    def raw_listeners(self, name: Hashable, /) -> list[Listener]:
        """Return the listeners of a name, those for one call in their wrapper.

        A wrapper has the listener as its attribute ``listener``. Called by hand, it
        calls that and removes itself.
        """
        check_name(name)
        row = state_of(self).rows.get(name)
        return [] if row is None else list(row.listeners)

    def listener_count(self, name: Hashable, listener: Any = None, /) -> int:
        """Return how many listeners a name has; or how often it has this one."""
        found = self.listeners(name)

        if listener is None:
            return len(found)

        return sum(same(each, listener) for each in found)

    def set_max_listeners(self, limit: float, /) -> Self:
        """Say how many listeners of a name are expected; 0 for any number.

        The first one beyond that makes a warning, once for each name: a
        `RuntimeWarning` with ``emitter``, ``name`` and ``count``.

        Raises:
            WrongTypeError: this is no number.
            OptionError: it is negative or NaN.
        """
        state_of(self).limit = check_limit(limit)
        return self

    def get_max_listeners(self) -> float:
        """Return how many listeners of a name are expected; 0 for any number.

        Raises:
            WrongTypeError: `default_max_listeners`, which holds here, is no number.
            OptionError: it is negative or NaN.
        """
        limit = state_of(self).limit
        return check_limit(self.default_max_listeners) if limit is None else limit


# What an emitter does inside is not among its methods, where a subclass might have some
# of the same name.


def _put(
    emitter: EventEmitter,
    name: Hashable,
    listener: Any,
    *,
    once: bool = False,
    first: bool = False,
) -> Any:
    check_name(name)

    if listener is not MISSING:
        _add(emitter, name, listener, once=once, first=first)
        return emitter

    def decorate(listener: F) -> F:
        _put(emitter, name, listener, once=once, first=first)
        return listener

    return decorate


def _add(
    emitter: EventEmitter,
    name: Hashable,
    listener: Listener,
    *,
    once: bool,
    first: bool,
) -> None:
    check_listener(listener)
    limit = emitter.get_max_listeners()
    state = state_of(emitter)

    if NEW_LISTENER in state.rows:
        emitter.emit(NEW_LISTENER, name, listener)

    if once:
        listener = Once(listener, emitter, name)

    count = state.add(name, listener, first=first)

    if 0 < limit < count and state.warn_once(name):
        warnings.warn(MaxListenersWarning(emitter, name, count), stacklevel=_TO_USER)


def _prepare_error(
    emitter: EventEmitter, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Let those who watch errors hear of one; raise it if nobody handles it."""
    state = state_of(emitter)
    row = state.rows.get(ERROR)

    if row is not None and row.background:
        check_background(state.owner, row.background[0], ERROR)

    if MONITOR in state.rows:
        emitter.emit(MONITOR, *args, **kwargs)

    if ERROR not in state.rows:
        raise error_of(args, kwargs)


def _handler(
    emitter: EventEmitter,
    name: Hashable,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Callable[[Exception], object] | None:
    """Return what takes the failure of an async listener, if it is to be captured."""
    if not emitter.capture_rejections or is_error(name) or name is MONITOR:
        return None

    return lambda error: emitter.handle_rejection(error, name, *args, **kwargs)


def home_of(emitter: EventEmitter) -> Home:
    """Return the home of promises of an emitter: its bus, or the running loop.

    Raises:
        NoRunningLoopError: there is neither.
    """
    owner = state_of(emitter).owner
    return loop_home() if owner is None else owner.home()
