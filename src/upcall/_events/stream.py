"""`Stream`: emissions as an async iterator, with a buffer of known size."""

from __future__ import annotations

__all__ = ("Feed", "Overflow", "Stream")

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import RLock
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, get_args

import anyio

from upcall._loops.which import current_loop
from upcall.errors import OptionError, StreamFullError, UpcallError

from .entry import Sink
from .options import Options
from .policies import NOTHING
from .subscription import Subscription

T_co = TypeVar("T_co", covariant=True)

Overflow = Literal["block", "drop_oldest", "drop_newest", "error"]
"""What becomes of a payload for which there is no room."""

Subscribe = Callable[[Callable[[Any], object], Options], Subscription[..., Any]]


class Stream(Generic[T_co]):
    """The payloads of a key, one after the other.

    `Bus.stream` and `Signal.stream` make one. Enter it, once, with ``async with``: it
    is subscribed until it is left. Then iterate, in as many tasks as you like; each
    payload goes to one of them. When the bus closes, the iteration ends after what is
    buffered.

    With ``overflow="block"``, `aemit` waits for room, in order; a task that is the only
    consumer and emits into the stream itself would wait for ever. `emit` cannot wait:
    without room it fails with `StreamFullError`, as with ``"error"``. Nothing is ever
    buffered beyond the capacity (but what waited for room when the bus closed). Its
    length is how many payloads are buffered.

    It belongs to the event loop that it is entered in: iterate there. What it hears may
    be emitted in any thread; in another one nothing can wait for room.

    A cancelled iteration has taken no payload. A cancelled `aemit` that waited for room
    leaves none in the buffer.
    """

    def __init__(
        self,
        feed: Feed,
        idle: Callable[[], AbstractContextManager[None]] = nullcontext,
        opened: Callable[[Feed], None] | None = None,
    ) -> None:
        self._feed = feed
        self._idle = idle
        self._opened = opened

    async def __aenter__(self) -> Self:
        self._feed.begin()

        if self._opened is not None:
            self._opened(self._feed)

        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._feed.end()
        self._feed.buffer.clear()

    def __len__(self) -> int:
        """Return how many payloads are buffered."""
        return len(self._feed.buffer)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """Wait for the next payload. Cancelled, it has taken none.

        While there are payloads in the buffer it comes back without a checkpoint: a
        loop that feeds its own stream has to make one itself, or nobody else runs.
        """
        buffer = self._feed.buffer

        if not self._feed.begun:
            raise UpcallError("a stream is subscribed by `async with`: enter it first")

        while not buffer:
            if buffer.ended:
                raise StopAsyncIteration

            with self._idle():
                await buffer.wait()

        payload: T_co = buffer.pop()
        return payload


class Feed:
    """What a stream lives from: its subscription, and the buffer that is subscribed."""

    def __init__(self, subscribe: Subscribe, capacity: int, overflow: Overflow) -> None:
        if type(capacity) is not int or capacity < 1:
            raise OptionError(f"capacity={capacity!r}: give a whole number from 1 on")

        if overflow not in get_args(Overflow):
            known = ", ".join(repr(word) for word in get_args(Overflow))
            raise OptionError(f"overflow={overflow!r}: give one of {known}")

        self.buffer: _Buffer = _Buffer(capacity, overflow)
        self._subscribe = subscribe
        self._subscription: Subscription[..., Any] | None = None

    @property
    def begun(self) -> bool:
        """Whether it was ever subscribed."""
        return self._subscription is not None

    def begin(self) -> None:
        """Subscribe, in the running loop; once."""
        if self._subscription is not None:
            raise UpcallError("a stream can be entered once: make another one")

        self.buffer.open()
        self._subscription = self._subscribe(self.buffer, Options(kind="sync"))

    @property
    def ended(self) -> bool:
        """Whether it hears nothing more."""
        return self.buffer.ended

    def end(self) -> None:
        """Hear nothing more; the iteration ends after what is buffered."""
        if self._subscription is not None:
            self._subscription.cancel()
            self.buffer.end()


class _Place:
    """A payload that waits for room, and how to say that it is in."""

    __slots__ = ("payload", "taken")

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        self.taken = anyio.Event()


class _Buffer(Sink):
    """What a stream has heard and not given yet, and who waits for room in it."""

    def __init__(self, capacity: int, overflow: Overflow) -> None:
        self._capacity = capacity
        self._overflow: Overflow = overflow
        # What has a greatest length drops the oldest by itself.
        longest = capacity if overflow == "drop_oldest" else None
        self._items: deque[Any] = deque(maxlen=longest)
        self._room_wanted: deque[_Place] = deque()
        self._more: anyio.Event | None = None
        # An RLock, for an object that is heard of as it dies may die while we hold it.
        self._lock = RLock()
        self.ended: bool = False

    def open(self) -> None:
        """Belong to the running loop."""
        self._loop = current_loop()

    def __len__(self) -> int:
        return len(self._items)

    def __call__(self, payload: Any, /) -> object:
        """Take a payload now, from any thread, or do as ``overflow`` says."""
        with self._lock:
            taken = self._put(payload)

        if taken:
            self._loop.call_inside(self._wake)

        return NOTHING

    def take(self, payload: Any, /) -> object:
        """Take a payload now, or give a coroutine that waits for room.

        In another loop than its own it cannot wait: that is like `emit`.
        """
        with self._lock:
            full = not self.ended and not self._has_room()

            if full and self._overflow == "block" and self._loop.is_here():
                place = _Place(payload)
                self._room_wanted.append(place)
                return self._wait_for_room(place)

        return self(payload)

    def _has_room(self) -> bool:
        # Who waits is let in as soon as there is room: so nobody waits if there is.
        return len(self._items) < self._capacity

    def _put(self, payload: Any) -> bool:
        """Put it in, if it may; tell whether it is in."""
        if self.ended:
            return False

        if self._overflow != "drop_oldest" and not self._has_room():
            if self._overflow == "drop_newest":
                return False

            raise self._full()

        self._items.append(payload)
        return True

    def _full(self) -> StreamFullError:
        return StreamFullError(
            f"a stream of capacity {self._capacity} is full, and "
            + (
                "emit cannot wait for room: use aemit, or another overflow"
                if self._overflow == "block"
                else "overflow='error' says to fail"
            )
        )

    def _wake(self) -> None:
        if self._more is not None:
            self._more.set()
            self._more = None

    async def wait(self) -> None:
        """Wait until there is something to look at."""
        if self._more is None:
            self._more = anyio.Event()

        await self._more.wait()

    async def _wait_for_room(self, place: _Place) -> object:
        """Wait until it is in. Cancelled before that, it will not be."""
        try:
            await place.taken.wait()
        except BaseException:
            with self._lock:
                if place in self._room_wanted:
                    self._room_wanted.remove(place)

            raise

        return NOTHING

    def pop(self) -> Any:
        """Give the oldest payload; let the next one in that waits for room."""
        with self._lock:
            payload = self._items.popleft()

            if self._room_wanted:
                self._let_in(self._room_wanted.popleft())

        return payload

    def end(self) -> None:
        """Take nothing more; what waited for room is let in, beyond the capacity.

        Its emissions are under way and were heard: they must not be lost. It may be a
        bus in another thread that closes.
        """
        self.ended = True
        self._loop.call_inside(self._let_all_in)

    def _let_all_in(self) -> None:
        with self._lock:
            while self._room_wanted:
                self._let_in(self._room_wanted.popleft())

        self._wake()

    def _let_in(self, place: _Place) -> None:
        self._items.append(place.payload)
        place.taken.set()

    def clear(self) -> None:
        """Drop what nobody will ask for."""
        self._items.clear()
