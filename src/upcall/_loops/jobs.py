"""The job queue: what promises do next, in order, one drain per turn of the loop."""

# Rule 1: one queue per event loop. Jobs run first in, first out, and a job that is put
#   in while the queue is drained runs in the same drain (A+ 1.1, note 3.1).
# Rule 2: a drain stops after BUDGET jobs and goes on in the next turn of the loop, so
#   that a chain without an end does not keep the loop from its sockets.
# Rule 3: whatever flies out of a job, the jobs behind it still run.

from __future__ import annotations

__all__ = ("BUDGET", "Job", "JobQueue")

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

Job: TypeAlias = tuple[Callable[[Any, Any], object], Any, Any]
"""A function and its two arguments: the one shape that is cheap to call."""

BUDGET: Final = 10_000
"""The most jobs of one drain: a chain of thousands still takes one turn."""


class JobQueue:
    """The jobs of one event loop. To be used in the loop's own thread only.

    Attributes:
        put: append a `Job`. Whoever puts sees to it that the queue is armed:
            ``if not jobs.armed: jobs.arm()``. This is the fast way; `later` is the
            convenient one.
        armed: whether a drain is due or under way.
    """

    __slots__ = ("_closing", "_jobs", "_soon", "armed", "put")

    def __init__(self, soon: Callable[[Callable[[], None]], object]) -> None:
        self._soon = soon
        self._jobs: deque[Job] = deque()
        self._closing: list[Job] = []
        self.put: Callable[[Job], None] = self._jobs.append
        self.armed: bool = False

    def later(self, job: Callable[..., object], *args: Any) -> None:
        """Run the job after those that wait already, in this turn or the next."""
        self.put((_call, job, args))

        if not self.armed:
            self.arm()

    def at_end(self, job: Callable[..., object], *args: Any) -> None:
        """Run the job once no other is left: at the end of the turn.

        Jobs that it puts into the queue start the turn anew, so "the end" is told
        again to those who ask again.
        """
        self._closing.append((_call, job, args))

        if not self.armed:
            self.arm()

    @property
    def pending(self) -> bool:
        """Whether anything is still to be run, the rest of this drain included."""
        return self.armed

    def arm(self) -> None:
        """Ask the loop for a drain. Does not look whether one is due already."""
        self.armed = True
        self._soon(self._drain)

    def _drain(self) -> None:
        try:
            self._run()
        finally:
            if self._jobs or self._closing:
                self.arm()
            else:
                self.armed = False

    def _run(self) -> None:
        jobs, pop = self._jobs, self._jobs.popleft
        job: Any = None
        first: Any = None
        second: Any = None

        try:
            for _ in range(BUDGET):
                if not jobs:
                    if not self._closing:
                        return

                    jobs.extend(self._closing)
                    self._closing.clear()

                job, first, second = pop()
                job(first, second)
        finally:
            # The traceback of an error that a job has kept leads back to this frame:
            # leave nothing in it that leads to the job.
            job = first = second = None


def _call(job: Callable[..., object], args: tuple[Any, ...]) -> None:
    try:
        job(*args)
    finally:
        del job, args  # for the same reason
