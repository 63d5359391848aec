"""How many requests an endpoint may get in a second, and when the next one may go."""

# Rule 1: this is the generic cell rate algorithm (ITU-T I.371, annex A): all that it
#   remembers is one number. Ours is the moment from which the next request may go.
# Rule 2: a second, wherever it begins, never holds more requests than the rate, rounded
#   up. So there is no bucket of saved-up tokens to empty at once: after a pause, too,
#   requests are spread.
# Rule 3: who is late by up to TOLERANCE catches up. What may come at once by that is
#   taken from the rate in the long run, or rule 2 would not hold: a rate of 20 or more
#   gives at least 95 % of it, a lower one has no such requests and gives all of it.
# Rule 4: time and memory are whole microseconds; nothing here knows the time.
# Rule 5: the time may be a little stale: who asks has read the clock and then waited
#   for the row, and others went before. By that the memory never goes back.

from __future__ import annotations

__all__ = ("STALE", "TOLERANCE", "Rate")

import math
from typing import Final, Self

import attrs

TOLERANCE: Final = 0.05
"""Seconds of delay that cost an endpoint with a high rate no request."""

STALE: Final = 10.0
"""Seconds that may lie between reading a clock and asking."""

_SECOND: Final = 1_000_000


@attrs.frozen
class Rate:
    """What a rate allows. The memory, "soonest", begins at 0."""

    interval: int
    """Microseconds from one request to the next, in the long run."""

    slack: int
    """Microseconds by which one may have been late and still catches up."""

    @classmethod
    def of(cls, per_second: float) -> Self:
        """Return the rate of so many requests per second, which is more than 0."""
        together = 1 + math.floor(TOLERANCE * per_second)
        lasting = min(per_second, math.ceil(per_second) + 1 - together)
        interval = math.ceil(_SECOND / lasting)
        return cls(interval, (together - 1) * interval)

    def allowed(self, soonest: int, *, now: int) -> int:
        """Return how many requests may go now."""
        start = self._start(soonest, now)
        return (now - start) // self.interval + 1 if start <= now else 0

    def spend(self, soonest: int, number: int, *, now: int) -> int:
        """Return from when on the next request may go, after so many now."""
        return self._start(soonest, now) + number * self.interval

    def _start(self, soonest: int, now: int) -> int:
        # Further ahead than that, it is of another rate, or of another clock: one that
        # was turned back. To wait for it could take for ever.
        ahead = soonest - now > 2 * self.interval + STALE * _SECOND
        return now if ahead else max(soonest, now - self.slack)
