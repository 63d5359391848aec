"""A hub that can be opened: what a bus starts, owns, and waits for."""

from __future__ import annotations

__all__ = ("Owner", "Statistics")

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import attrs

from upcall._promises.home import Home, loop_home
from upcall._promises.promise import Promise
from upcall._promises.start import run_in
from upcall.errors import BusNotOpenError, OptionError, UpcallError, WrongThreadError

from . import emission
from .background import Background, OnError, Reporter
from .calls import Run, plan_of
from .envelope import Envelope
from .failures import kind_of, noted
from .hub import Hub
from .kinds import describe, place_of
from .plan import Host, Plan
from .policies import Start
from .stream import Feed
from .subscribed import Subscribed
from .table import LOCK
from .threads import emit_from_thread
from .waits import Waits

if TYPE_CHECKING:  # concurrent.futures brings logging, at the cost of the whole core
    from concurrent.futures import Future


@attrs.frozen(kw_only=True)
class Statistics:
    """What a bus has done, and does, at one moment."""

    emissions: int
    """Emissions that began, also those that nobody heard."""

    calls: int
    """How often a callback was called, started or queued."""

    failures: int
    """How often a callback failed, in the background or not."""

    running: int
    """Background callbacks and tasks, at this moment."""

    waiting: int
    """Runs that wait for their turn or their time, and promises of a next payload."""

    subscriptions: int
    """Subscriptions that have not ended, those of who waits included."""


class Owner(Hub):
    """A hub with a background: open, it owns the tasks that it starts.

    It is what stands behind a `Bus`, which has the calls of users.
    """

    def __init__(
        self,
        *,
        on_error: OnError = "log",
        grace: float | None = None,
        trace: bool = False,
        retain: int = 0,
    ) -> None:
        super().__init__(trace=trace, retain=retain)

        _check_grace(grace)
        self.grace = grace
        self._reporter = Reporter(on_error)
        self._background: Background | None = None
        self._feeds: set[Feed] = set()

    # Open and close

    @property
    def is_open(self) -> bool:
        """Whether it takes background work."""
        return self._background is not None and not self._background.closed

    async def open(self) -> None:
        """Begin to take background work, owned by the running task."""
        if self._background is not None:
            raise UpcallError("this bus is open already: share it, or make another one")

        self._background = Background(self._reporter)

        try:
            await self._background.enter()
        except BaseException:
            self._background = None
            raise

        self._waits = Waits()

    async def close(self, error: BaseException | None) -> None:
        """Wait for what runs, or after an error of the block cancel it."""
        background, waits = self._opened()
        waits.end()

        try:
            await background.leave(error, self.grace, self._end_streams)
        finally:
            waits.end()
            self._background = self._waits = None
            self.drop_closed_keepers()

    def _opened(self) -> tuple[Background, Waits]:
        if self._background is None or self._waits is None:
            raise UpcallError("this bus is not open")

        return self._background, self._waits

    def _end_streams(self) -> None:
        with LOCK:
            feeds, self._feeds = self._feeds, set()

        for feed in feeds:
            feed.end()

    async def drain(self) -> None:
        """Wait until nothing runs or waits in the background; see `Bus.drain`."""
        if self._background is None:
            return

        if not self._background.loop.is_here():
            raise WrongThreadError("drain works in the bus's own thread: call it there")

        await self._background.drain()

    # Look

    def statistics(self) -> Statistics:
        """Return what the bus has done, and does now."""
        background = self._background
        subscriptions = self.subscriptions()
        policies = [
            policy
            for each in subscriptions
            if each.extras is not None
            for policy in (each.extras.gate, each.extras.delay)
        ]
        waiting = sum(policy.waiting for policy in policies if policy is not None)
        counts = self.counts()

        return Statistics(
            emissions=counts.emissions,
            calls=counts.calls,
            failures=counts.failures,
            running=0 if background is None else background.running,
            waiting=waiting + (0 if self._waits is None else len(self._waits)),
            subscriptions=len(subscriptions),
        )

    def report(
        self,
        error: Exception,
        subscription: Subscribed[..., Any] | None = None,
        envelope: Envelope[Any] | None = None,
    ) -> None:
        """Hand a failure that has no caller to ``on_error``. In the bus's thread."""
        self._reporter(error, subscription, envelope)

    # What plans ask of the bus they belong to

    @property
    def as_host(self) -> Host:
        """What background callbacks are started in, this hub itself."""
        return self

    def check_background(
        self, callback: object, name: str, *, emitted: bool = True
    ) -> None:
        """Raise unless background work, of an emission or not, can be started here."""
        if self._background is None or self._background.closed:
            awaits = emitted and kind_of(callback) == "async"
            raise self._not_open(_needs(callback, name), awaits=awaits)

        if not self._background.loop.is_here():
            raise WrongThreadError(
                f"{_needs(callback, name)} in the bus's own thread; from other threads "
                "use emit_threadsafe"
            )

    def _not_open(self, what: str, *, awaits: bool = False) -> BusNotOpenError:
        state = "closed" if self._background is not None else "not open"
        instead = ", or await aemit" if awaits else ""

        return BusNotOpenError(
            f"{what} only in an open bus; this one is {state}: open it with "
            f"`async with bus:`{instead}"
        )

    def start(
        self,
        coroutine: Coroutine[Any, Any, Any],
        callback: Subscribed[..., Any] | Callable[..., Any],
        envelope: Envelope[Any] | None,
        name: str,
    ) -> None:
        """Run a background callback; its failure goes to ``on_error``."""
        background = self._opened()[0]
        subscription: Subscribed[..., Any] | None = None
        target: object = callback

        if type(callback) is Subscribed:
            subscription = cast("Subscribed[..., Any]", callback)
            target = subscription.target

        def failure(error: Exception) -> Exception:
            self._counts.failures += 1
            return noted(error, target, name)

        task = background.supervise(coroutine, subscription, envelope, failure)

        try:
            background.start(task)
        except BaseException:
            coroutine.close()
            raise

    def starter(
        self,
        callback: Subscribed[..., Any],
        envelope: Envelope[Any] | None,
        name: str,
    ) -> Start:
        """Return what starts the delayed runs of a callback."""
        background = self._opened()[0]

        if callback.extras is not None and callback.extras.delay is not None:
            background.add_delay(callback.extras.delay)

        return lambda coroutine: self.start(coroutine, callback, envelope, name)

    def home(self) -> Home:
        """Return the home of the bus's promises: itself, while it is open."""
        background = self._background
        return loop_home() if background is None else background.home

    def idle(self) -> AbstractContextManager[None]:
        """Mark a wait of the running task for this bus."""
        return nullcontext() if self._background is None else self._background.idle()

    def opened(self, feed: Feed) -> None:
        """Know of a stream, to end it when the bus closes. In the stream's thread.

        The bus may be opened later: what a task of its reads must end then, too.
        """
        with LOCK:
            self._feeds = {each for each in self._feeds if not each.ended} | {feed}

    def emit_from_thread(
        self, run: Run, payload: object, id: str | None
    ) -> Future[list[Any]]:
        """Begin an awaited emission from any thread."""
        if self._background is None or self._background.closed:
            raise self._not_open("emit_threadsafe works")

        return emit_from_thread(self._background, run, payload, id)

    def soon(self, run: Run, payload: object, id: str | None) -> Promise[Any]:
        """Begin an awaited emission in the background."""
        plan: Plan = plan_of(run)
        self.check_background(None, plan.name)

        return run_in(self.home(), emission.aemit, run, payload, id)


def _needs(callback: object, name: str) -> str:
    """Say what would run in the background."""
    event = f" for {name!r}" if name else ""

    if callback is None:
        return f"an emission{event} in the background runs"

    kind = kind_of(callback)
    target = callback.target if isinstance(callback, Subscribed) else callback

    return f"{describe(target)} ({place_of(target)}){event} is {kind} and runs"


def _check_grace(grace: object) -> None:
    number = isinstance(grace, int | float) and not isinstance(grace, bool)

    if grace is not None and not (number and cast("float", grace) >= 0):
        raise OptionError(f"grace={grace!r}: give seconds from 0 on, or None")
