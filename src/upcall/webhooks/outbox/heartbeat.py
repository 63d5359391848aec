"""A worker's heartbeat: it says every two seconds that it lives."""

# Rule 1: it has a thread of its own: an event loop that is busy for a while does not
#   cost a worker its claims.
# Rule 2: but a loop that does not answer for long makes no deliveries either: then the
#   heart stops, and others take over what was claimed.

from __future__ import annotations

__all__ = ("BEAT", "SILENCE", "Heartbeat")

import threading
import time
from collections.abc import Callable
from typing import Final

from upcall._loops.loop import Loop
from upcall.errors import NoRunningLoopError

BEAT: Final = 2.0
"""Seconds from one beat to the next."""

SILENCE: Final = 10.0
"""Seconds without an answer of the loop after which the heart stops."""


class Heartbeat:
    """Calls a function every two seconds, as long as the event loop answers.

    Args:
        loop: whose answers are waited for.
        beat: called in a thread of ours; it must not raise.
        seconds: from one beat to the next.
        silence: how long the loop may be silent.
        now: tells the seconds since some moment.
    """

    def __init__(
        self,
        loop: Loop,
        beat: Callable[[], object],
        *,
        seconds: float = BEAT,
        silence: float = SILENCE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._beat = beat
        self._seconds = seconds
        self._silence = silence
        self._now = now
        self._answered = now()
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="upcall-heartbeat", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end. It does not wait for it: a last beat may still come."""
        self._ended.set()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread.

        Raises:
            TimeoutError: if it did not come in time.
        """
        self._thread.join(seconds)

        if self._thread.is_alive():
            raise TimeoutError(f"the heartbeat did not end within {seconds:g} s")

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self._loop.call_soon_threadsafe(self._answer)
            except NoRunningLoopError:
                return

            if self._now() - self._answered <= self._silence + self._seconds:
                self._beat()

    def _answer(self) -> None:
        self._answered = self._now()
