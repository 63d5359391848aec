"""What time it is, as a thing that can be passed in."""

from __future__ import annotations

__all__ = ("Clock", "SharedClock", "SystemClock")

import time
from typing import Protocol

import anyio


class Clock(Protocol):
    """Tells the time and waits. `upcall.testing.ManualClock` is one turned by hand."""

    def now(self) -> float:
        """Return the time in Unix seconds. May be called from any thread."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` have gone by on this clock."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop, whichever it is."""
        await anyio.sleep(seconds)


class SharedClock(SystemClock):
    """The clock of the machine, put right by one that several machines share.

    `correct` may be called from any thread, like `now`.
    """

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        """Return the shared time in Unix seconds."""
        return super().now() + self._offset

    def correct(self, shared: float | None) -> None:
        """Take over what the shared clock shows now; None changes nothing."""
        if shared is not None:
            self._offset = shared - super().now()
