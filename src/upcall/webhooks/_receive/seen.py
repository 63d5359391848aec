"""What a source has seen lately, so that a copy of a request is no second event."""

# Rule 1: an id is seen when its event has been handled, never before. While it is being
#   handled, copies wait for how it ends; if it fails the id is free again.
# Rule 2: the memory is bounded twice: by how long a sender may send again, and by
#   number. The oldest go first.

from __future__ import annotations

__all__ = ("CAPACITY", "Seen")

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import attrs

from .refusal import Refusal

CAPACITY: Final = 100_000
"""How many ids one source remembers: 25 MB of them, 80 where they are not signed."""


@attrs.define(eq=False)
class _Expiring:
    """A mapping of text to text that forgets with time and beyond a number."""

    keep: float
    capacity: int
    entries: OrderedDict[str, tuple[float, str]] = attrs.field(
        factory=OrderedDict[str, tuple[float, str]]
    )
    """Oldest first: the value, and the time it was put there. No plain dict, which
    looks for its first entry among all that were deleted before it."""

    def get(self, key: str, *, now: float) -> str | None:
        since, value = self.entries.get(key, (0.0, None))
        return value if now - since < self.keep else None

    def put(self, key: str, value: str, *, now: float) -> None:
        entries = self.entries
        entries.pop(key, None)
        entries[key] = now, value

        while len(entries) > self.capacity or self._is_over(next(iter(entries)), now):
            entries.popitem(last=False)

    def drop(self, key: str, *, value: str) -> None:
        if self.entries.get(key, (0.0, None))[1] == value:
            del self.entries[key]

    def _is_over(self, key: str, now: float) -> bool:
        return now - self.entries[key][0] >= self.keep


@attrs.define(eq=False)
class _Running:
    """An event that is being handled, and the copies that wait for how it ends."""

    ended: anyio.Event | None = None
    """Set in the end; made by the first copy."""

    failed: bool = True


class Seen:
    """The ids of one source, in memory. Belongs to one event loop at a time.

    Args:
        keep: seconds for which an id is remembered.
        capacity: how many are.
    """

    def __init__(self, *, keep: float, capacity: int = CAPACITY) -> None:
        self._done = _Expiring(keep, capacity)
        self._holders = _Expiring(keep, capacity)
        self._stems = _Expiring(keep, capacity)
        self._running: dict[str, _Running] = {}

    def is_replay(self, id: str, digest: str, *, now: float) -> bool:
        """Tell whether these signed bytes came under another id before.

        The first id to ask becomes their holder, at once: of many replays at the same
        time only one is the first.
        """
        holder = self._holders.get(digest, now=now)

        if holder is None:
            self._holders.put(digest, id, now=now)

        return holder not in (None, id)

    def is_altered(self, id: str, stem: str, *, now: float) -> bool:
        """Tell whether an id with this stem came before, and not this one."""
        first = self._stems.get(stem, now=now)

        if first is None:
            self._stems.put(stem, id, now=now)

        return first not in (None, id)

    async def once(
        self,
        id: str,
        work: Callable[[], Awaitable[object]],
        *,
        digest: str | None = None,
        now: Callable[[], float],
    ) -> bool:
        """Do the work unless it was done under this id; tell whether this call did it.

        A failure or a cancellation frees the id, and the bytes it is the holder of.

        Args:
            id: under which it is done.
            work: what to do.
            digest: what `is_replay` was asked about, if it was.
            now: tells the time.

        Raises:
            Refusal: 500, if the copy that was being handled failed.
            Exception: whatever the work raises.
        """
        if self._done.get(id, now=now()) is not None:
            return False

        if id in self._running:
            await _wait_for(self._running[id])
            return False

        await self._run(id, digest, work)
        self._done.put(id, "", now=now())
        return True

    async def _run(
        self,
        id: str,
        digest: str | None,
        work: Callable[[], Awaitable[object]],
    ) -> None:
        running = self._running[id] = _Running()

        try:
            await work()
            running.failed = False
        finally:
            del self._running[id]

            if running.ended is not None:
                running.ended.set()

            if running.failed and digest:
                self._holders.drop(digest, value=id)


async def _wait_for(running: _Running) -> None:
    if running.ended is None:
        running.ended = anyio.Event()

    await running.ended.wait()

    if running.failed:
        raise Refusal(500, "the first copy of this request failed")
