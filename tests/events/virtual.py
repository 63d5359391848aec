"""Virtual time: loops whose clocks jump to the next timer when nothing else is left.

So a test may wait for a minute in no time, and nothing is ever too early or too late.
"""

# A module of tests uses it by a fixture `anyio_backend` of its own, with LOOPS as its
# parameters, that returns `backend` of each.
# uvloop keeps its time by itself and cannot take part.
# A clock does not know of threads: it jumps while one is at work.

from __future__ import annotations

__all__ = ("LOOPS", "Backend", "VirtualLoop", "backend")

import asyncio
import selectors
from typing import Any

from trio.testing import MockClock

Backend = tuple[str, dict[str, Any]]

LOOPS = ("asyncio", "trio")


class _JumpingSelector(selectors.DefaultSelector):
    """Where others would wait for a time to come, this one goes there."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return super().select()

        events = super().select(0)

        if not events:
            self.now += max(timeout, 0)

        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with virtual time, from 0 on."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def backend(name: str) -> Backend:
    """Give a loop with virtual time, as the fixture `anyio_backend` is to give it."""
    if name == "trio":
        return name, {"clock": MockClock(autojump_threshold=0)}

    return name, {"loop_factory": VirtualLoop}
