"""How many requests of a source are taken in a second."""

from __future__ import annotations

__all__ = ("Limit",)

import math
from typing import Final

import attrs

from upcall.webhooks._proto.rate import Rate

from .refusal import Refusal

_SECOND: Final = 1_000_000


def _rate_of(per_second: float) -> Rate:
    """Return the rate. What may come within a second may come all at once, too."""
    interval = math.ceil(_SECOND / per_second)
    return Rate(interval, max(0, _SECOND - interval))


@attrs.define(eq=False)
class Limit:
    """Counts verified requests; belongs to one event loop at a time."""

    _rate: Rate = attrs.field(alias="per_second", converter=_rate_of)
    _soonest: int = 0

    def spend(self, *, now: float) -> None:
        """Count a request, or refuse it.

        Args:
            now: Unix seconds.

        Raises:
            Refusal: 429; says when there will be room again.
        """
        moment = int(now * _SECOND)

        if not self._rate.allowed(self._soonest, now=moment):
            seconds = math.ceil((self._soonest - moment) / _SECOND)
            raise Refusal(
                429,
                f"more requests than its rate allows; {seconds} s until the next",
                headers=[("retry-after", str(seconds))],
            )

        self._soonest = self._rate.spend(self._soonest, 1, now=moment)
