"""`Promise.map`: an async loop over items, several at a time."""

from __future__ import annotations

__all__ = ("map_of",)

from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from upcall.errors import OptionError

from .arguments import check_function, check_items
from .cell import (
    FULFILLED,
    REJECTED,
    Cell,
    Listener,
    adopt,
    home_of,
    is_pending,
    is_rejected,
    leave,
    link,
    listen,
    lock,
    make_cell,
    settle,
    unlisten,
    value_of,
)
from .combinators import element, home_among
from .handlers import settled
from .home import loop_home

C = TypeVar("C", bound=Cell[Any])


def map_of(
    kind: type[C],
    items: Iterable[Any],
    function: Callable[[Any], Any],
    concurrency: int | None,
) -> C:
    """Fulfil with what the function makes of each item, in the order of the items."""
    if concurrency is not None and (type(concurrency) is not int or concurrency < 1):
        raise OptionError(f"concurrency={concurrency!r}: give 1 or more, or None")

    check_function(function, "map", "a function of an item")

    try:
        todo = check_items(items, "map")
    except Exception as error:  # noqa: BLE001 (it becomes the reason)
        return settled(kind, loop_home(), REJECTED, error)

    cell = make_cell(kind, home_among(todo))
    mapping = _Mapping(cell, todo, function, concurrency or max(1, len(todo)))
    home_of(cell).jobs.later(mapping.go_on)
    return cell


class _Mapping:
    """What the cell of a `map` waits for: the calls that run."""

    # The calls start in the order of the items: the next one when the item before it
    # has its value (it may be a promise) and fewer than `concurrency` run. If a call
    # has begun a task, it waits a turn: trio starts the tasks of a turn in any order.

    __slots__ = (
        "_cell",
        "_concurrency",
        "_context",
        "_function",
        "_item",
        "_left",
        "_results",
        "_running",
        "_starting",
        "_todo",
    )

    def __init__(
        self,
        cell: Cell[Any],
        items: Sequence[Any],
        function: Callable[[Any], Any],
        concurrency: int,
    ) -> None:
        self._cell = cell
        self._function = function
        self._concurrency = concurrency
        self._context = copy_context()
        self._todo = iter(enumerate(items))
        self._left = len(items)
        self._results: list[Any] = [None] * self._left
        self._running: dict[int, tuple[Cell[Any], Listener]] = {}
        self._item: tuple[Cell[Any], Listener] | None = None
        self._starting = False
        lock(cell, self)

    def go_on(self) -> None:
        """Start the next call, if there is an item for it and room."""
        self._starting = False

        if is_pending(self._cell) and not self._left:
            settle(self._cell, FULFILLED, self._results)

        if is_pending(self._cell) and len(self._running) < self._concurrency:
            for index, item in self._todo:
                self._context.run(self._start, index, item)
                break

    def let_go(self) -> Sequence[Cell[Any]]:
        """Cancel the calls that run, as the cell was cancelled."""
        if self._item is not None:
            unlisten(*self._item)

        running, self._running = self._running, {}
        return [
            idle
            for call, listener in running.values()
            for idle in leave(call, listener)
        ]

    def _start(self, index: int, item: Any) -> None:
        self._starting = True
        promise = element(type(self._cell), home_of(self._cell), item)
        call = link(promise, self._function, None)
        self._running[index] = call, partial(self._hear, index)
        self._item = promise, partial(self._hear_item, call)
        listen(*self._running[index])
        listen(*self._item)

    def _hear_item(self, call: Cell[Any], _: Cell[Any]) -> None:
        self._item = None

        if is_pending(call):
            home_of(self._cell).loop.call_soon(self.go_on)
        else:
            self.go_on()

    def _hear(self, index: int, call: Cell[Any]) -> None:
        if self._running.pop(index, None) is None or not is_pending(self._cell):
            return

        if is_rejected(call):
            adopt(self._cell, call)
            self._stop()
            return

        self._results[index] = value_of(call)
        self._left -= 1

        if not self._starting:
            self.go_on()

    def _stop(self) -> None:
        """Listen no more. The calls that run go on to their end, unheard."""
        for call, listener in self._running.values():
            unlisten(call, listener)

        self._running.clear()
