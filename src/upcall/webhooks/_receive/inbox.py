"""An inbox: what was verified is on disk before it is answered, and emitted after."""

# Rule 1: who opens it says how long it is open: an ``async with``, the host's lifespan,
#   or, where there is neither, its first request, until the loop ends.
# Rule 2: it takes what comes only while it can emit it: both are one opening.

from __future__ import annotations

__all__ = ("Inbox",)

import logging
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Final

import anyio
from anyio.abc import TaskStatus

from upcall._events.bus import Bus
from upcall._events.inside import hub_of
from upcall._loops.loop import Loop
from upcall._loops.which import current_loop
from upcall.errors import NoRunningLoopError, WrongLoopError
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.clock import Clock, SharedClock
from upcall.webhooks.outbox.inbox_contract import RequestClaim, Take, Taken
from upcall.webhooks.outbox.outbox import Outbox

from .arrival import Arrival, emit
from .inbox_news import log_taken, tell_dead
from .inbox_worker import Emission, InboxWorker
from .intake import Intake
from .parts import parted
from .refusal import Refusal
from .request import Request

_LOG: Final = logging.getLogger("upcall")
_BY_ITSELF: Final = (
    "the inbox was opened by its first request: what had waited before is emitted only "
    "now. Open the receiver at the start: 'async with receiver', or let the host's "
    "lifespan reach it"
)


class Inbox:
    """Takes requests into an outbox, and emits their events from there.

    Args:
        outbox: where they are kept.
        bus: where their events are emitted.
        intakes: reads them; those of one name read alike.
        schedule: the seconds before each attempt.
        clock: tells the time, and waits.
        random: throws the dice for the jitter.
        slots: how many events may be emitted at once.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        bus: Bus,
        intakes: Iterable[Intake],
        schedule: Sequence[float],
        clock: Clock,
        random: Random,
        slots: int,
    ) -> None:
        self.outbox: Final = outbox
        self._bus = bus
        self._hub = hub_of(bus)
        self._intakes = _by_name(intakes)
        self._schedule = schedule
        self._clock = clock
        self._random = random
        self._slots = slots
        self._worker: InboxWorker | None = None
        self._loop: Loop | None = None
        self._opening: _Opening | None = None
        self._by_hand = False
        self._stopping = False

    # --- open and close ---

    @property
    def is_open(self) -> bool:
        """Whether it takes requests, in this loop."""
        return self._worker is not None and self._is_here() and not self._stopping

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Keep it open, and emit what waits, while the block runs.

        At its end nothing more is taken. What is being emitted may finish, for as long
        as the bus has for its ``grace``; what waits does so until the next time. An
        exception out of the block skips the waiting.

        Raises:
            OutboxError: if it cannot be opened.
        """
        if self._opening is not None and self._is_here():
            await self._opening.wait()

        if self.is_open:
            yield
            return

        self._by_hand = True
        failure: BaseException | None = None

        async with anyio.create_task_group() as group:
            try:
                await group.start(self.run)
                yield
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:  # noqa: BLE001 (raised below, out of the group)
                failure = error
                group.cancel_scope.cancel()
            else:
                self.stop()

        if failure is not None:
            raise failure

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Open it, and emit what waits until `stop`.

        Raises:
            OutboxError: if it cannot be opened.
        """
        self._stopping = False
        await self.outbox.open()

        try:
            if isinstance(self._clock, SharedClock):
                writer, store = self.outbox.writer, self.outbox.store
                self._clock.correct(await writer.perform(store.time))

            self._loop = current_loop()
            self._worker = self._make_worker()
            await self._worker.run(task_status=task_status)
        finally:
            self._worker = None
            await self.outbox.close()

    def stop(self) -> None:
        """Take nothing more, and let `run` end. From its own loop."""
        self._stopping = True

        if self._worker is not None:
            self._worker.stop()

    def wake(self) -> None:
        """Let it look for something to emit. From its own loop."""
        if self._worker is not None:
            self._worker.wake()

    def _make_worker(self) -> InboxWorker:
        return InboxWorker(
            self.outbox,
            sources=list(self._intakes),
            read=self._read,
            schedule=self._schedule,
            clock=self._clock,
            random=self._random,
            slots=self._slots,
            grace=self._bus.grace,
            report=self._hub.report,
            tell=partial(tell_dead, self._bus),
        )

    # --- opened by a request ---

    async def ensure_open(self) -> None:
        """Return when it is open; open it for as long as the loop lives, if need be.

        Raises:
            OutboxError: if it cannot be opened, or is being closed.
            WrongLoopError: if it is open in another event loop.
        """
        self._forget_dead_loop()

        if self.is_open:
            return

        if self._by_hand or self._stopping:
            raise OutboxError("the receiver is closed: open it again")

        if self._opening is None:
            self._opening = _Opening()
            self._loop = loop = current_loop()
            loop.spawn(self._run_alone(self._opening))

        await self._opening.wait()

    async def _run_alone(self, opening: _Opening) -> None:
        try:
            await self.run(task_status=opening)
        except OutboxError as error:
            opening.failure = error
        finally:
            self._opening = None
            opening.ended.set()

    def _is_here(self) -> bool:
        return self._loop is current_loop()

    def _forget_dead_loop(self) -> None:
        """Be as before it was opened, if that was in a loop that is gone.

        Such a loop was left with tasks in it: its outbox stays open, with its thread.
        """
        if self._loop is None or self._is_here():
            return

        try:
            self._loop.call_soon_threadsafe(_nothing)
        except NoRunningLoopError:
            self._loop = self._worker = self._opening = None
            return

        if self._worker is not None or self._opening is not None:
            raise WrongLoopError(
                "the receiver is open in another event loop: it serves one at a time"
            )

    # --- what comes, and what becomes of it ---

    async def take(
        self, intake: Intake, request: Request, arrivals: Sequence[Arrival]
    ) -> Sequence[Taken]:
        """Store the events of a verified request, all or none; return what they were.

        When it returns they are on disk. Cancelled, it is unknown whether they are: the
        same request again settles that.

        Args:
            intake: of its source.
            request: no more of it than is needed to read it again.
            arrivals: what was read from it.

        Raises:
            OutboxError: if it cannot be stored.
            Refusal: 401, if it is a replay and the source refuses that.
        """
        await self.ensure_open()
        takes = self._takes(intake, request, arrivals)
        writer, inbox = self.outbox.writer, self.outbox.store.inbox
        taken: Sequence[Taken] = await writer.perform_in_bulk(inbox.take, takes)

        if Taken.REFUSED in taken:
            raise Refusal(401, "the signed bytes came before, under another id")

        self.wake()

        for arrival, each in zip(arrivals, taken, strict=True):
            log_taken(intake.name, arrival, each)

        return taken

    def _takes(
        self, intake: Intake, request: Request, arrivals: Sequence[Arrival]
    ) -> list[Take]:
        now = self._clock.now()
        requests = parted(request, len(arrivals), limit=intake.max_body)
        return [
            Take(
                uid=arrival.id,
                source=intake.name,
                scheme=intake.source.scheme,
                event=arrival.name,
                sender_id=arrival.sender_id,
                digest=arrival.digest,
                stem=arrival.stem,
                headers=part.headers,
                body=part.body,
                received=now,
                due=now + self._schedule[0],
                keep_until=now + intake.keep,
                refuses_replays=intake.source.replays == "refuse",
            )
            for arrival, part in zip(arrivals, requests, strict=True)
        ]

    def _read(self, claim: RequestClaim) -> Emission:
        """Read a request again, and return what emits its event."""
        intake = self._intakes[claim.source]
        request = Request(headers=claim.headers, body=claim.body)

        for arrival in intake.read(request):
            if arrival.id == claim.uid:
                return partial(self._emit, intake, arrival)

        raise Refusal(
            400,
            f"the source {intake.name!r} reads another event of what is stored: it was "
            f"stored by a source with scheme={claim.scheme!r}",
        )

    async def _emit(self, intake: Intake, arrival: Arrival) -> None:
        await emit(self._bus, arrival, source=intake.name)

        if arrival.invalid is not None:
            raise Refusal(400, arrival.invalid)


class _Opening(TaskStatus[None]):
    """An inbox that opens by itself, and those who wait for it."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.failure: OutboxError | None = None
        self._is_open = False

    def started(self, value: None = None) -> None:
        del value
        _LOG.warning(_BY_ITSELF)
        self._is_open = True
        self.ended.set()

    async def wait(self) -> None:
        await self.ended.wait()

        if not self._is_open:
            raise OutboxError(
                f"the inbox could not be opened: {self.failure or 'the loop ended'}"
            ) from self.failure


def _by_name(intakes: Iterable[Intake]) -> Mapping[str, Intake]:
    """Return who reads what a name has stored: of several, the one that takes most."""
    by_size = sorted(intakes, key=lambda intake: intake.max_body)
    return {intake.name: intake for intake in by_size}


def _nothing() -> None:
    pass
