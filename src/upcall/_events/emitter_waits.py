"""Waiting for an emitter: `once` as a promise, `on` as an async iterator."""

# Rule 1: who waits listens to "error" too, from the same moment on, unless that is what
#   they wait for. An error then ends the wait, and counts as handled.
# Rule 2: the listeners of one wait are added together and go together.
# Rule 3: an emission may happen in any thread. It leaves there what it brings, and who
#   waits is told in their own loop.

from __future__ import annotations

__all__ = ("EmitterStream", "on", "once")

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeAlias

import anyio

from upcall._loops.loop import Loop
from upcall._loops.which import current_loop
from upcall._promises.promise import Promise
from upcall._promises.start import deferred
from upcall.errors import NoRunningLoopError, WrongTypeError

from .emitter import EventEmitter, home_of
from .emitter_listeners import ERROR, Listener, error_of, is_error

Arguments: TypeAlias = tuple[Any, ...]
Hear: TypeAlias = Callable[[Arguments], object]


def once(emitter: EventEmitter, name: Hashable, /) -> Promise[Arguments]:
    """Make a promise of the arguments of the next emission of a name.

    It listens from this call on. An ``"error"`` before that rejects it, unless that is
    the name waited for. Then, and when it is cancelled (``cancel()``, ``timeout()``),
    it listens no more. Cancelling a task that awaits it does not cancel it.

    To wait twice in a row is to miss what is emitted in between, before the second wait
    has begun: use `on` for that.

    Args:
        emitter: the emitter.
        name: the name of the event.

    Returns:
        A promise of the tuple of the arguments. Keyword arguments, if there are any,
        come last in it, as one dict. Its home is the emitter's bus if that is open,
        else the running loop.

    Raises:
        WrongTypeError: this is no emitter.
        NoRunningLoopError: no event loop runs here, and the emitter has no open bus.
    """
    _check_emitter(emitter)
    return _Next(emitter, name).promise


def on(
    emitter: EventEmitter, name: Hashable, /, *, close: Iterable[Hashable] = ()
) -> EmitterStream:
    """Make an async iterator of the arguments of each emission of a name.

    It listens from this call on, and buffers what comes until it is asked for, without
    a limit. Leave it by ``async with``; one that is dropped stops listening, too.

    Args:
        emitter: the emitter.
        name: the name of the event.
        close: names of events that end the iteration, after what is buffered.

    Raises:
        WrongTypeError: this is no emitter, or ``close`` no collection of names.
        NoRunningLoopError: no event loop runs in this thread.
    """
    _check_emitter(emitter)
    return EmitterStream(_Inbox(emitter, name, _names(close)))


class EmitterStream:
    """The emissions of one name, each as the tuple of its arguments; see `on`.

    Keyword arguments, if there are any, come last in the tuple, as one dict. Several
    tasks may iterate: each emission goes to one of them, first come, first served. An
    ``"error"`` ends it: after what is buffered, it is raised to one of them.
    """

    def __init__(self, inbox: _Inbox) -> None:
        self._inbox = inbox
        self._turn = anyio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Arguments:
        """Wait for the next emission. Cancelled, it has taken none."""
        async with self._turn:
            return await self._inbox.take()

    async def aclose(self) -> None:
        """Stop listening. What is buffered can still be had; then it is at its end."""
        self._inbox.end()

    def __del__(self) -> None:
        # A `for` loop left by `break` closes nothing, in Python. We may be anywhere
        # here, so the listeners, whose removal others may hear of, go in the loop.
        self._inbox.drop()


class _Ears:
    """The listeners of one who waits, and their way into the loop they wait in."""

    def __init__(self, emitter: EventEmitter, loop: Loop) -> None:
        self._emitter = emitter
        self._loop = loop
        self._added: list[tuple[Hashable, Listener]] = []

    def listen(self, wanted: Iterable[tuple[Hashable, Hear]]) -> None:
        """Add a listener for each name, or none at all."""
        try:
            for name, hear in wanted:
                self._listen(name, hear)
        except BaseException:
            self.stop()
            raise

    def _listen(self, name: Hashable, hear: Hear) -> None:
        def listener(*args: Any, **kwargs: Any) -> None:
            hear((*args, kwargs) if kwargs else args)

        self._added.append((name, listener))
        self._emitter.on(name, listener)

    def stop(self) -> None:
        """Remove the listeners."""
        added, self._added = self._added, []

        for name, listener in added:
            self._emitter.remove_listener(name, listener)

    def in_loop(self, function: Callable[..., object], *args: object) -> None:
        """Call it in the loop: now, or in the next turn if this is another thread."""
        if self._loop.is_here():
            function(*args)
            return

        try:
            self._loop.call_soon_threadsafe(function, *args)
        except NoRunningLoopError:
            self.stop()  # the loop has ended, and with it who waited there

    def stop_soon(self) -> None:
        """Remove the listeners in the next turn of the loop."""
        if self._added:
            # If the loop has ended, the next emission will find out: see `in_loop`.
            with suppress(NoRunningLoopError):
                self._loop.call_soon_threadsafe(self.stop)


class _Next:
    """What `once` waits with."""

    def __init__(self, emitter: EventEmitter, name: Hashable) -> None:
        home = home_of(emitter)
        self._ears = _Ears(emitter, home.loop)
        self.promise, self._resolve, self._reject = deferred(home, source=self)
        self._ears.listen(_with_error(name, self._fulfil, self._fail))

    def _fulfil(self, args: Arguments) -> None:
        self._ears.stop()
        self._ears.in_loop(self._resolve, args)

    def _fail(self, args: Arguments) -> None:
        self._ears.stop()
        self._ears.in_loop(self._reject, error_of(args, {}))

    def cancel(self) -> None:
        """Stop waiting: the promise was cancelled."""
        self._ears.stop()


class _Inbox:
    """What an iterator has heard and not given yet, and how it ends."""

    def __init__(
        self, emitter: EventEmitter, name: Hashable, closing: Iterable[Hashable]
    ) -> None:
        self._items: deque[Arguments] = deque()
        self._error: BaseException | None = None
        self._ended = False
        self._news: anyio.Event | None = None
        self._ears = _Ears(emitter, current_loop())
        ends = [(each, self.end) for each in closing]
        self._ears.listen([*_with_error(name, self._put, self._fail), *ends])

    async def take(self) -> Arguments:
        """Wait for the next emission, an error, or the end."""
        while not self._items:
            if self._error is not None:
                self._raise()

            if self._ended:
                raise StopAsyncIteration

            self._news = anyio.Event()
            await self._news.wait()

        return self._items.popleft()

    def _raise(self) -> None:
        error, self._error = self._error, None
        assert error is not None

        try:
            raise error
        finally:
            del error  # it is in its own traceback

    def _put(self, args: Arguments) -> None:
        # An emission that had begun before the end may still come by.
        if not self._ended:
            self._items.append(args)
            self._ears.in_loop(self._wake)

    def _fail(self, args: Arguments) -> None:
        if not self._ended:
            self._error = error_of(args, {})
            self.end()

    def end(self, _: Arguments = ()) -> None:
        """Hear nothing more."""
        self._ended = True
        self._ears.stop()
        self._ears.in_loop(self._wake)

    def drop(self) -> None:
        """Hear nothing more, from the next turn on: nobody will ask for it."""
        self._ears.stop_soon()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()


def _with_error(name: Hashable, hear: Hear, fail: Hear) -> list[tuple[Hashable, Hear]]:
    """List what to listen to: the name, and errors unless that is the name."""
    return [(name, hear)] if is_error(name) else [(name, hear), (ERROR, fail)]


def _check_emitter(emitter: object) -> None:
    if not isinstance(emitter, EventEmitter):
        raise WrongTypeError(f"{emitter!r} is no EventEmitter: give one")


def _names(close: Iterable[Hashable]) -> tuple[Hashable, ...]:
    if isinstance(close, str) or not isinstance(close, Iterable):
        raise WrongTypeError(
            f"close={close!r}: give a collection of names, [{close!r}]"
        )

    return tuple(close)
