"""The keeper: what a bus asks before it lets anybody hear an event."""

# Who hears an event is decided in the transaction that stores it. What is remembered
# here of endpoints only tells which emissions need not be asked about.

from __future__ import annotations

__all__ = ("Keeping",)

from collections.abc import Callable, Sequence
from typing import Any

from upcall._events.envelope import Envelope
from upcall._events.event import version_of
from upcall._loops.loop import Loop
from upcall.webhooks._proto.endpoint import Endpoint, hears
from upcall.webhooks._proto.errors import BridgeClosedError, PayloadError
from upcall.webhooks._proto.message import Message
from upcall.webhooks.clock import Clock
from upcall.webhooks.codec import Codec
from upcall.webhooks.outbox.contract import Keep, Kept
from upcall.webhooks.outbox.outbox import Outbox


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
    ) -> None:
        self._outbox = outbox
        self._loop = loop
        self._clock = clock
        self._codec = codec
        self._max_payload = max_payload
        self._kept = kept
        self._failed = failed
        self._closed = False
        self._endpoints: Sequence[Endpoint] = ()
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

        self._endpoints = await perform(store.endpoints)
        self._changes = changes
        return True

    def wants(self, name: str) -> bool:
        """Tell whether an endpoint that is enabled hears events of this name."""
        return any(each.enabled and hears(each, name) for each in self._endpoints)

    async def keep(self, envelope: Envelope[Any]) -> None:
        """Store an event and its deliveries, and return when they are on disk.

        Cancelled, it is unknown whether it is stored: the same id again settles that.

        Raises:
            BridgeClosedError: the bridge has been left.
            PayloadError: the payload is no JSON, or too large.
            ConflictError: the id is in use for another event.
            OutboxError: it could not be stored.
        """
        keep = self._accept(envelope)
        store = self._outbox.store
        self._done(await self._outbox.writer.perform_in_bulk(store.keep, keep))

    def keep_soon(self, envelope: Envelope[Any]) -> None:
        """Queue an event to be stored.

        Raises:
            BridgeClosedError: the bridge has been left.
            PayloadError: the payload is no JSON, or too large.
            OutboxError: the outbox takes nothing any more.
        """
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

        message = Message(
            id=envelope.id,
            name=envelope.name,
            time=envelope.time,
            data=self._encode(envelope),
            version=version_of(envelope.payload),
        )
        return Keep(message=message, now=self._clock.now())

    def _encode(self, envelope: Envelope[Any]) -> bytes:
        data = self._codec.encode(envelope.payload)

        if len(data) > self._max_payload:
            raise PayloadError(
                f"the payload of {envelope.name!r} is {len(data)} bytes as JSON, and "
                f"{self._max_payload} are allowed: send less, or raise max_payload="
            )

        return data

    def _done(self, kept: Kept) -> None:
        if kept.deliveries and kept.new:
            self._kept()
