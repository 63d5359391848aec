"""The work of an inbox: claims what is due, emits it, writes down how that went."""

# Rule 1: only what has a free slot is claimed, so that every claim is emitted at once.
# Rule 2: the whole emission is one attempt. If a callback raises, all of it is made
#   again: those that had finished are called again, with the same envelope id.
# Rule 3: what touches the outbox is not cancelled: half of it may have happened.
# Rule 4: an outbox that fails ends nothing. It is told, and asked again.

from __future__ import annotations

__all__ = ("SLOTS", "Emission", "InboxWorker")

import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final, TypeAlias

import anyio
from anyio import CancelScope, create_task_group
from anyio.abc import TaskGroup, TaskStatus

from upcall._loops.which import current_loop
from upcall.errors import NoRunningLoopError
from upcall.webhooks._proto.delivery import Move
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks._proto.news import Dead
from upcall.webhooks._proto.request import RequestAttempt
from upcall.webhooks._proto.schedule import next_delay
from upcall.webhooks._proto.verdict import Decision
from upcall.webhooks.clock import Clock
from upcall.webhooks.outbox.inbox_contract import (
    RequestClaim,
    RequestOutcome,
    RequestTurn,
)
from upcall.webhooks.outbox.membership import Membership
from upcall.webhooks.outbox.outbox import Outbox

from .failure import told
from .refusal import Refusal

Emission: TypeAlias = Callable[[], Awaitable[object]]
"""Emits one event, and returns when every callback has finished."""

_LOG: Final = logging.getLogger("upcall")

SLOTS: Final = 100
"""How many events are emitted at once at most."""

_POLL: Final = 1.0
_RESCUE_EVERY: Final = 2.0
_PRUNE_EVERY: Final = 60.0
_PRUNE_SLICE: Final = 500
_NEVER: Final = 0.0
_MOST_DOUBLINGS: Final = 6
_TOLD: Final = (
    ": event %(upcall_event)s, envelope %(upcall_id)s, attempt %(upcall_attempt)s, "
    "reason %(upcall_reason)s"
)


class InboxWorker:
    """Emits what waits in an inbox that is open, until it is stopped.

    To be made in the event loop that runs it.

    Args:
        outbox: to be open for as long as it runs.
        sources: the names of the sources that it can read.
        read: makes the emission of a claim. A `Refusal` out of either says that there
            is no such event, however often it is tried: the request is dead.
        schedule: the seconds before each attempt.
        clock: tells the time, and waits.
        random: throws the dice for the jitter.
        slots: how many events may be emitted at once.
        grace: how many seconds what is being emitted has to finish after `stop`; None
            is as long as it takes.
        report: takes failures that have no caller: of callbacks, and of the outbox.
        tell: takes what is dead, once that is on record.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        sources: Sequence[str],
        read: Callable[[RequestClaim], Emission],
        schedule: Sequence[float],
        clock: Clock,
        random: Random,
        slots: int,
        grace: float | None,
        report: Callable[[Exception], None],
        tell: Callable[[Dead], None],
    ) -> None:
        self._outbox = outbox
        self._sources = sources
        self._read = read
        self._schedule = schedule
        self._clock = clock
        self._random = random
        self._slots = slots
        self._grace = grace
        self._report = report
        self._tell = tell
        self._loop = current_loop()
        self._member = Membership(outbox, clock=clock, lost=self._hurry)
        self._running: dict[tuple[int, int], RequestClaim] = {}
        self._stopping = False
        self._failures = 0
        self._next_rescue = 0.0
        self._next_prune = 0.0
        self._changed = False
        self._nap: CancelScope | None = None

    def wake(self) -> None:
        """Let it look for something to claim. From its own loop."""
        self._changed = True

        if self._nap is not None:
            self._nap.cancel()

    def stop(self) -> None:
        """Let `run` end: no more claims; what is being emitted may finish.

        From its own loop.
        """
        self._stopping = True
        self.wake()

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Emit, until `stop`. It has started when it is entered in the outbox.

        When it ends, however it does, claims that were not emitted have been given
        back, and emissions that were cancelled lapse: they are made again.

        Raises:
            OutboxError: if it cannot be entered in the outbox.
        """
        await self._member.enter()
        self._outbox.writer.watch(self._changed_elsewhere)

        try:
            task_status.started()

            async with create_task_group() as group:
                while not self._stopping:
                    await self._turn(group)

                await self._finish(group)
        finally:
            self._outbox.writer.unwatch(self._changed_elsewhere)
            await self._leave()

    def _changed_elsewhere(self) -> None:
        """Look for what another process did; in the writer's thread."""
        with contextlib.suppress(NoRunningLoopError):
            self._loop.call_soon_threadsafe(self.wake)

    def _hurry(self) -> None:
        """Look after the list of workers at once."""
        self._next_rescue = 0.0
        self.wake()

    async def _turn(self, group: TaskGroup) -> None:
        """Claim what is due, start the emissions, and wait for a change."""
        self._changed = False

        try:
            await self._maintain()
            turn = await self._claim()
            self._failures = 0
        except OutboxError as error:
            self._report(error)
            self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
            await self._pause(2.0**self._failures)
            return

        for claim in turn.claims:
            self._running[claim.request, claim.fence] = claim
            group.start_soon(self._attempt, claim)

        await self._pause(self._until(turn.next_due))

    async def _maintain(self) -> None:
        """Do what is to be done now and then, if its time has come."""
        now = self._clock.now()

        if not now < self._next_rescue <= now + _RESCUE_EVERY:
            self._next_rescue = now + _RESCUE_EVERY
            await self._rescue()

        if not now < self._next_prune <= now + 1.5 * _PRUNE_EVERY:
            # Not at the same moment as other processes do it.
            self._next_prune = now + _PRUNE_EVERY * self._random.uniform(0.5, 1.5)
            await self._prune(now)

    async def _rescue(self) -> None:
        await self._member.confirm()
        now, inbox = self._clock.now(), self._outbox.store.inbox
        await self._member.perform(inbox.renew, list(self._running.values()), now=now)
        number = await self._take_back()

        if number:
            _LOG.warning(
                "claims of workers that are gone were taken back: %d requests",
                number,
                extra={"upcall_requests": number},
            )

    async def _take_back(self) -> int:
        """Let what nobody works on lapse; return how many there were."""
        rescue, now = self._outbox.store.inbox.rescue, self._clock.now()
        lapsed = await self._member.perform(rescue, now=now, schedule=self._schedule)

        for dead in lapsed.dead:
            self._tell(dead)

        return lapsed.number

    async def _prune(self, now: float) -> None:
        """Delete a slice of what need not be kept; if there is more, the next soon."""
        outbox = self._outbox
        number = await self._member.perform(
            outbox.store.inbox.prune,
            now=now,
            delivered=_NEVER if outbox.keep is None else now - outbox.keep,
            dead=_NEVER if outbox.keep_dead is None else now - outbox.keep_dead,
            limit=_PRUNE_SLICE,
        )

        if number == _PRUNE_SLICE:
            self._next_prune = now + _POLL

    async def _claim(self) -> RequestTurn:
        free = self._slots - len(self._running)

        if free <= 0 or self._stopping:
            return RequestTurn()

        return await self._member.perform(
            self._outbox.store.inbox.claim,
            self._member.number,
            sources=self._sources,
            now=self._clock.now(),
            free=free,
        )

    def _until(self, due: float | None) -> float:
        return _POLL if due is None else min(_POLL, max(0.0, due - self._clock.now()))

    async def _pause(self, seconds: float) -> None:
        """Return when something has changed, or the time is over."""
        if self._changed:
            return

        with CancelScope() as self._nap:
            await self._clock.sleep(seconds)

        self._nap = None

    # --- one claim ---

    async def _attempt(self, claim: RequestClaim) -> None:
        """Emit it, and queue the outcome; the slot is free when that is written."""
        try:
            if self._stopping:
                await self._give_back(claim)
            else:
                self._settle(await self._emit(claim))
        except BaseException:
            self._free(claim)
            raise

    async def _give_back(self, claim: RequestClaim) -> None:
        try:
            give_back = self._outbox.store.inbox.give_back
            await self._member.perform(give_back, [claim])
        except OutboxError as error:
            self._report(error)

        self._free(claim)

    async def _emit(self, claim: RequestClaim) -> RequestOutcome:
        started = self._clock.now()
        failure: Exception | None = None

        try:
            await self._read(claim)()
        except Exception as error:  # noqa: BLE001 (on record, and told below)
            failure = error

        return self._outcome(claim, started, failure)

    def _outcome(
        self, claim: RequestClaim, started: float, failure: Exception | None
    ) -> RequestOutcome:
        ended = self._clock.now()
        text = None if failure is None else told(failure)
        decision = self._decide(claim, failure, text, now=ended)
        self._note(claim, decision, failure)
        return RequestOutcome(
            claim=claim,
            decision=decision,
            attempt=RequestAttempt(
                number=claim.attempt,
                worker=claim.worker,
                started=datetime.fromtimestamp(started, UTC),
                duration=ended - started,
                error=text,
            ),
            ended=ended,
        )

    def _decide(
        self,
        claim: RequestClaim,
        failure: Exception | None,
        text: str | None,
        *,
        now: float,
    ) -> Decision:
        if failure is None:
            return Decision(move=Move.DELIVER)

        delay = next_delay(self._schedule, claim.tries, random=self._random)

        if delay is None or isinstance(failure, Refusal):
            return Decision(move=Move.BURY, reason=text)

        return Decision(move=Move.RETRY, due=now + delay, reason=text)

    def _note(
        self, claim: RequestClaim, decision: Decision, failure: Exception | None
    ) -> None:
        if failure is None:
            return

        if decision.move is not Move.BURY:
            _log(logging.INFO, "webhook will be emitted again", claim, decision)

        if not isinstance(failure, Refusal):
            self._report(failure)

    def _settle(self, outcome: RequestOutcome) -> None:
        """Queue an outcome: no cancellation can take it back."""

        def done(result: bool | Exception) -> None:
            self._free(outcome.claim)

            if isinstance(result, Exception):
                # The lease will end, and the emission be made again.
                self._report(result)
            elif not result:
                late = "an emission ended after its lease was lost"
                _log(logging.WARNING, late, outcome.claim, outcome.decision)
            elif outcome.decision.move is Move.BURY:
                self._tell(_dead(outcome))

        try:
            self._outbox.writer.queue_in_bulk(
                self._outbox.store.inbox.settle, outcome, loop=self._loop, done=done
            )
        except OutboxError as error:
            done(error)

    def _free(self, claim: RequestClaim) -> None:
        del self._running[claim.request, claim.fence]
        self.wake()

    # --- the end ---

    async def _finish(self, group: TaskGroup) -> None:
        """Let what is being emitted finish, as long as it may, and cancel the rest."""
        grace = self._grace

        with contextlib.nullcontext() if grace is None else anyio.move_on_after(grace):
            while self._running:
                self._changed = False
                await self._pause(_POLL)

        group.cancel_scope.cancel()

    async def _leave(self) -> None:
        try:
            await self._member.leave()
            await self._take_back()
        except OutboxError as error:
            self._report(error)


def _dead(outcome: RequestOutcome) -> Dead:
    claim = outcome.claim
    return Dead(
        source=claim.source,
        event=claim.event,
        envelope=claim.uid,
        request=claim.request,
        attempts=claim.attempt,
        reason=outcome.decision.reason or "",
    )


def _log(level: int, text: str, claim: RequestClaim, decision: Decision) -> None:
    details = {
        "upcall_source": claim.source,
        "upcall_event": claim.event,
        "upcall_id": claim.uid,
        "upcall_attempt": claim.attempt,
        "upcall_reason": decision.reason,
    }
    _LOG.log(level, text + _TOLD, details, extra=details)
