"""The job that every style does: an order is paid, and its listeners hear of it."""

# Rule 1: a style may choose how listeners are called, and not what they do. Each tells
#   the job that it has heard; what was not heard, or twice, ends the benchmark.
# Rule 2: listeners are different functions, as those of a program are.
# Rule 3: what waits lets the loop turn once, by the loop's own means. No timer.

from __future__ import annotations

__all__ = (
    "IN_FLIGHT",
    "PATIENCE",
    "Job",
    "Listener",
    "OrderPaid",
    "Style",
    "Way",
    "each_waits",
)

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, TypeAlias

import anyio
import attrs
from benchmarks.loops import Loop

import upcall

IN_FLIGHT: Final = 50
"""How many events are under way at once where throughput and memory are measured."""

PATIENCE: Final = 60.0
"""Seconds after which an event that was not heard is lost."""

_EVERY: Final = 3


@upcall.event("benchmark.order.paid")
class OrderPaid:
    """What the listeners hear."""

    order_id: int
    amount: str


@attrs.frozen
class Listener:
    """One who hears of an order that was paid."""

    function: Callable[[Any], Any]
    """Takes the event. Async if it waits."""

    waits: bool


class Job:
    """An order is paid, and so many listeners hear of it.

    Of three listeners one waits, the first; so do the first, fourth, seventh of many.

    Args:
        listeners: how many.
        loop: where it is done.
        pause: what those that wait wait for; by default for a turn of the loop.
    """

    def __init__(
        self,
        listeners: int,
        loop: Loop,
        pause: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.loop = loop
        self.began = 0.0
        """When the last event was about to be emitted."""

        self.ended = 0.0
        """When the last listener of all that were expected was through."""

        self.left = 0
        """How many calls of listeners are still to come."""

        self._paid = 0
        self._all_heard = anyio.Event()
        self.listeners: tuple[Listener, ...] = tuple(
            _listener(self.heard, pause or loop.pause, waits=place % _EVERY == 0)
            for place in range(listeners)
        )

    @property
    def waiting(self) -> int:
        """How many of the listeners wait."""
        return sum(listener.waits for listener in self.listeners)

    def expect(self, events: int) -> None:
        """Expect to hear of so many events. The ones before have been heard."""
        self.check()
        self.left = events * len(self.listeners)
        self._all_heard = anyio.Event()

    def pay(self) -> OrderPaid:
        """Make an event, and take the time: it is emitted next. From any thread."""
        self._paid += 1
        order = OrderPaid(order_id=self._paid, amount="9.99")
        self.began = time.perf_counter()
        return order

    def heard(self) -> None:
        """Note that a listener is through, and take the time if it was the last."""
        self.left -= 1

        if not self.left:
            self.ended = time.perf_counter()
            self._all_heard.set()

    async def done(self) -> None:
        """Wait until all that is expected was heard.

        Raises:
            TimeoutError: it was not.
        """
        with anyio.fail_after(PATIENCE):
            await self._all_heard.wait()

    def check(self) -> None:
        """See that all was heard, and once."""
        assert self.left == 0, f"{self.left} calls of listeners were not made"


def _listener(
    heard: Callable[[], None], pause: Callable[[], Awaitable[object]], *, waits: bool
) -> Listener:
    text = "def f(order):\n heard()\n return order"

    if waits:
        text = "async def f(order):\n await pause()\n heard()\n return order"

    namespace: dict[str, Any] = {"heard": heard, "pause": pause}
    exec(text, namespace)
    return Listener(namespace["f"], waits)


# --- how a style does it ---


@attrs.frozen(kw_only=True)
class Way:
    """How an open style emits."""

    one: Callable[[], Awaitable[object]]
    """Emits one event. It may return before that was heard."""

    many: Callable[[int], Awaitable[object]]
    """Emits so many. It may return before all were heard."""

    at_once: int | None = None
    """How many `many` may be asked for before they were heard, where one emitter has
    all of them in flight. None for any number, where each emitter has but one."""


Held: TypeAlias = Literal["each", "first", "buffered"]


@attrs.frozen(kw_only=True)
class Style:
    """One way to write the job."""

    name: str
    open: Callable[[Job], AbstractAsyncContextManager[Way]]
    """Subscribes the listeners; all is ended when it is left."""

    held: Held
    """Which listeners wait while none of them can go on: of each event all that wait
    (``"each"``) or the first (``"first"``), or those of the first event alone, the
    others being buffered (``"buffered"``)."""

    absent: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The loops on which it does not exist, and why."""


def each_waits(one: Callable[[], Awaitable[object]]) -> Way:
    """Make the way of an emit that is awaited: many tasks emit, one after another."""

    async def many(number: int) -> None:
        left = iter(range(number))

        async def emitter() -> None:
            for _ in left:
                await one()

        async with anyio.create_task_group() as group:
            for _ in range(min(number, IN_FLIGHT)):
                group.start_soon(emitter)

    return Way(one=one, many=many)
