"""The bridge: from a bus into an outbox, and from there to the endpoints."""

# Rule 1: a bridge is no callback. It stores first; callbacks are called when what is to
#   be delivered is safe, or not at all (see `_deliver.keeping`).
# Rule 2: what was accepted is never dropped. Leaving takes what the bus still emits,
#   then refuses aloud, then writes what is queued, and only then lets go.

from __future__ import annotations

__all__ = ("MAX_PAYLOAD", "Bridge", "Statistics")

from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar

import anyio
import attrs

from upcall._events.bus import Bus
from upcall._events.envelope import Envelope
from upcall._loops.which import current_loop
from upcall.errors import OptionError

from ._deliver.keeping import Keeping
from ._deliver.registration import complete_endpoint
from ._deliver.running import Running
from ._deliver.worker import Worker
from ._proto.delivery import Attempt, Delivery, State
from ._proto.endpoint import Endpoint
from ._proto.errors import BridgeClosedError, OutboxError
from ._proto.schedule import DEFAULT, check_schedule
from .clock import Clock, SystemClock
from .codec import JSON, Codec
from .outbox.outbox import Outbox
from .transport.contract import Transport
from .transport.guard import Guard
from .transport.post import PostTransport

_P = ParamSpec("_P")
_R = TypeVar("_R")

MAX_PAYLOAD: Final = 256 * 1024
"""The largest payload as JSON, in bytes."""

_WATCH: Final = 1.0


@attrs.frozen(kw_only=True)
class Statistics:
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


class Bridge:
    """Delivers the events of a bus to endpoints, at least once, whatever happens.

    Open it with ``async with``, before or after its bus. While it is open, an `aemit`
    of an event that an endpoint wants calls its callbacks, and returns, only after the
    event is on disk; a failure to store ends it with `OutboxError`. `emit` queues: a
    failure goes to the bus's ``on_error``.

    Leaving it drains the bus, refuses later events with `BridgeClosedError`, writes
    what is queued, and gives what is in flight five seconds. What waits is delivered
    when the outbox is opened again. An exception out of the block skips the waiting.

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
        deliver: whether to deliver, or only to store for other processes.

    Raises:
        OutboxError: if the URL is none that we know.
        OptionError: if the schedule is none.
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
        deliver: bool = True,
    ) -> None:
        self._bus = bus
        self._outbox = Outbox(outbox) if isinstance(outbox, str) else outbox
        self._guard = guard or Guard()
        self._given_transport = transport
        self._schedule = check_schedule(schedule)
        self._clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311 (jitter is no secret)
        self._codec = codec
        self._max_payload = max_payload
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
            await self._refresh()
            await self._start(self._running)
        except BaseException as error:
            await self._leave(error)
            raise

        self._bus.add_keeper(self._running.keeping)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:  # not bool: type checkers would think that it swallows errors
        try:
            if error is None:
                await self._bus.drain()
        except BaseException as interrupted:
            if await self._leave(interrupted):
                return False

            raise

        return await self._leave(error)

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
            ),
            transport=PostTransport(self._guard) if own else None,
            loop=loop,
        )

    async def _start(self, running: Running) -> None:
        worker = None
        transport = self._given_transport or running.transport

        if self._deliver and transport is not None:
            worker = Worker(
                self._outbox,
                transport=transport,
                clock=self._clock,
                random=self._random,
                report=self._report,
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

    # --- endpoints ---

    async def add(self, endpoint: Endpoint) -> Endpoint:
        """Register an endpoint, and return it as it is stored.

        Classes among its events have become names, and a schedule of the bridge's has
        been filled in. To register the same endpoint again, with the same id, does
        nothing. Other processes with this outbox heed it from the next event they
        store; one that had no endpoint for an event before, within a second.

        Raises:
            EndpointError: if something about it is wrong, or its id is in use for
                another one; it says what to do.
            OutboxError: if it could not be stored.
        """
        whole = self._completed(endpoint)
        add = self._outbox.store.add
        stored = await self._perform(add, whole, now=self._clock.now())
        await self._refresh()
        return stored

    async def update(self, endpoint: Endpoint) -> Endpoint:
        """Replace the endpoint of this id by another one; else like `add`.

        What waits is attempted with the new fields.

        Raises:
            EndpointError: if something about it is wrong, or there is none of this id.
            OutboxError: if it could not be stored.
        """
        whole = self._completed(endpoint)
        await self._perform(self._outbox.store.update, whole)
        await self._refresh()
        self._wake()
        return whole

    async def remove(self, endpoint: Endpoint | str) -> None:
        """Take an endpoint out; what waits for it is cancelled.

        What is in flight may still be delivered. Its secrets are forgotten.

        Raises:
            EndpointError: if there is none.
        """
        store = self._outbox.store
        await self._perform(store.remove, _id_of(endpoint), now=self._clock.now())
        await self._refresh()

    async def enable(self, endpoint: Endpoint | str) -> None:
        """Let an endpoint have new deliveries, and attempt those that wait.

        Raises:
            EndpointError: if there is none.
        """
        await self._switch(endpoint, enabled=True)
        self._wake()

    async def disable(self, endpoint: Endpoint | str) -> None:
        """Make no new deliveries for an endpoint, and leave those that wait alone.

        Raises:
            EndpointError: if there is none.
        """
        await self._switch(endpoint, enabled=False)

    async def endpoints(self) -> list[Endpoint]:
        """Return the endpoints, in the order they were added."""
        return list(await self._perform(self._outbox.store.endpoints))

    async def _switch(self, endpoint: Endpoint | str, *, enabled: bool) -> None:
        store = self._outbox.store
        await self._perform(store.enable, _id_of(endpoint), enabled=enabled)
        await self._refresh()

    def _completed(self, endpoint: Endpoint) -> Endpoint:
        return complete_endpoint(
            endpoint, schedule=self._schedule, codec=self._codec, guard=self._guard
        )

    # --- records ---

    async def deliveries(
        self,
        *,
        endpoint: Endpoint | str | None = None,
        state: State | str | None = None,
        before: Delivery | int | datetime | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, the newest first.

        Args:
            endpoint: only those to this one.
            state: only those in this state.
            before: only those older than this one, or made before this time; the last
                of one page gives the next.
            limit: the most there will be.

        Raises:
            OptionError: if there is no such state, or the limit is less than 1.
        """
        if limit < 1:
            raise OptionError(f"limit={limit!r}: give a number from 1 on")

        found = await self._perform(
            self._outbox.store.deliveries,
            endpoint=None if endpoint is None else _id_of(endpoint),
            state=None if state is None else _state_of(state),
            before=before.id if isinstance(before, Delivery) else before,
            limit=limit,
        )
        return list(found)

    async def attempts(self, delivery: Delivery | int) -> list[Attempt]:
        """Return the attempts of a delivery, the first first.

        Raises:
            OutboxError: if there is no such delivery.
        """
        number = _number_of(delivery)
        return list(await self._perform(self._outbox.store.attempts, number))

    async def replay(self, delivery: Delivery | int) -> Delivery:
        """Deliver the message of a finished delivery once more, to the same endpoint.

        It is a new delivery, due now, with attempts of its own. The receiver sees the
        same message id, so one that has it already drops it.

        Raises:
            OutboxError: if there is no such delivery, or it is not finished.
            EndpointError: if its endpoint was removed.
        """
        made = await self._perform(
            self._outbox.store.replay, _number_of(delivery), now=self._clock.now()
        )
        self._wake()
        return made

    async def statistics(self) -> Statistics:
        """Count what is in the outbox, and what this bridge is doing.

        It looks at every delivery: with a million of them it takes a while, in which
        nothing else is written.
        """
        counts = await self._perform(self._outbox.store.counts)
        worker = self._opened().worker
        return Statistics(
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

    async def _perform(
        self, verb: Callable[_P, _R], *args: _P.args, **options: _P.kwargs
    ) -> _R:
        return await self._outbox.writer.perform(verb, *args, **options)

    async def _refresh(self) -> None:
        """Let the bus ask us anew what we want, if endpoints have changed."""
        if await self._opened().keeping.refresh():
            self._bus.keepers_changed()

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

    def _report(self, error: Exception, envelope: Envelope[Any] | None = None) -> None:
        self._bus.report(error, None, envelope)


def _id_of(endpoint: Endpoint | str) -> str:
    return endpoint.id if isinstance(endpoint, Endpoint) else endpoint


def _number_of(delivery: Delivery | int) -> int:
    return delivery.id if isinstance(delivery, Delivery) else delivery


def _state_of(state: State | str) -> State:
    try:
        return State(state)
    except ValueError:
        raise OptionError(f"state={state!r}: give one of {', '.join(State)}") from None
