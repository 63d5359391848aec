"""The cell: a promise's state, who waits for it, and what it waits for itself."""

# This file is the machine of the promises, and their one place that is written for
# speed.
#
# Rule 1: a settled cell never changes. A pending one is OPEN (anything may happen) or
#   RESOLVED (its fate is that of its source; only that or a cancellation settles it).
# Rule 2: nobody is told on the spot. To settle is to put a job for each listener into
#   the queue of the loop; so nothing here recurses, however long a chain may be.
# Rule 3: a listener waits for a cell, and is a consumer of it while it does. The
#   commonest is a link, the tuple of a child and what `then` was given. All others are
#   callables that take the settled cell.
# Rule 4: a cell knows its source, what it waits for, only to cancel it. When its last
#   consumer is cancelled, so is a cell itself, and so on upstream.
# Rule 5: a child that is cancelled is rejected on the spot. Its link runs once all the
#   same, as if the parent had been rejected with the cancellation; so `finally_` cleans
#   up. The outcome of that is an heir's, a cell that nobody holds: an error in it is
#   told as an unhandled rejection, for it must not be lost.
# Rule 6: after its end a cell holds its value and its home, and nothing else.

# The functions here reach into each other's cells, and nobody else does:
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

from __future__ import annotations

__all__ = (
    "FULFILLED",
    "OPEN",
    "PLAIN",
    "REJECTED",
    "Cell",
    "Handler",
    "Listener",
    "Source",
    "adopt",
    "cancel",
    "fail",
    "follow",
    "heed",
    "home_of",
    "is_cell",
    "is_pending",
    "is_rejected",
    "leave",
    "link",
    "listen",
    "lock",
    "make_cell",
    "make_heir",
    "set_up",
    "settle",
    "trace_of",
    "unlisten",
    "value_of",
)

from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from types import TracebackType
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeGuard, TypeVar

from upcall.errors import PromiseCancelledError

from .home import Home
from .reasons import chain, reason_of

T_co = TypeVar("T_co", covariant=True)
C = TypeVar("C", bound="Cell[Any]")

OPEN: Final = 0
RESOLVED: Final = 1
FULFILLED: Final = 2
REJECTED: Final = 3

_REPORTED: Final = -1
_UNHEARD: Final = 0
_HEARD: Final = 1
_FOLLOWED: Final = 2

PLAIN: Final = frozenset(
    {type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset}
)
"""Types of values that need no look; they are nothing to wait for."""

Handler: TypeAlias = Callable[[Any], Any]
Listener: TypeAlias = "Callable[[Cell[Any]], object]"
Link: TypeAlias = "tuple[Cell[Any], Context | None, Handler | None, Handler | None]"
Waiting: TypeAlias = "Link | Listener"

_new = object.__new__


class Source(Protocol):
    """What a cell may wait for that is no cell: a task, a timer, several cells."""

    def let_go(self) -> Sequence[Cell[Any]]:
        """Stop working for the cell, which was cancelled.

        Returns:
            The cells that have lost their last consumer by it, to be cancelled too.
        """
        ...


class Cell(Generic[T_co]):
    """One promise's state. `Promise` is the public face of it.

    Its attributes are for this file alone:

    - ``_home``: see `Home`.
    - ``_state``: OPEN, RESOLVED, FULFILLED or REJECTED; the last two are settled.
    - ``_value``: the value or the reason, once settled.
    - ``_trace``: the traceback that the reason had then, once rejected.
    - ``_waiting``: None, one listener, or a dict of several: a link by its child, any
      other by itself.
    - ``_source``: what it waits for: the parent, what it follows, or a `Source`.
    - ``_heard``: whether anybody ever listened; whether a follower did; whether the
      rejection was reported before anybody did.
    """

    __slots__ = (
        "__weakref__",
        "_heard",
        "_home",
        "_source",
        "_state",
        "_trace",
        "_value",
        "_waiting",
    )

    _heard: int
    _home: Home
    _source: Cell[Any] | Source | None
    _state: int
    _trace: TracebackType | None
    _value: Any
    _waiting: Any

    def _take(self, result: object, context: Context) -> None:
        """Settle the cell, if it is pending, with what foreign code has returned."""
        raise NotImplementedError


# --- the hot path: make a link, settle, react ---


def link(parent: C, on_fulfilled: Handler | None, on_rejected: Handler | None) -> C:
    """Make a child that reacts to its parent: what `Promise.then` is made of.

    Raises:
        WrongLoopError: if another loop runs here than the promise's.
        NoRunningLoopError: if none does.
    """
    home = parent._home

    if not home.loop.is_here():
        home.check_loop()

    child = _new(parent.__class__)
    child._home = home
    child._state = OPEN
    child._waiting = None
    child._source = parent
    child._heard = _UNHEARD
    record = (child, copy_context(), on_fulfilled, on_rejected)

    if parent._waiting is None and parent._state < FULFILLED:
        parent._waiting = record

        if parent._heard == _UNHEARD:
            parent._heard = _HEARD
    else:
        _wait(parent, child, record)

    return child


def settle(cell: Cell[Any], state: int, value: Any) -> None:
    """Give a pending cell its end, and put the jobs of those who wait for it."""
    cell._state = state
    cell._value = value
    cell._source = None
    waiting = cell._waiting
    kind = waiting.__class__

    if state == REJECTED:
        cell._trace = value.__traceback__

        if waiting is None and cell._heard == _UNHEARD:
            cell._home.jobs.at_end(_report, cell)

    if kind is tuple:
        cell._waiting = None
        jobs = cell._home.jobs
        jobs.put((_react, waiting, cell))

        if not jobs.armed:
            jobs.arm()
    elif waiting is not None:
        cell._waiting = None

        for record in waiting.values() if kind is dict else (waiting,):
            _put(record, cell)


def _react(record: Link, source: Cell[Any]) -> None:
    """Do what was to be done when the source is settled: the job of a link."""
    child, context, on_fulfilled, on_rejected = record

    if child._state >= FULFILLED:  # it was cancelled meanwhile: see rule 5
        source, child = child, make_heir(child)

    handler = on_fulfilled if source._state == FULFILLED else on_rejected

    if handler is None or context is None:
        adopt(child, source)
        return

    child._source = None

    try:
        result = context.run(handler, source._value)
    except BaseException as error:
        if source._state == REJECTED:
            chain(error, source._value)

        flies_on = fail(child, error)
        # The traceback of the error leads to this frame, as in many places below: leave
        # nothing in it that leads to a promise, and so back to the error.
        del record, source, child, context, handler, on_fulfilled, on_rejected

        if flies_on:
            raise
    else:
        if type(result) in PLAIN and child._state == OPEN:
            settle(child, FULFILLED, result)
        else:
            child._take(result, context)
            del record, source, child


# --- making, and waiting in general ---


def make_cell(kind: type[C], home: Home, source: Source | None = None) -> C:
    """Make an open cell of this kind, with nothing to wait for but the source."""
    cell = _new(kind)
    set_up(cell, home, source)
    return cell


def set_up(cell: Cell[Any], home: Home, source: Source | None = None) -> None:
    """Make an open cell of a bare object."""
    cell._home = home
    cell._state = OPEN
    cell._waiting = None
    cell._source = source
    cell._heard = _UNHEARD


def make_heir(cell: C) -> C:
    """Make a cell that takes the outcome which a cancelled one can take no more."""
    return make_cell(type(cell), cell._home)


def lock(cell: Cell[Any], source: Source | None = None) -> None:
    """Decide the fate of a pending cell: the source's, nobody else's any more."""
    cell._state = RESOLVED
    cell._source = source


def listen(cell: Cell[Any], listener: Listener) -> None:
    """Have the listener called with the cell, by a job, once it is settled."""
    _wait(cell, listener, listener)


def unlisten(cell: Cell[Any], key: Cell[Any] | Listener) -> Any:
    """Take back what waits under a key; None if nothing does (any more)."""
    record = cell._waiting
    kind = record.__class__

    if kind is dict:
        several = record
        record = several.pop(key, None)
        cell._waiting = several or None
    elif record is not None and key == (record[0] if kind is tuple else record):
        cell._waiting = None
    else:
        record = None

    return record


def leave(cell: Cell[Any], listener: Listener) -> Sequence[Cell[Any]]:
    """Take a listener back because what it listened for was cancelled.

    Returns:
        The cell, to be cancelled too, if that was the last who waited for it.
    """
    gone = unlisten(cell, listener) is not None
    return (cell,) if gone and cell._waiting is None else ()


def heed(cell: Cell[Any]) -> None:
    """Note that somebody sees to the cell's end: it is not to be reported."""
    late = cell._heard == _REPORTED
    cell._heard = max(cell._heard, _HEARD)

    if late:
        cell._home.report_late(cell)


def _wait(cell: Cell[Any], key: Cell[Any] | Listener, record: Waiting) -> None:
    waiting = cell._waiting
    kind = waiting.__class__

    if cell._state >= FULFILLED:
        _put(record, cell)
    elif waiting is None:
        cell._waiting = record
    elif kind is dict:
        waiting[key] = record
    else:
        first = waiting[0] if kind is tuple else waiting
        cell._waiting = {first: waiting, key: record}

    if cell._heard <= _UNHEARD:
        heed(cell)


def _put(record: Waiting, cell: Cell[Any]) -> None:
    jobs = cell._home.jobs
    jobs.put((_react if type(record) is tuple else _tell, record, cell))

    if not jobs.armed:
        jobs.arm()


def _tell(listener: Listener, source: Cell[Any]) -> None:
    listener(source)


# --- other ends than by a handler's value ---


def adopt(cell: Cell[Any], source: Cell[Any]) -> None:
    """Settle a pending cell just as the source was settled."""
    settle(cell, source._state, source._value)

    if cell._state == REJECTED:
        cell._trace = source._trace


def follow(cell: Cell[Any], source: Cell[Any]) -> None:
    """Give a pending cell the fate of another one, whatever that will be.

    A cell that would in the end wait for itself is rejected with a `TypeError`.
    """
    if _leads_to(source, cell):
        settle(cell, REJECTED, TypeError("a promise cannot be resolved with itself"))
        return

    cell._state = RESOLVED
    cell._source = source
    _wait(source, cell, (cell, None, None, None))
    source._heard = _FOLLOWED


def fail(cell: Cell[Any], error: BaseException) -> bool:
    """Reject a cell with what flew out of foreign code that was to settle it.

    Returns:
        Whether the error has to fly on; see `reason_of`.
    """
    reason, flies_on = reason_of(error)
    settle(cell if cell._state < FULFILLED else make_heir(cell), REJECTED, reason)
    return flies_on


def cancel(cell: Cell[Any]) -> bool:
    """Reject a pending cell as cancelled, and upstream all that nobody wants any more.

    Returns:
        False if it was settled already.
    """
    if cell._state >= FULFILLED:
        return False

    reason = PromiseCancelledError("the promise was cancelled")
    todo = [cell]

    while todo:
        cell = todo.pop()

        if cell._state < FULFILLED:
            todo.extend(_cancel_one(cell, reason))

    return True


def _cancel_one(cell: Cell[Any], reason: PromiseCancelledError) -> Sequence[Cell[Any]]:
    source = cell._source
    settle(cell, REJECTED, reason)

    if source is None:
        return ()

    if not isinstance(source, Cell):
        return source.let_go()

    record: Link | None = unlisten(source, cell)

    if record is None:  # its job is in the queue already
        return ()

    if record[3] is not None:
        _put(record, cell)

    return (source,) if source._waiting is None else ()


def _leads_to(source: Cell[Any], cell: Cell[Any]) -> bool:
    step: Any = source

    # Only a cell that is followed can close a circle. That spares most from the walk.
    while step is not cell and cell._heard == _FOLLOWED:
        if not isinstance(step, Cell) or step._state != RESOLVED:
            return False

        step = step._source

    return step is cell


def _report(cell: Cell[Any]) -> None:
    """Tell the home of a rejection if nobody handles it at the end of the turn."""
    reason = cell._value

    if cell._heard != _UNHEARD or isinstance(reason, PromiseCancelledError):
        return

    cell._heard = _REPORTED

    try:
        cell._home.report(cell, reason)
    except Exception as error:  # noqa: BLE001 (handed on)
        text = "the hook for unhandled rejections failed"
        cell._home.loop.handle_exception(text, error)


# --- for the other files, that do not look inside ---


def is_cell(value: object, home: Home) -> TypeGuard[Cell[Any]]:
    """Tell whether it is a promise of the home's loop."""
    return isinstance(value, Cell) and value._home.loop is home.loop


def home_of(cell: Cell[Any]) -> Home:
    """Return the home of a cell."""
    return cell._home


def is_pending(cell: Cell[Any]) -> bool:
    """Tell whether it is not settled yet."""
    return cell._state < FULFILLED


def is_rejected(cell: Cell[Any]) -> bool:
    """Tell whether it was rejected."""
    return cell._state == REJECTED


def value_of(cell: Cell[Any]) -> Any:
    """Return the value, or the reason, of a settled cell."""
    return cell._value


def trace_of(cell: Cell[Any]) -> TracebackType | None:
    """Return the traceback that the reason of a rejected cell had at its rejection.

    Whoever raises the reason goes by this one, or each raise would make it longer.
    """
    return cell._trace
