"""The bridge: from a bus into an outbox, and from there to the endpoints."""

# Rule 1: a bridge is no callback. It stores first; callbacks are called when what is to
#   be delivered is safe, or not at all (see `_deliver.keeping`).
# Rule 2: what was accepted is never dropped. Leaving takes what the bus still emits,
#   then refuses aloud, then writes what is queued, and only then lets go.

from __future__ import annotations

__all__ = ("MAX_PAYLOAD", "Bridge", "BridgeStatistics")

import contextlib
from collections.abc import Callable, Iterable
from random import Random
from types import TracebackType
from typing import Any, Final, Self

import anyio
import attrs

from upcall._events.bus import Bus
from upcall._events.envelope import Envelope
from upcall._events.inside import hub_of
from upcall._loops.which import current_loop
from upcall.errors import OptionError

from ._deliver.deliverer import Deliverer
from ._deliver.keeping import Keeping
from ._deliver.management import Management
from ._deliver.parts import (
    check_clock,
    check_codec,
    check_guard,
    check_random,
    check_transport,
    outbox_of,
)
from ._deliver.running import Running
from ._deliver.telling import tell_bus
from ._proto.errors import BridgeClosedError, OutboxError
from ._proto.news import News
from ._proto.schedule import DEFAULT, check_schedule
from ._proto.tenant import check_tenant
from .clock import Clock, SharedClock
from .codec import JSON, Codec
from .outbox.outbox import Outbox
from .transport.contract import Transport
from .transport.guard import Guard
from .transport.post import PostTransport
from .versions import MAX_PAYLOAD

_WATCH: Final = 1.0


@attrs.frozen(kw_only=True)
class BridgeStatistics:
    """What is in the outbox, and what this bridge is doing."""

    endpoints: int
    waiting: int
    claimed: int
    delivered: int
    dead: int
    cancelled: int
    in_flight: int
    """Requests that this bridge has under way."""

    queued: int
    """Operations that wait for this process's next commit."""


class Bridge(Management):
    """Delivers the events of a bus to endpoints, at least once, whatever happens.

    Open it with ``async with``, before or after its bus. While it is open, an `aemit`
    of an event that an endpoint wants calls its callbacks, and returns, only after the
    event is on disk; a failure to store ends it with `OutboxError`. `emit` queues: a
    failure to store goes to the bus's ``on_error``. A payload that cannot be sent is
    refused by both with `PayloadError`, and no callback is called.

    Leaving it drains the bus (for the bus's ``grace`` at most), refuses later events
    with `BridgeClosedError`, writes what is queued, and gives what is in flight five
    seconds. What waits is delivered when the outbox is opened again. An exception out
    of the block skips the waiting.

    Args:
        bus: whose events are delivered.
        outbox: a database URL, or an `Outbox`.
        guard: which URLs and addresses may be used; only public ones by default.
        transport: makes the requests, and is not closed here; by default our own,
            behind the guard.
        schedule: the seconds before each attempt, for endpoints without one.
        clock: tells the time, and waits.
        random: throws the dice for the jitter.
        codec: turns payloads into JSON.
        max_payload: the largest payload as JSON, in bytes.
        tenant: whose the events are: a function of the envelope, or one and the same
            tenant for all. None if there are no tenants.
        source: the ``source`` of CloudEvents, a URI; endpoints with that format need
            one.
        deliver: whether to deliver, or only to store for other processes.

    Raises:
        OutboxError: if the URL is none that we know.
        OptionError: if something else is not what it should be.
    """

    def __init__(
        self,
        bus: Bus,
        outbox: Outbox | str,
        *,
        guard: Guard | None = None,
        transport: Transport | None = None,
        schedule: Iterable[float] = DEFAULT,
        clock: Clock | None = None,
        random: Random | None = None,
        codec: Codec = JSON,
        max_payload: int = MAX_PAYLOAD,
        tenant: Callable[[Envelope[Any]], str | None] | str | None = None,
        source: str | None = None,
        deliver: bool = True,
    ) -> None:
        super().__init__(
            outbox_of(outbox),
            clock=check_clock(clock) or SharedClock(),
            schedule=check_schedule(schedule),
            codec=check_codec(codec),
            guard=check_guard(guard) or Guard(),
            source=source,
        )
        self._bus = bus
        self._hub = hub_of(bus)
        self._given_transport = check_transport(transport)
        self._random = check_random(random)
        self._max_payload = _check_size(max_payload)
        self._tenant = _tenant_of(tenant)
        self._deliver = deliver
        self._running: Running | None = None
        self._left = False

    # --- opening and leaving ---

    async def __aenter__(self) -> Self:
        if self._running is not None or self._left:
            raise BridgeClosedError("a bridge is opened once: make another one")

        await self._outbox.open()
        self._running = self._new_running()

        try:
            await self._correct_clock()
            await self._refresh()
            await self._start(self._running)
        except BaseException as error:
            await self._leave(error)
            raise

        self._hub.add_keeper(self._running.keeping)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:  # not bool: type checkers would think that it swallows errors
        try:
            if error is None:
                await self._drain()
        except BaseException as interrupted:
            if await self._leave(interrupted):
                return False

            raise

        return await self._leave(error)

    async def _drain(self) -> None:
        """Take what the bus still emits, for as long as its users let it."""
        grace = self._bus.grace

        with contextlib.nullcontext() if grace is None else anyio.move_on_after(grace):
            await self._bus.drain()

    def _new_running(self) -> Running:
        own = self._given_transport is None and self._deliver
        loop = current_loop()
        return Running(
            keeping=Keeping(
                self._outbox,
                loop=loop,
                clock=self._clock,
                codec=self._codec,
                max_payload=self._max_payload,
                kept=self._wake,
                failed=self._report,
                tenant=self._tenant,
            ),
            transport=PostTransport(self._guard) if own else None,
            loop=loop,
        )

    async def _correct_clock(self) -> None:
        if isinstance(self._clock, SharedClock):
            self._clock.correct(await self._perform(self._outbox.store.time))

    async def _start(self, running: Running) -> None:
        worker = None
        transport = self._given_transport or running.transport

        if self._deliver and transport is not None:
            worker = Deliverer(
                self._outbox,
                transport=transport,
                clock=self._clock,
                random=self._random,
                report=self._report,
                tell=self._tell,
            )

        await running.start(worker, self._watch)

    async def _leave(self, error: BaseException | None) -> bool:
        """Take nothing more, write what is queued, end the rest; as `__aexit__`."""
        self._left = True
        running = self._opened()
        running.keeping.close()

        try:
            await self._flush()
            return await running.end(error)
        finally:
            await self._outbox.close()

    async def _flush(self) -> None:
        """Return when all has been written that was queued before."""
        try:
            with anyio.CancelScope(shield=True):
                await self._perform(self._outbox.store.changes)
        except OutboxError as error:
            self._report(error)

    async def statistics(self) -> BridgeStatistics:
        """Count what is in the outbox, and what this bridge is doing.

        It looks at every delivery: with a million of them it takes a while, in which
        nothing else is written.
        """
        counts = await self._perform(self._outbox.store.counts)
        worker = self._opened().worker
        return BridgeStatistics(
            endpoints=counts.endpoints,
            waiting=counts.waiting,
            claimed=counts.claimed,
            delivered=counts.delivered,
            dead=counts.dead,
            cancelled=counts.cancelled,
            in_flight=0 if worker is None else worker.in_flight,
            queued=self._outbox.writer.queued,
        )

    # --- inside ---

    async def _changed(self) -> None:
        await self._refresh()
        self._wake()

    async def _refresh(self) -> None:
        """Let the bus ask us anew what we want, if endpoints have changed."""
        if await self._opened().keeping.refresh():
            self._hub.keepers_changed()

    async def _watch(self) -> None:
        """Notice when somebody else who uses the outbox has changed an endpoint."""
        while True:
            await self._clock.sleep(_WATCH)

            try:
                await self._refresh()
            except OutboxError as error:
                self._report(error)

    def _opened(self) -> Running:
        if self._running is None:
            raise BridgeClosedError("the bridge is not open: use it with 'async with'")

        return self._running

    def _wake(self) -> None:
        running = self._opened()

        if running.worker is None:
            return

        if running.loop.is_here():
            running.worker.wake()
        else:
            running.loop.call_soon_threadsafe(running.worker.wake)

    def _tell(self, news: News) -> None:
        tell_bus(self._bus, news)

    def _report(self, error: Exception, envelope: Envelope[Any] | None = None) -> None:
        self._hub.report(error, None, envelope)


def _check_size(largest: object) -> int:
    if isinstance(largest, int) and not isinstance(largest, bool) and largest > 0:
        return largest

    raise OptionError(f"max_payload={largest!r}: give a number of bytes, from 1 on")


def _tenant_of(
    tenant: Callable[[Envelope[Any]], str | None] | str | None,
) -> Callable[[Envelope[Any]], str | None] | None:
    if tenant is None or callable(tenant):
        return tenant

    always = check_tenant(tenant)
    return lambda _: always
