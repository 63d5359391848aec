"""A worker: claims what is due, attempts it, and writes down how that went."""

# Rule 1: only what has a free slot is claimed, so that every claim is attempted at once
#   and its lease need not last longer than one request.
# Rule 2: the worker is woken by what may change the answer to "is there something to
#   claim": a new message, a finished attempt, a time that has come. Besides, it looks
#   every second, for what other processes do and for clocks that are turned.
# Rule 3: what touches the outbox is not cancelled: half of it may have happened.
# Rule 4: an outbox that fails ends no worker. It is told, and asked again.

from __future__ import annotations

__all__ = ("SLOTS", "Worker")

import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, ParamSpec, TypeVar

import anyio
from anyio import CancelScope, create_task_group
from anyio.abc import TaskGroup, TaskStatus

from upcall._loops.which import current_loop
from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.clock import Clock
from upcall.webhooks.outbox.contract import Claim, Outcome, Settled, Turn
from upcall.webhooks.outbox.outbox import Outbox
from upcall.webhooks.transport.contract import Transport

from .send import Sender

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LOG: Final = logging.getLogger("upcall")

SLOTS: Final = 100
"""How many requests a worker has in flight at most."""

_POLL: Final = 1.0
_RESCUE_EVERY: Final = 5.0
_GRACE: Final = 5.0
_MOST_DOUBLINGS: Final = 6


class Worker:
    """Delivers what waits in an outbox that is open, until it is stopped.

    To be made in the event loop that runs it.

    Args:
        outbox: to be open for as long as the worker runs.
        transport: makes the requests.
        clock: tells the time, and waits.
        random: throws the dice for the jitter.
        slots: how many requests may be in flight at once. Endpoints without a success
            since their last failure share at most half of them.
        report: takes errors of the outbox, which have no caller; they are logged by
            default.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        transport: Transport,
        clock: Clock,
        random: Random,
        slots: int = SLOTS,
        report: Callable[[Exception], None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._sender = Sender(transport, clock=clock, random=random)
        self._loop = current_loop()
        self._clock = clock
        self._slots = slots
        self._report = report or _log_error
        self._number = 0
        self._flying = 0
        self._flying_unproven = 0
        self._stopping = False
        self._failures = 0
        self._next_rescue = 0.0
        self._change = anyio.Event()

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._flying

    def wake(self) -> None:
        """Let it look for something to claim. From its own loop."""
        self._change.set()

    def stop(self) -> None:
        """Let `run` end: no more claims; what is in flight has five seconds to finish.

        From its own loop.
        """
        self._stopping = True
        self._change.set()

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Deliver, until `stop`. It has started when it is entered in the outbox.

        When it ends, however it does, claims that were not attempted have been given
        back, and those in flight lapse: they are attempted again, by whoever is next.

        Raises:
            OutboxError: if the worker cannot be entered in the outbox.
        """
        self._number = await self._perform(
            self._outbox.store.enlist, now=self._clock.now()
        )

        try:
            task_status.started()

            async with create_task_group() as group:
                while not self._stopping:
                    await self._turn(group)

                await self._finish(group)
        finally:
            await self._dismiss()

    async def _turn(self, group: TaskGroup) -> None:
        """Claim what is due, start the attempts, and wait for a change."""
        self._change = anyio.Event()

        try:
            await self._rescue()
            turn = await self._claim()
            self._failures = 0
        except OutboxError as error:
            self._report(error)
            self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
            await self._pause(2.0**self._failures)
            return

        for claim in turn.claims:
            self._count(claim, 1)
            group.start_soon(self._deliver, claim)

        await self._pause(self._until(turn.next_due))

    async def _rescue(self) -> None:
        now = self._clock.now()

        if now < self._next_rescue <= now + _RESCUE_EVERY:
            return

        self._next_rescue = now + _RESCUE_EVERY
        lapsed = await self._perform(self._outbox.store.rescue, now=now)

        if lapsed:
            _LOG.warning(
                "claims of workers that are gone were taken back",
                extra={"upcall_deliveries": lapsed},
            )

    async def _claim(self) -> Turn:
        free = self._slots - self._flying

        if free <= 0 or self._stopping:
            return Turn()

        return await self._perform(
            self._outbox.store.claim,
            self._number,
            now=self._clock.now(),
            free=free,
            unproven=max(0, max(1, self._slots // 2) - self._flying_unproven),
        )

    def _until(self, due: float | None) -> float:
        return _POLL if due is None else min(_POLL, max(0.0, due - self._clock.now()))

    async def _pause(self, seconds: float) -> None:
        """Return when something has changed, or the time is over."""
        if self._change.is_set():
            return

        async with create_task_group() as group:
            group.start_soon(self._alarm, seconds, group.cancel_scope)
            await self._change.wait()
            group.cancel_scope.cancel()

    async def _alarm(self, seconds: float, scope: CancelScope) -> None:
        await self._clock.sleep(seconds)
        scope.cancel()

    async def _deliver(self, claim: Claim) -> None:
        """Attempt it, and queue the outcome; the slot is free when that is written."""
        try:
            if self._stopping:
                await self._give_back(claim)
            else:
                self._settle(await self._sender.attempt(claim))
        except BaseException:
            self._free(claim)
            raise

    async def _give_back(self, claim: Claim) -> None:
        try:
            await self._perform(self._outbox.store.give_back, [claim])
        except OutboxError as error:
            self._report(error)

        self._free(claim)

    def _settle(self, outcome: Outcome) -> None:
        """Queue an outcome: no cancellation can take it back."""

        def done(result: Settled | Exception) -> None:
            self._free(outcome.claim)

            if isinstance(result, Settled):
                _log_outcome(outcome, result)
            else:
                # The lease will end, and the delivery be attempted again: a duplicate,
                # but no loss.
                self._report(result)

        try:
            self._outbox.writer.queue_in_bulk(
                self._outbox.store.settle, outcome, loop=self._loop, done=done
            )
        except OutboxError as error:
            done(error)

    def _free(self, claim: Claim) -> None:
        self._count(claim, -1)
        self._change.set()

    async def _finish(self, group: TaskGroup) -> None:
        """Give what is in flight some time to finish, and cancel the rest."""
        async with create_task_group() as waiting:
            waiting.start_soon(self._alarm, _GRACE, waiting.cancel_scope)

            while self._flying:
                self._change = anyio.Event()
                await self._change.wait()

            waiting.cancel_scope.cancel()

        group.cancel_scope.cancel()

    async def _dismiss(self) -> None:
        try:
            await self._perform(
                self._outbox.store.dismiss, self._number, now=self._clock.now()
            )
        except OutboxError as error:
            self._report(error)

    async def _perform(
        self, verb: Callable[_P, _R], *args: _P.args, **options: _P.kwargs
    ) -> _R:
        return await _shielded(self._outbox.writer.perform(verb, *args, **options))

    def _count(self, claim: Claim, change: int) -> None:
        self._flying += change
        self._flying_unproven += 0 if claim.proven else change


async def _shielded(work: Awaitable[_R]) -> _R:
    with CancelScope(shield=True):
        return await work

    raise AssertionError("nobody cancels this scope, so it swallows nothing")


def _log_error(error: Exception) -> None:
    _LOG.error("a worker could not use its outbox", exc_info=error)


def _log_outcome(outcome: Outcome, settled: Settled) -> None:
    if settled.late:
        level, text = logging.WARNING, "an attempt ended after its lease was lost"
    elif settled.state is State.DELIVERED:
        level, text = logging.DEBUG, "a delivery was delivered"
    elif settled.state is State.WAITING:
        level, text = logging.INFO, "an attempt failed and will be made again"
    else:
        level, text = logging.WARNING, "a delivery was given up"

    if _LOG.isEnabledFor(level):
        _LOG.log(level, text, extra=_details(outcome))


def _details(outcome: Outcome) -> dict[str, object]:
    claim, attempt = outcome.claim, outcome.attempt
    return {
        "upcall_delivery": claim.delivery,
        "upcall_message": claim.message.id,
        "upcall_event": claim.message.name,
        "upcall_endpoint": claim.endpoint.id,
        "upcall_attempt": attempt.number,
        "upcall_status": attempt.status,
        "upcall_reason": outcome.decision.reason,
        "upcall_duration": attempt.duration,
    }
