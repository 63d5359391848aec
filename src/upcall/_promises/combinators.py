"""Many promises as one: `all`, `all_settled`, `any` and `race`, as in ECMAScript."""

# Each is a cell that waits for a gathering, which is a listener of every element. The
# elements are resolved first, so anything may be one. Nothing is settled on the spot,
# not even for no elements. Once the outcome is clear the gathering stops listening, but
# cancels nothing: the other elements may be wanted elsewhere. If the combined promise
# is cancelled, it gives up its share in each of them, as any consumer does.

from __future__ import annotations

__all__ = ("all_of", "all_settled_of", "any_of", "element", "home_among", "race_of")

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from upcall.errors import AllRejectedError

from .arguments import check_items
from .cell import (
    FULFILLED,
    REJECTED,
    Cell,
    Listener,
    adopt,
    home_of,
    is_cell,
    is_pending,
    is_rejected,
    leave,
    listen,
    lock,
    make_cell,
    settle,
    unlisten,
    value_of,
)
from .handlers import settled
from .home import Home, loop_home
from .outcomes import Fulfilled, Rejected
from .resolution import resolve

C = TypeVar("C", bound=Cell[Any])


def all_of(kind: type[C], items: Iterable[Any]) -> C:
    """Fulfil with all values, in order; reject with the first reason."""
    make = tuple if isinstance(items, tuple) else list
    return _gather(kind, items, partial(_All, make))


def all_settled_of(kind: type[C], items: Iterable[Any]) -> C:
    """Fulfil with a record of each outcome, in order."""
    make = tuple if isinstance(items, tuple) else list
    return _gather(kind, items, partial(_AllSettled, make))


def any_of(kind: type[C], items: Iterable[Any]) -> C:
    """Fulfil with the first value; reject with all reasons."""
    return _gather(kind, items, _Any)


def race_of(kind: type[C], items: Iterable[Any]) -> C:
    """Settle as the first one that is settled; never, if there are none."""
    return _gather(kind, items, _Race)


def element(kind: type[C], home: Home, item: Any) -> C:
    """Make a promise of something, if it is none of this loop already."""
    if is_cell(item, home) and isinstance(item, kind):
        return item

    return resolve(make_cell(kind, home), item, None)


def home_among(items: Iterable[Any]) -> Home:
    """Return the home of the first promise among them, or else the loop's."""
    here = loop_home()

    for item in items:
        if is_cell(item, here):
            return home_of(item)

    return here


def _gather(
    kind: type[C], items: Iterable[Any], gathering: Callable[[Cell[Any]], _Gathering]
) -> C:
    try:
        elements = check_items(items, "a combinator of promises")
    except Exception as error:  # noqa: BLE001 (it becomes the reason)
        return settled(kind, loop_home(), REJECTED, error)

    home = home_among(elements)
    cell = make_cell(kind, home)
    gathering(cell).listen([element(kind, home, item) for item in elements])
    return cell


class _Gathering(ABC):
    """What a combined cell waits for, and what it makes of it."""

    __slots__ = ("_elements", "_left", "_outcomes", "cell")

    def __init__(self, cell: Cell[Any]) -> None:
        self.cell = cell
        self._elements: list[tuple[Cell[Any], Listener]] = []
        self._outcomes: list[Any] = []
        self._left = 0
        lock(cell, self)

    def listen(self, elements: Sequence[Cell[Any]]) -> None:
        """Wait for the elements."""
        self._left = len(elements)
        self._outcomes = [None] * self._left
        self._elements = [
            (element, partial(self._hear, index))
            for index, element in enumerate(elements)
        ]

        for element, listener in self._elements:
            listen(element, listener)

        if not elements:
            home_of(self.cell).jobs.later(self._hear_nothing)

    def let_go(self) -> Sequence[Cell[Any]]:
        """Stop listening, as the combined cell was cancelled."""
        elements, self._elements = self._elements, []
        return [idle for cell, listener in elements for idle in leave(cell, listener)]

    @abstractmethod
    def judge(self, element: Cell[Any]) -> tuple[Any] | None:
        """Tell what to note of an element; None if it decides for all."""
        ...

    @abstractmethod
    def conclude(self, outcomes: Sequence[Any]) -> None:
        """Settle the cell by what was noted of all elements."""
        ...

    def _hear(self, index: int, element: Cell[Any]) -> None:
        if not is_pending(self.cell):
            return

        noted = self.judge(element)

        if noted is None:
            adopt(self.cell, element)
            self._stop()
            return

        (self._outcomes[index],) = noted
        self._left -= 1

        if not self._left:
            self.conclude(self._outcomes)
            self._stop()

    def _hear_nothing(self) -> None:
        if is_pending(self.cell):
            self.conclude(())

    def _stop(self) -> None:
        elements, self._elements = self._elements, []

        for element, listener in elements:
            unlisten(element, listener)


class _All(_Gathering):
    __slots__ = ("_make",)

    def __init__(self, make: Callable[[Any], Any], cell: Cell[Any]) -> None:
        super().__init__(cell)
        self._make = make

    def judge(self, element: Cell[Any]) -> tuple[Any] | None:
        return None if is_rejected(element) else (value_of(element),)

    def conclude(self, outcomes: Sequence[Any]) -> None:
        settle(self.cell, FULFILLED, self._make(outcomes))


class _AllSettled(_All):
    __slots__ = ()

    def judge(self, element: Cell[Any]) -> tuple[Any]:
        outcome: Any = value_of(element)
        return (Rejected(outcome) if is_rejected(element) else Fulfilled(outcome),)


class _Any(_Gathering):
    __slots__ = ()

    def judge(self, element: Cell[Any]) -> tuple[Any] | None:
        return (value_of(element),) if is_rejected(element) else None

    def conclude(self, outcomes: Sequence[Any]) -> None:
        settle(self.cell, REJECTED, AllRejectedError(outcomes))


class _Race(_Gathering):
    __slots__ = ()

    def judge(self, element: Cell[Any]) -> None:
        del element

    def conclude(self, outcomes: Sequence[Any]) -> None:
        """Wait for ever: nobody runs."""
