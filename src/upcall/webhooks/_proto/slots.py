"""The slots of a worker: how many requests may be in flight, and for whom."""

# Rule 1: endpoints without a success since their last failure share half of the slots.
#   So those that answer always find some, however many others do not.

from __future__ import annotations

__all__ = ("Slots",)

import attrs


@attrs.define
class Slots:
    """What is in flight, out of so many."""

    number: int
    used: int = attrs.field(default=0, init=False)
    used_unproven: int = attrs.field(default=0, init=False)

    @property
    def free(self) -> int:
        """How many more requests may be made."""
        return self.number - self.used

    @property
    def free_unproven(self) -> int:
        """How many of these may go to endpoints that have not proven themselves."""
        return max(0, max(1, self.number // 2) - self.used_unproven)

    def take(self, *, proven: bool) -> None:
        """Count a request that begins."""
        self.used += 1
        self.used_unproven += not proven

    def give(self, *, proven: bool) -> None:
        """Count a request that has ended; with what it began with."""
        self.used -= 1
        self.used_unproven -= not proven
