"""Tasks that go on from one piece of work to the next."""

# Why: to make a task costs as much as to render, sign and put on record one delivery.
# Rule 1: work never waits for a task: if none is free, one more is made. So there are
#   as many as there was work at one time, and they stay until the group is cancelled.

from __future__ import annotations

__all__ = ("Hands",)

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import attrs
from anyio.abc import TaskGroup

from upcall._loops.loop import Loop, Waiter

_T = TypeVar("_T")


@attrs.define(eq=False)
class _Hand(Generic[_T]):
    """A task that is free, and what it is to do next."""

    waiter: Waiter
    work: _T | None = None


class Hands(Generic[_T]):
    """Does pieces of work at the same time, in tasks of a group.

    Args:
        group: takes the tasks; what the work raises ends it. It has to be cancelled in
            the end: free tasks wait for ever.
        loop: the event loop that runs.
        do: does one piece of work.
    """

    def __init__(
        self, group: TaskGroup, *, loop: Loop, do: Callable[[_T], Awaitable[object]]
    ) -> None:
        self._group = group
        self._loop = loop
        self._do = do
        self._free: list[_Hand[_T]] = []

    def start(self, work: _T) -> None:
        """Have it done from the next turn of the loop on. From that loop."""
        if self._free:
            hand = self._free.pop()
            hand.work = work
            hand.waiter.wake()
        else:
            self._group.start_soon(self._go_on, work)

    async def _go_on(self, work: _T) -> None:
        while True:
            await self._do(work)
            hand: _Hand[_T] = _Hand(self._loop.waiter())
            self._free.append(hand)
            await hand.waiter
            assert hand.work is not None
            work = hand.work
