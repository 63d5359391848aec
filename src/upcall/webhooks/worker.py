"""A worker: delivers from an outbox, in whatever process, without the user's code."""

from __future__ import annotations

__all__ = ("Worker",)

from random import Random
from typing import Any

import anyio
from anyio.abc import TaskStatus

from upcall._events.bus import Bus
from upcall._events.inside import hub_of
from upcall.errors import UpcallError

from ._deliver.deliverer import SLOTS, Deliverer
from ._deliver.parts import (
    check_clock,
    check_guard,
    check_random,
    check_slots,
    check_transport,
    outbox_of,
)
from ._deliver.telling import log_news, tell_bus
from ._proto.news import News
from .clock import Clock, SharedClock
from .outbox.outbox import Outbox
from .transport.contract import Transport
from .transport.guard import Guard
from .transport.post import PostTransport


class Worker:
    """Delivers what waits in an outbox.

    A bridge has one of its own, unless it was made with ``deliver=False``. Others may
    run beside it, in other processes and, with PostgreSQL, on other machines. They
    need none of the code that emits.

    Args:
        outbox: a database URL, or an `Outbox`.
        bus: hears what is found out about endpoints (``webhook.failing``,
            ``.exhausted``, ``.recovered``, ``.disabled``). Without one it is logged.
        guard: which addresses may be connected to; only public ones by default.
        transport: makes the requests, and is not closed here; by default our own,
            behind the guard.
        slots: how many requests may be in flight at once.
        clock: tells the time, and waits; by default that of the database server, where
            there is one.
        random: throws the dice for the jitter.

    Raises:
        OutboxError: if the URL is none that we know.
        OptionError: if something else is not what it should be.
    """

    def __init__(
        self,
        outbox: Outbox | str,
        bus: Bus | None = None,
        *,
        guard: Guard | None = None,
        transport: Transport | None = None,
        slots: int = SLOTS,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        if bus is not None:
            hub_of(bus)

        self._outbox = outbox_of(outbox)
        self._bus = bus
        self._guard = check_guard(guard) or Guard()
        self._transport = check_transport(transport)
        self._slots = check_slots(slots)
        self._clock = check_clock(clock) or SharedClock()
        self._random = check_random(random)
        self._running: Deliverer | None = None
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return 0 if self._running is None else self._running.in_flight

    def stop(self) -> None:
        """Let `run` end: no more claims; what is in flight has five seconds to finish.

        From the event loop that runs it. Before `run` it makes that end at once.
        """
        self._stopped = True

        if self._running is not None:
            self._running.stop()

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Open the outbox and deliver, until `stop`.

        It has started when it is entered in the outbox. An outbox that fails later does
        not end it: it is asked again. Cancelled, it gives back what was not attempted;
        what is in flight is attempted again, by whoever is next.

        Raises:
            OutboxError: if the outbox cannot be opened.
            UpcallError: if it runs already.
        """
        if self._running is not None:
            raise UpcallError("this worker runs already: make another one")

        await self._outbox.open()

        try:
            await self._run(task_status)
        finally:
            self._running = None
            await self._outbox.close()

    async def _run(self, task_status: TaskStatus[None]) -> None:
        own = None if self._transport is not None else PostTransport(self._guard)

        try:
            await self._deliver(self._transport or own, task_status)
        finally:
            if own is not None:
                with anyio.CancelScope(shield=True):
                    await own.aclose()

    async def _deliver(self, transport: Any, task_status: TaskStatus[None]) -> None:
        outbox = self._outbox

        if isinstance(self._clock, SharedClock):
            self._clock.correct(await outbox.writer.perform(outbox.store.time))

        self._running = Deliverer(
            outbox,
            transport=transport,
            clock=self._clock,
            random=self._random,
            slots=self._slots,
            tell=self._tell,
        )

        if self._stopped:
            self._running.stop()

        await self._running.run(task_status=task_status)

    def _tell(self, news: News) -> None:
        if self._bus is None:
            log_news(news)
        else:
            tell_bus(self._bus, news)
