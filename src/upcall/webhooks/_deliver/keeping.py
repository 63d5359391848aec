"""The keeper: what a bus asks before it lets anybody hear an event."""

# Who hears an event is decided in the transaction that stores it. What is remembered
# here of endpoints only tells which emissions need not be asked about.

from __future__ import annotations

__all__ = ("Keeping",)

from collections.abc import Callable
from typing import Any, Final

from upcall._events.envelope import Envelope
from upcall._loops.loop import Loop
from upcall.keys import RESERVED, matches
from upcall.webhooks._proto.errors import BridgeClosedError
from upcall.webhooks._proto.news import News
from upcall.webhooks.clock import Clock
from upcall.webhooks.codec import Codec
from upcall.webhooks.outbox.contract import Keep, Kept
from upcall.webhooks.outbox.outbox import Outbox

from .accepting import accept

_OURS: Final = f"{RESERVED}."


class Keeping:
    """Stores the events of a bus that endpoints want; a `Keeper`.

    Args:
        outbox: where to; to be open.
        loop: the event loop of the bridge.
        clock: tells the time.
        codec: turns payloads into JSON.
        max_payload: the largest payload as JSON, in bytes.
        kept: called when there is something new to deliver. From any thread.
        failed: takes the error of an event that was queued and could not be stored.
        tenant: tells whose an event is; None if there are no tenants. What it raises
            comes out of the emission, which is then not stored.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        loop: Loop,
        clock: Clock,
        codec: Codec,
        max_payload: int,
        kept: Callable[[], object],
        failed: Callable[[Exception, Envelope[Any]], object],
        tenant: Callable[[Envelope[Any]], str | None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._loop = loop
        self._clock = clock
        self._codec = codec
        self._max_payload = max_payload
        self._kept = kept
        self._failed = failed
        self._tenant = tenant
        self._closed = False
        self._keys: frozenset[str] = frozenset()
        self._changes = 0

    @property
    def closed(self) -> bool:
        """Whether it refuses events."""
        return self._closed

    def close(self) -> None:
        """Refuse events from now on."""
        self._closed = True

    async def refresh(self) -> bool:
        """Read what the endpoints want; tell whether it has changed since.

        Raises:
            OutboxError: if it cannot be read.
        """
        store, perform = self._outbox.store, self._outbox.writer.perform
        changes = await perform(store.changes)

        if changes == self._changes:
            return False

        self._keys = await perform(store.keys)
        self._changes = changes
        return True

    def wants(self, name: str) -> bool:
        """Tell whether an endpoint that is enabled hears events of this name."""
        return any(matches(key, name) for key in self._keys)

    async def keep(self, envelope: Envelope[Any]) -> None:
        """Store an event and its deliveries, and return when they are on disk.

        Cancelled, it is unknown whether it is stored: the same id again settles that.

        Raises:
            BridgeClosedError: the bridge has been left.
            PayloadError: the payload is no JSON, or too large, or has a downgrade that
                failed.
            OptionError: what was told as its tenant cannot be one.
            ConflictError: the id is in use for another event.
            OutboxError: it could not be stored.
        """
        if _about_news(envelope):
            return

        keep = self._accept(envelope)
        store = self._outbox.store
        self._done(await self._outbox.writer.perform_in_bulk(store.keep, keep))

    def keep_soon(self, envelope: Envelope[Any]) -> None:
        """Queue an event to be stored.

        Raises:
            BridgeClosedError: the bridge has been left.
            PayloadError: the payload is no JSON, or too large, or has a downgrade that
                failed.
            OptionError: what was told as its tenant cannot be one.
            OutboxError: the outbox takes nothing any more.
        """
        if _about_news(envelope):
            return

        keep = self._accept(envelope)

        def done(result: Kept | Exception) -> None:
            if isinstance(result, Kept):
                self._done(result)
            else:
                self._failed(result, envelope)

        self._outbox.writer.queue_in_bulk(
            self._outbox.store.keep, keep, loop=self._loop, done=done
        )

    def _accept(self, envelope: Envelope[Any]) -> Keep:
        if self._closed:
            raise BridgeClosedError(
                f"{envelope.name!r} was emitted after its bridge was closed; it is not "
                "accepted: leave the bridge after whoever emits"
            )

        return accept(
            envelope,
            tenant=None if self._tenant is None else self._tenant(envelope),
            now=self._clock.now(),
            codec=self._codec,
            max_payload=self._max_payload,
        )

    def _done(self, kept: Kept) -> None:
        if kept.deliveries and kept.new:
            self._kept()


def _about_news(envelope: Envelope[Any]) -> bool:
    """Tell whether it is what was found out by delivering what was found out.

    That is heard on the bus and sent nowhere: two endpoints that fail, each of which
    asked to be told of the other, would have us send for ever.
    """
    news = envelope.payload
    return isinstance(news, News) and (news.event or "").startswith(_OURS)
