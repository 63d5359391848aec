"""Forgetting: what has ended long ago is deleted, a little at a time."""

from __future__ import annotations

__all__ = ("prune",)

from collections.abc import Callable
from random import Random
from typing import Final

from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.clock import Clock
from upcall.webhooks.outbox.outbox import Outbox

_EVERY: Final = 60.0
_SLICE: Final = 500
_BETWEEN: Final = 1.0
_NEVER: Final = 0.0


async def prune(
    outbox: Outbox, *, clock: Clock, random: Random, report: Callable[[Exception], None]
) -> None:
    """Delete what the outbox need not keep any longer, now and then, for ever.

    In small slices, so that nobody waits long for a commit; and not at the same moment
    as the other workers do it.
    """
    while True:
        await clock.sleep(_EVERY * random.uniform(0.5, 1.5))

        try:
            while await prune_slice(outbox, now=clock.now()) == _SLICE:
                await clock.sleep(_BETWEEN)
        except OutboxError as error:
            report(error)


async def prune_slice(outbox: Outbox, *, now: float) -> int:
    """Delete at most one slice of messages, and return how many they were."""
    return await outbox.writer.perform(
        outbox.store.prune,
        delivered=_NEVER if outbox.keep is None else now - outbox.keep,
        dead=_NEVER if outbox.keep_dead is None else now - outbox.keep_dead,
        limit=_SLICE,
    )
