"""Policies: what a run of a callback has to know of the other runs, and of time."""

# A policy keeps its state per subscription, over all who emit. Its two questions are
#   begin: may this run go, now, in a queue, or not at all? It takes the run's place at
#     once, in the order of the emissions, and gives a coroutine that lives through it.
#   offer: for delayed callbacks only; the run goes later, in the background.
# At most one task waits for the time of a delayed callback, whatever comes in.

from __future__ import annotations

__all__ = ("INSIDE", "NOTHING", "Delay", "Gate", "Start", "make_delay", "make_gate")

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, final

import anyio

from upcall._loops.loop import Loop
from upcall._loops.which import current_loop
from upcall.errors import NoRunningLoopError, OptionError

from .options import Options, Overlap

NOTHING: Final = object()
"""The value of a callback that did not run after all, or has none to give."""

Make = Callable[[], Coroutine[Any, Any, Any]]
Later = Callable[[], Coroutine[Any, Any, Any] | None]
Start = Callable[[Coroutine[Any, Any, Any]], None]

INSIDE: ContextVar[frozenset[_Run]] = ContextVar("upcall_inside", default=frozenset())
"""The runs that await what is happening here."""


class _Policy(ABC):
    """What may keep runs waiting."""

    __slots__ = ("_loop",)

    def __init__(self) -> None:
        self._loop: Loop | None = None
        """Where something waits, if anything ever did."""

    @property
    @abstractmethod
    def waiting(self) -> int:
        """How many runs wait for their turn, or their time."""

    def drop_waiting(self) -> None:
        """Drop the runs that wait. From any thread."""
        if self._loop is None or self._loop.is_here():
            self._drop()
        else:
            with suppress(NoRunningLoopError):  # then nobody waits any more
                self._loop.call_soon_threadsafe(self._drop)

    @abstractmethod
    def _drop(self) -> None:
        """Drop them, in their own thread."""


class _Run:
    """One run, from its admission to its end."""

    __slots__ = ("dropped", "granted", "ready", "scope")

    def __init__(self) -> None:
        self.granted = False
        self.dropped = False
        self.ready: anyio.Event | None = None
        self.scope: anyio.CancelScope | None = None

    def grant(self) -> None:
        self.granted = True
        self._wake()

    def drop(self) -> None:
        """End it without an error: it leaves no value."""
        self.dropped = True
        self._wake()

        if self.scope is not None:
            self.scope.cancel()

    def _wake(self) -> None:
        if self.ready is not None:
            self.ready.set()


@final
class Gate(_Policy):
    """Lets runs through as ``overlap`` and ``concurrency`` say.

    - merge: up to ``concurrency`` at once, the rest queue;
    - queue: one at a time, in order;
    - drop: what comes while one runs is dropped;
    - latest: what comes while one runs waits, and only the newest of it;
    - restart: likewise, and the running one is cancelled for it.
    """

    __slots__ = ("_limit", "_overlap", "_running", "_waiting")

    def __init__(self, overlap: Overlap, concurrency: int | None) -> None:
        super().__init__()
        self._overlap: Overlap = overlap
        self._limit = concurrency if overlap == "merge" else 1
        self._running: list[_Run] = []
        self._waiting: deque[_Run] = deque()

    @property
    def waiting(self) -> int:
        """How many runs wait for their turn."""
        return len(self._waiting)

    def begin(self, make: Make, *, awaited: bool) -> Coroutine[Any, Any, Any] | None:
        """Take a place for a run; None if it is dropped.

        Raises:
            OptionError: the run would wait for one that waits for it: for ever.
        """
        run = _Run()

        if self._limit is None or len(self._running) < self._limit:
            run.granted = True
            self._running.append(run)
        elif self._overlap == "drop":
            return None
        else:
            self._queue(run, awaited=awaited)

        return self._live(run, make)

    def _queue(self, run: _Run, *, awaited: bool) -> None:
        if awaited and self._waits_for_itself():
            raise OptionError(
                "this callback awaits an emission that it would have to hear itself, "
                f"and with overlap={self._overlap!r} that waits for ever; use emit or "
                "emit_soon inside it, or another overlap"
            )

        self._loop = current_loop()

        if self._overlap in ("latest", "restart"):
            self._drop()

        if self._overlap == "restart":
            for running in self._running:
                running.drop()

        self._waiting.append(run)

    def _waits_for_itself(self) -> bool:
        """Tell whether all that run here await what is happening here."""
        return self._overlap != "restart" and INSIDE.get().issuperset(self._running)

    async def _live(self, run: _Run, make: Make) -> Any:
        try:
            if not run.granted and not run.dropped:
                run.ready = anyio.Event()
                await run.ready.wait()

            value = NOTHING if run.dropped else await self._work(run, make)
            return NOTHING if run.dropped else value
        finally:
            self._leave(run)

    async def _work(self, run: _Run, make: Make) -> Any:
        """Run in a scope of its own, so that a newer run can end just this one."""
        token = INSIDE.set(INSIDE.get() | {run})

        try:
            with anyio.CancelScope() as run.scope:
                return await make()
        finally:
            run.scope = None
            INSIDE.reset(token)

        return NOTHING

    def _leave(self, run: _Run) -> None:
        if run in self._waiting:
            self._waiting.remove(run)
            return

        if run in self._running:
            self._running.remove(run)

        if self._waiting and (self._limit is None or len(self._running) < self._limit):
            following = self._waiting.popleft()
            self._running.append(following)
            following.grant()

    def _drop(self) -> None:
        for run in self._waiting:
            run.drop()

        self._waiting.clear()


class Delay(_Policy):
    """A callback that runs later: keeps the newest run offered, and one timer."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._pending: tuple[Later, Context, Start] | None = None
        self._event: anyio.Event | None = None
        self._hurry = False
        self._ticking = False

    @property
    def waiting(self) -> int:
        """How many runs wait for their time, one or none."""
        return int(self._pending is not None)

    def offer(self, make: Later, start: Start) -> None:
        """Take a run in; ``start`` starts a background task of the bus.

        The run will see the context variables of who offers it.
        """
        self._loop = current_loop()
        self._pending = make, copy_context(), start

        if not self._ticking:
            self._ticking, self._hurry = True, False
            self._begin()
            start(self._tick())
        else:
            self._touch()

    def flush(self) -> None:
        """Run what is pending at once, and do not wait for more."""
        self._hurry = True
        self._wake()

    def _drop(self) -> None:
        self._pending = None
        self.flush()

    async def _tick(self) -> None:
        try:
            await self._keep_time()
        finally:
            self._ticking = False
            self._pending = None  # if it was cancelled

    def _fire(self) -> None:
        pending, self._pending = self._pending, None

        if pending is not None:
            make, context, start = pending
            context.run(self._start, make, start)

    def _start(self, make: Later, start: Start) -> None:
        coroutine = make()

        if coroutine is not None:
            start(coroutine)

    async def _pause(self) -> bool:
        """Wait for the interval; tell whether it passed undisturbed."""
        self._event = anyio.Event()

        with anyio.move_on_after(self._seconds) as scope:
            await self._event.wait()

        return scope.cancelled_caught

    def _wake(self) -> None:
        if self._event is not None:
            self._event.set()

    def _begin(self) -> None:
        """Do what is to be done before the timer ticks."""

    @abstractmethod
    def _touch(self) -> None:
        """Hear of a newer run while the timer ticks."""

    @abstractmethod
    async def _keep_time(self) -> None:
        """Tick until nothing is pending."""


@final
class _Debounce(Delay):
    """Runs once, with the newest, after a quiet time."""

    def _touch(self) -> None:
        self._wake()

    async def _keep_time(self) -> None:
        while self._pending is not None:
            quiet = self._hurry or await self._pause()

            if quiet or self._hurry:
                self._fire()


@final
class _Throttle(Delay):
    """Runs at once, then at most once per interval, with the newest."""

    def _touch(self) -> None:
        """The interval goes on; the newest is taken at its end."""

    def _begin(self) -> None:
        self._fire()

    async def _keep_time(self) -> None:
        while True:
            if not self._hurry:
                await self._pause()

            if self._pending is None:
                return

            self._fire()


def make_gate(options: Options) -> Gate | None:
    """Make the gate that the options ask for, if any."""
    if options.overlap == "merge" and options.concurrency is None:
        return None

    return Gate(options.overlap, options.concurrency)


def make_delay(options: Options) -> Delay | None:
    """Make the delay that the options ask for, if any."""
    if options.debounce is not None:
        return _Debounce(options.debounce)

    if options.throttle is not None:
        return _Throttle(options.throttle)

    return None
