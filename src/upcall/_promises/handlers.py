"""The links behind `catch`, `finally_` and `tap`, made of `then`'s."""

# A handler that lets the outcome pass gives it back as a settled cell, not as a value
# nor by raising it. So a value that has a `then` is not asked for it once more, and a
# reason keeps its traceback.

from __future__ import annotations

__all__ = ("catching", "check_handler", "finishing", "settled", "tapping")

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from upcall.errors import WrongTypeError

from .cell import FULFILLED, PLAIN, REJECTED, Cell, home_of, link, make_cell, settle
from .home import Home
from .resolution import resolve

Handler: TypeAlias = Callable[[Any], Any]
C = TypeVar("C", bound=Cell[Any])


def settled(kind: type[C], home: Home, state: int, value: Any) -> C:
    """Make a cell that is settled from the start."""
    cell = make_cell(kind, home)
    settle(cell, state, value)
    return cell


def catching(parent: C, criteria: Sequence[object], handler: Handler) -> C:
    """Link the handler to the reasons that meet a criterion; let others pass.

    Raises:
        WrongTypeError: if a criterion is neither an exception class nor a predicate.
    """
    for criterion in criteria:
        _check_criterion(criterion)

    kind, home = type(parent), home_of(parent)

    def on_rejected(reason: BaseException) -> Any:
        if any(_meets(reason, criterion) for criterion in criteria):
            return handler(reason)

        return settled(kind, home, REJECTED, reason)

    return link(parent, None, on_rejected if criteria else handler)


def finishing(parent: C, function: Callable[[], object]) -> C:
    """Link a function without arguments to both outcomes; let the outcome pass."""
    kind, home = type(parent), home_of(parent)

    def on_fulfilled(value: Any) -> Cell[Any]:
        return _after(function(), kind, home, FULFILLED, value)

    def on_rejected(reason: BaseException) -> Any:
        return _after(function(), kind, home, REJECTED, reason)

    return link(parent, on_fulfilled, on_rejected)


def tapping(parent: C, function: Handler) -> C:
    """Link a function to the value; let the value pass."""
    kind, home = type(parent), home_of(parent)

    def on_fulfilled(value: Any) -> Cell[Any]:
        return _after(function(value), kind, home, FULFILLED, value)

    return link(parent, on_fulfilled, None)


def _after(
    result: object, kind: type[Cell[Any]], home: Home, state: int, value: Any
) -> Cell[Any]:
    """Give the outcome, once what the function returned is fulfilled."""
    if type(result) in PLAIN:
        return settled(kind, home, state, value)

    done = resolve(make_cell(kind, home), result, None)
    return link(done, lambda _: settled(kind, home, state, value), None)


def check_handler(handler: object) -> None:
    """Make sure that it can be called.

    Raises:
        WrongTypeError: if not. (Promises/A+ would ignore it; it is a bug.)
    """
    if not callable(handler):
        raise WrongTypeError(
            f"{handler!r} cannot be called: give a function, or to `then` None, which "
            "lets the outcome pass"
        )


def _check_criterion(criterion: object) -> None:
    if isinstance(criterion, type):
        fits = issubclass(criterion, BaseException)
    else:
        fits = callable(criterion)

    if not fits:
        raise WrongTypeError(
            "catch takes exception classes and predicates, and then its handler; "
            f"{criterion!r} is neither"
        )


def _meets(reason: BaseException, criterion: Any) -> bool:
    if isinstance(criterion, type):
        return isinstance(reason, criterion)

    return bool(criterion(reason))
