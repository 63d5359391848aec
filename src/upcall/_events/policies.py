"""Policies: what a run of a callback has to know of the other runs, and of time."""

# A policy keeps its state per subscription, over all who emit. Its two questions are
#   begin: may this run go, now, in a queue, or not at all? It takes the run's place at
#     once, in the order of the emissions, and gives a coroutine that lives through it.
#   offer: for delayed callbacks only; the run goes later, in the background.
# At most one task waits for the time of a delayed callback, whatever comes in.
# An `aemit` may happen in any thread, so the runs at one gate may be of several loops.

from __future__ import annotations

__all__ = ("INSIDE", "NOTHING", "Delay", "Gate", "Start", "make_delay", "make_gate")

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from threading import RLock
from typing import Any, Final, final
from weakref import ref

import anyio

from upcall._loops.loop import Loop
from upcall._loops.which import current_loop
from upcall.errors import OptionError

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

    __slots__ = ()

    @property
    @abstractmethod
    def waiting(self) -> int:
        """How many runs wait for their turn, or their time."""

    @abstractmethod
    def drop_waiting(self) -> None:
        """Drop the runs that wait. From any thread."""


class _Run:
    """One run, from its admission to its end. All but `turn` from any thread."""

    # Written here and read there, without a lock: whoever writes one thing before it
    # reads another, while the other does it the other way round, misses nothing.

    __slots__ = ("_loop", "_ready", "dropped", "granted", "scope", "unbegun")

    def __init__(self) -> None:
        self.granted = False
        self.dropped = False
        self.scope: anyio.CancelScope | None = None
        self.unbegun: ref[Any] | None = None
        """Tells if its coroutine is given up before it has begun."""

        self._loop: Loop | None = None
        self._ready: anyio.Event | None = None

    async def turn(self) -> None:
        """Begin, and wait until it is granted or dropped."""
        self._loop = current_loop()

        if self._waits():
            self._ready = anyio.Event()

            if self._waits():
                await self._ready.wait()

    def _waits(self) -> bool:
        return not self.granted and not self.dropped

    def grant(self) -> None:
        self.granted = True

        if self._loop is not None:
            self._loop.call_inside(self._wake)

    def drop(self) -> None:
        """End it without an error: it leaves no value."""
        self.dropped = True

        if self._loop is not None:
            self._loop.call_inside(self._stop)

    def _wake(self) -> None:
        if self._ready is not None:
            self._ready.set()

    def _stop(self) -> None:
        self._wake()

        if self.scope is not None:
            self.scope.cancel()


@final
class Gate(_Policy):
    """Lets runs through as ``overlap`` and ``concurrency`` say.

    - merge: up to ``concurrency`` at once, the rest queue;
    - queue: one at a time, in order;
    - drop: what comes while one runs is dropped;
    - latest: what comes while one runs waits, and only the newest of it;
    - restart: likewise, and the running one is cancelled for it.
    """

    __slots__ = ("_limit", "_lock", "_overlap", "_running", "_waiting")

    def __init__(self, overlap: Overlap, concurrency: int | None) -> None:
        self._overlap: Overlap = overlap
        self._limit = concurrency if overlap == "merge" else 1
        self._running: list[_Run] = []
        self._waiting: deque[_Run] = deque()
        # An RLock, for a coroutine or a weak method's object may die while we hold it.
        self._lock = RLock()

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
        dropped: list[_Run] = []

        with self._lock:
            if self._has_room():
                run.granted = True
                self._running.append(run)
            elif self._overlap == "drop":
                return None
            else:
                dropped = self._queue(run, awaited=awaited)

        for each in dropped:
            each.drop()

        coroutine = self._live(run, make)
        run.unbegun = ref(coroutine, lambda _: self._leave(run))
        return coroutine

    def _has_room(self) -> bool:
        return self._limit is None or len(self._running) < self._limit

    def _queue(self, run: _Run, *, awaited: bool) -> list[_Run]:
        """Put it in the queue; give the runs that are to be dropped for it."""
        if awaited and self._waits_for_itself():
            raise OptionError(
                "this callback awaits an emission that it would have to hear itself, "
                f"and with overlap={self._overlap!r} that waits for ever; use emit "
                "inside it, or emit_soon without awaiting that, or another overlap"
            )

        dropped: list[_Run] = []

        if self._overlap in ("latest", "restart"):
            dropped += self._waiting
            self._waiting.clear()

        if self._overlap == "restart":
            dropped += self._running

        self._waiting.append(run)
        return dropped

    def _waits_for_itself(self) -> bool:
        """Tell whether all that run here await what is happening here."""
        return self._overlap != "restart" and INSIDE.get().issuperset(self._running)

    def drop_waiting(self) -> None:
        """Drop the runs that wait for their turn."""
        with self._lock:
            dropped = [*self._waiting]
            self._waiting.clear()

        for run in dropped:
            run.drop()

    async def _live(self, run: _Run, make: Make) -> Any:
        run.unbegun = None  # it has begun, and gives its place back below

        try:
            await run.turn()
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
        """Give back the place of a run, and let the next one in."""
        following: _Run | None = None

        with self._lock:
            if run in self._waiting:
                self._waiting.remove(run)
                return

            if run in self._running:
                self._running.remove(run)

            if self._waiting and self._has_room():
                following = self._waiting.popleft()
                self._running.append(following)

        if following is not None:
            following.grant()


class Delay(_Policy):
    """A callback that runs later: keeps the newest run offered, and one timer."""

    def __init__(self, seconds: float) -> None:
        self._loop: Loop | None = None
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

            try:
                start(self._tick())
            except BaseException:  # the bus is closing: nothing keeps the time
                self._ticking, self._pending = False, None
                raise
        else:
            self._touch()

    def flush(self) -> None:
        """Run what is pending at once, and do not wait for more."""
        self._hurry = True
        self._wake()

    def drop_waiting(self) -> None:
        """Drop the run that waits for its time."""
        if self._loop is not None:
            self._loop.call_inside(self._drop)

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
