"""One subscription as an emission sees it: may it be called, and how."""

from __future__ import annotations

__all__ = ("Entry", "Sink")

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from inspect import iscoroutine
from typing import Any, cast

import anyio

from upcall.errors import CallbackTimeoutError

from .envelope import Envelope
from .kinds import is_awaitable, makes_coroutines
from .options import DEFAULT
from .policies import NOTHING, Delay, Gate, Start
from .subscribed import Subscribed


class Sink(ABC):
    """A callback of ours that may have to wait, and can only where it is awaited."""

    @abstractmethod
    def __call__(self, argument: Any, /) -> object:
        """Take it at once, or raise."""

    @abstractmethod
    def take(self, argument: Any, /) -> object:
        """Take it at once, or return an awaitable that does."""


class Entry:
    """A subscription in a plan. What it is asked in turn: `admits`, then a call."""

    __slots__ = (
        "_delay",
        "_gate",
        "_options",
        "_owner",
        "_target",
        "_ticket",
        "_when",
        "is_async",
        "is_delayed",
        "subscription",
    )

    def __init__(self, subscription: Subscribed[..., Any]) -> None:
        extras = subscription.extras
        self.subscription = subscription
        self.is_async = subscription.is_async
        self._options = options = subscription.options
        self.is_delayed = options.debounce is not None or options.throttle is not None
        self._target = subscription.target
        self._when = options.when
        self._ticket = extras.ticket if extras and self._options.once else None
        self._owner = None if extras is None else extras.owner
        self._gate: Gate | None = None if extras is None else extras.gate
        self._delay: Delay | None = None if extras is None else extras.delay

    @property
    def target(self) -> Callable[..., Any]:
        """The function that failures are told by."""
        return self._target

    @property
    def wants_envelope(self) -> bool:
        """Whether its callback takes the envelope."""
        return self._options.envelope

    @property
    def is_bare(self) -> bool:
        """Whether it is an async function without any options."""
        return self._options is DEFAULT and makes_coroutines(self._target)

    def admits(self, payload: object) -> bool:
        """Tell whether it is to be called, and use up what is for one call only."""
        if self._owner is not None and self._owner() is None:
            return False

        if self._when is not None and not self._when(payload):
            return False

        return self._ticket is None or self._take_ticket()

    def _take_ticket(self) -> bool:
        """Take the one call of ``once``: popping is atomic, so one emission gets it."""
        try:
            cast("list[None]", self._ticket).pop()
        except IndexError:
            return False

        self.subscription.cancel()
        return True

    def argument(self, payload: object, envelope: Envelope[Any] | None) -> object:
        """Choose what the callback takes."""
        return envelope if self._options.envelope else payload

    def call(self, argument: object) -> object:
        """Call a sync callback."""
        return self._callback()(argument)

    def call_waiting(self, argument: object) -> object:
        """Call a sync callback in the form for those who can wait for it."""
        if isinstance(self._target, Sink):
            return self._target.take(argument)

        return self._callback()(argument)

    def _callback(self) -> Callable[[Any], object]:
        if self._owner is None:
            return self._target

        owner = self._owner()
        target = self._target

        if owner is None:
            return lambda _: NOTHING

        return lambda argument: target(owner, argument)

    def begin(
        self, argument: object, *, awaited: bool
    ) -> Coroutine[Any, Any, Any] | None:
        """Make the run of an async callback; None if its policy drops it.

        Its place among the other runs (in a queue, say) is taken here and now.

        Args:
            argument: what the callback takes.
            awaited: whether who emits will wait for it.
        """
        if self._gate is not None:
            return self._gate.begin(lambda: self._run(argument), awaited=awaited)

        if self._options.thread or self._options.timeout is not None:
            return self._run(argument)

        value = self._callback()(argument)
        return value if iscoroutine(value) else _awaiting(value)

    async def _run(self, argument: object) -> Any:
        """Run the callback itself, in a thread or against its timeout as asked."""
        seconds = self._options.timeout

        if seconds is None:
            return await self._work(argument)

        with anyio.move_on_after(seconds) as scope:
            value = await self._work(argument)

            # A thread ends when it likes, and a callback may hold out in a shield.
            if not scope.cancel_called:
                return value

        raise CallbackTimeoutError(f"it took longer than its timeout of {seconds} s")

    async def _work(self, argument: object) -> Any:
        callback = self._callback()

        if self._options.thread:
            import anyio.to_thread  # noqa: PLC0415 (not worth it for those without)

            # In a tuple, for trio refuses a bare awaitable.
            (value,) = await anyio.to_thread.run_sync(lambda: (callback(argument),))
        else:
            value = callback(argument)

        return await cast("Awaitable[Any]", value) if is_awaitable(value) else value

    def offer(self, argument: object, start: Start) -> None:
        """Hand an emission to a debounced or throttled callback."""
        assert self._delay is not None

        if self._gate is None:
            self._delay.offer(lambda: self._run(argument), start)
        else:
            begin = self._gate.begin
            self._delay.offer(
                lambda: begin(lambda: self._run(argument), awaited=False), start
            )


async def _awaiting(value: object) -> Any:
    """Await what an async callback gave that is no coroutine, or take it as it is."""
    return await cast("Awaitable[Any]", value) if is_awaitable(value) else value
