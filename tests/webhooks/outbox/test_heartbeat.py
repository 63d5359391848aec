"""Checks of the heartbeat: it beats while the loop answers, and ends with it."""

from __future__ import annotations

__all__ = ()

import threading

import anyio
import anyio.to_thread

from upcall._loops.which import current_loop
from upcall.webhooks.outbox.heartbeat import Heartbeat


class Heart:
    """Counts beats."""

    def __init__(self, wanted: int = 1) -> None:
        self.beats = 0
        self.wanted = wanted
        self.enough = threading.Event()

    def __call__(self) -> None:
        self.beats += 1

        if self.beats >= self.wanted:
            self.enough.set()


async def test_it_beats_on_and_on() -> None:
    """From a thread of its own, until it is stopped."""
    heart = Heart(3)
    heartbeat = Heartbeat(current_loop(), heart, seconds=0.001)
    heartbeat.start()

    assert await anyio.to_thread.run_sync(heart.enough.wait, 20)
    heartbeat.stop()
    heartbeat.join(20)


class Watch:
    """Shows the time that it is set to, and counts who looks."""

    def __init__(self) -> None:
        self.time = 0.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.time

    def looked_at(self, times: int) -> None:
        """Wait, without letting the loop go on, until it was looked at so often."""
        wanted = self.looks + times

        for _ in range(20_000):
            if self.looks >= wanted:
                return

            threading.Event().wait(0.001)

        raise AssertionError("nobody looks")


async def test_it_stops_for_a_loop_that_does_not_answer() -> None:
    """And goes on when it does again."""
    heart, watch = Heart(), Watch()
    heartbeat = Heartbeat(current_loop(), heart, seconds=0.001, silence=9, now=watch)
    heartbeat.start()
    watch.looked_at(2)
    assert heart.beats > 0

    watch.time = 9.1
    watch.looked_at(2)
    before = heart.beats
    watch.looked_at(3)
    assert heart.beats == before

    heart.enough.clear()
    assert await anyio.to_thread.run_sync(heart.enough.wait, 20)
    heartbeat.stop()
    heartbeat.join(20)


def test_it_ends_with_its_loop() -> None:
    """Nobody is told that it lives then."""
    heart = Heart()

    async def main() -> Heartbeat:
        heartbeat = Heartbeat(current_loop(), heart, seconds=0.001)
        heartbeat.start()
        return heartbeat

    for backend in ("asyncio", "trio"):
        anyio.run(main, backend=backend).join(20)
