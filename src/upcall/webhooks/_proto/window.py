"""How many requests an endpoint may have in flight, and when it pauses."""

# Rule 1: the window starts at 1, doubles with each success up to the endpoint's
#   concurrency, and falls to 1 at a failure. So an endpoint has to earn its share.
# Rule 2: a failure also pauses the endpoint; failures in a row make the breaks longer.
# Rule 3: requests that were already in flight when a pause began belong to the same
#   failure: eight that fail together are one reason to wait, not eight.
# Rule 4: a window that is full and unbroken does not change with another success, so
#   that a healthy endpoint costs the store no write.

from __future__ import annotations

__all__ = ("FIRST_BREAK", "LONGEST_BREAK", "Window")

from typing import Final, Self

import attrs

from .schedule import CAP

FIRST_BREAK: Final = 0.1
"""Seconds of pause after a first failure; it doubles with every further one."""

LONGEST_BREAK: Final = 60.0
"""Seconds after which an endpoint that fails on and on is tried again."""

_MANY: Final = 16


@attrs.frozen(kw_only=True)
class Window:
    """What an endpoint's last attempts have earned it."""

    size: int = 1
    """How many requests it may have in flight."""

    proven: bool = False
    """Whether it had a success since its last failure."""

    failures: int = 0
    """Failures in a row."""

    paused_until: float = 0.0
    """Nothing is claimed for it before this Unix time."""

    def room(self, *, concurrency: int, in_flight: int) -> int:
        """Return how many requests may be added to those in flight."""
        return max(0, min(self.size, concurrency) - in_flight)

    def succeeded(self, *, concurrency: int) -> Self:
        """Return the window after an answer of 2xx."""
        if self.proven and not self.failures and self.size == concurrency:
            return self

        return attrs.evolve(
            self, size=min(self.size * 2, concurrency), proven=True, failures=0
        )

    def failed(self, *, now: float, started: float, hint: float | None = None) -> Self:
        """Return the window after any other end of an attempt.

        Args:
            now: when the attempt ended, in Unix seconds.
            started: when it began.
            hint: the seconds for which the receiver asked to be left alone.
        """
        known = started < self.paused_until
        failures = self.failures if known and self.failures else self.failures + 1
        wait = max(_break(failures), min(hint or 0.0, CAP))
        until = self.paused_until if known and hint is None else now + wait
        return attrs.evolve(
            self,
            size=1,
            proven=False,
            failures=failures,
            paused_until=max(self.paused_until, until),
        )


def _break(failures: int) -> float:
    """Return the pause after so many failures in a row, in seconds."""
    return min(FIRST_BREAK * 2.0 ** min(failures - 1, _MANY), LONGEST_BREAK)
