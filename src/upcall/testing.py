"""For tests of code that uses Upcall: what was emitted, and a clock turned by hand."""

from __future__ import annotations

__all__ = ("ManualClock", "Record", "record")

import math
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

import anyio
import anyio.lowlevel

from ._events.bus import Bus
from ._events.envelope import Envelope
from ._events.inside import hub_of
from ._promises.arguments import check_seconds
from .errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Generator


class Record(Sequence[Envelope[Any]]):
    """The envelopes that were heard, in order; like a list.

    Made by `record`. It may be read in any thread.
    """

    def __init__(self, heard: list[Envelope[Any]]) -> None:
        self._heard = heard

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
    What is emitted in other threads is recorded too, and so is what is emitted when the
    block is left by an exception or a cancellation, until then. It is a subscription
    like others: `emit` counts it.

    Args:
        bus: the bus; it need not be open.
        key: an event class, a name or a pattern; all events by default.

    Raises:
        MalformedKeyError: this is no key.
        OptionError: this is no bus.
    """
    hub_of(bus)
    envelopes: list[Envelope[Any]] = []

    with bus.on(key, envelopes.append, envelope=True):
        yield Record(envelopes)


class ManualClock:
    """A clock that stands still until it is advanced.

    Satisfies `upcall.webhooks.Clock`, so that schedules of days run in milliseconds.
    For one event loop; `now` may be called from any thread.

    Args:
        start: the time it shows at first, in Unix seconds.

    Raises:
        OptionError: that is no time.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        check_seconds("start", start)
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
        """Wait until the clock was advanced by ``seconds``.

        At once, after a checkpoint, for none or less. Cancelled, it waits no more.

        Raises:
            OptionError: that is no number of seconds.
        """
        check_seconds("seconds", seconds, least=-math.inf)

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

        Args:
            seconds: how far. Those who wait go on when the loop runs next.

        Raises:
            OptionError: the clock would go back, or that is no number of seconds.
        """
        check_seconds("seconds", seconds, least=-math.inf)

        if seconds < 0:
            raise OptionError(f"advance({seconds!r}): this clock does not go back")

        self._now += seconds
        due = sorted(
            (place for place in self._sleepers if place[0] <= self._now),
            key=lambda place: place[0],
        )

        for place in due:
            self._sleepers.remove(place)
            place[1].set()
