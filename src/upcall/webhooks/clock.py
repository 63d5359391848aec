"""What time it is, as a thing that can be passed in."""

from __future__ import annotations

__all__ = ("Clock", "SystemClock")

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
