"""Whether an endpoint is well, and what is told when that changes."""

# Rule 1: a success makes well, whatever was before. Failures count from the first one
#   after it.
# Rule 2: what is told is what differs between before and after. So it is told once, by
#   whoever wrote the difference down.
# Rule 3: an endpoint is reported as failing once, not for each of the deliveries that
#   fail with it, until it has a success.

from __future__ import annotations

__all__ = ("ALARM_AT", "PATIENCE", "Health", "Topic")

from datetime import datetime, timedelta
from typing import Final, Literal, Self, TypeAlias

import attrs

ALARM_AT: Final = 4
"""The failed attempt of a delivery at which its endpoint is reported as failing."""

PATIENCE: Final = timedelta(days=5)
"""How long an endpoint may have nothing but failures before it is disabled."""

Topic: TypeAlias = Literal[
    "webhook.failing", "webhook.exhausted", "webhook.recovered", "webhook.disabled"
]
"""The name of an operational event."""


@attrs.frozen(kw_only=True)
class Health:
    """How an endpoint stands."""

    failing_since: datetime | None = None
    """When the first failure was, since its last success. None: it does not fail."""

    alarmed: bool = False
    """Whether it was told that it fails (``webhook.failing``)."""

    disabled_at: datetime | None = None
    """Since when it is disabled. None: it is enabled."""

    disabled_why: str | None = None
    """Why it is disabled, in words. None if somebody did it by hand and did not say."""

    def succeeded(self) -> Self:
        """Return the health after an answer of 2xx."""
        if self.failing_since is None and not self.alarmed:
            return self

        return attrs.evolve(self, failing_since=None, alarmed=False)

    def failed(
        self, reason: str | None, *, now: datetime, attempts: int, gone: bool
    ) -> Self:
        """Return the health after any other end of an attempt.

        Args:
            reason: why, in words.
            now: when the attempt ended.
            attempts: how many the delivery had, this one included.
            gone: whether the receiver wants nothing any more.
        """
        since = self.failing_since or now
        failing = attrs.evolve(
            self, failing_since=since, alarmed=self.alarmed or attempts >= ALARM_AT
        )

        if gone:
            return failing.disabled(reason, now=now)

        if now - since >= PATIENCE:
            text = f"nothing but failures since {since:%Y-%m-%d %H:%M} UTC"
            return failing.disabled(f"{text}; the last one: {reason}", now=now)

        return failing

    def disabled(self, why: str | None, *, now: datetime) -> Self:
        """Return the health once disabled; disabled already, it stays as it is."""
        if self.disabled_at is not None:
            return self

        return attrs.evolve(self, disabled_at=now, disabled_why=why)

    def topics(self, before: Self, *, dead: bool) -> tuple[Topic, ...]:
        """Return what is to be told, in order.

        Args:
            before: the health that this one was made of.
            dead: whether the delivery is dead now.
        """
        happened: dict[Topic, bool] = {
            "webhook.recovered": before.alarmed and not self.alarmed,
            "webhook.failing": self.alarmed and not before.alarmed,
            "webhook.exhausted": dead,
            "webhook.disabled": before.disabled_at != self.disabled_at is not None,
        }
        return tuple(topic for topic, true in happened.items() if true)
