"""For tests of code that uses Upcall: what was emitted, and a clock turned by hand."""

from __future__ import annotations

__all__ = ("ManualClock", "Record", "record")

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

import anyio
import anyio.lowlevel

from ._events.bus import Bus
from ._events.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Generator


class Record(Sequence[Envelope[Any]]):
    """The envelopes that were heard, in order; like a list."""

    def __init__(self) -> None:
        self._heard: list[Envelope[Any]] = []

    def add(self, envelope: Envelope[Any]) -> None:
        """Hear one."""
        self._heard.append(envelope)

    @property
    def payloads(self) -> list[Any]:
        """The payloads alone."""
        return [envelope.payload for envelope in self._heard]

    @property
    def names(self) -> list[str]:
        """The names alone."""
        return [envelope.name for envelope in self._heard]

    def clear(self) -> None:
        """Forget what was heard so far."""
        self._heard.clear()

    @overload
    def __getitem__(self, index: int) -> Envelope[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[Envelope[Any]]: ...

    def __getitem__(self, index: int | slice) -> Envelope[Any] | list[Envelope[Any]]:
        return self._heard[index]

    def __len__(self) -> int:
        return len(self._heard)

    def __repr__(self) -> str:
        return f"<Record {self._heard!r}>"


@contextmanager
def record(bus: Bus, key: type[Any] | str = "**") -> Generator[Record]:
    """Record what is emitted on a bus while the block runs.

    ``with record(bus, "order.*") as heard:`` gives a list-like of envelopes. It stays
    as it is after the block. Names below ``webhook`` are heard by a key that says so.

    Args:
        bus: the bus; it need not be open.
        key: an event class, a name or a pattern; all events by default.

    Raises:
        MalformedKeyError: this is no key.
    """
    heard = Record()

    with bus.on(key, heard.add, envelope=True):
        yield heard


class ManualClock:
    """A clock that stands still until it is advanced.

    Satisfies `upcall.webhooks.Clock`, so that schedules of days run in milliseconds.
    For one event loop; `now` may be called from any thread.

    Args:
        start: the time it shows at first, in Unix seconds.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, anyio.Event]] = []

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return self._now

    def __call__(self) -> float:
        """Return the time in Unix seconds."""
        return self._now

    @property
    def sleepers(self) -> int:
        """How many wait for a later time."""
        return len(self._sleepers)

    @property
    def next_due(self) -> float | None:
        """The time that the first of those who wait wait for."""
        return min((due for due, _ in self._sleepers), default=None)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by ``seconds``."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return

        place = self._now + seconds, anyio.Event()
        self._sleepers.append(place)

        try:
            await place[1].wait()
        finally:
            if place in self._sleepers:
                self._sleepers.remove(place)

    def advance(self, seconds: float) -> None:
        """Turn the clock forward, and wake those whose time has come, in order.

        Raises:
            ValueError: the clock would go back.
        """
        if seconds < 0:
            raise ValueError(f"advance({seconds!r}): this clock does not go back")

        self._now += seconds
        due = sorted(
            (place for place in self._sleepers if place[0] <= self._now),
            key=lambda place: place[0],
        )

        for place in due:
            self._sleepers.remove(place)
            place[1].set()
