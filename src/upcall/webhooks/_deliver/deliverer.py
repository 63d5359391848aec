"""The work of a worker: claims what is due, attempts it, writes down how that went."""

# Rule 1: only what has a free slot is claimed, so that every claim is attempted at once
#   and its lease need not last longer than one request.
# Rule 2: the worker is woken by what may change the answer to "is there something to
#   claim": a new message, a finished attempt, a time that has come. Besides, it looks
#   every second, for what other processes do and for clocks that are turned.
# Rule 3: what touches the outbox is not cancelled: half of it may have happened.
# Rule 4: an outbox that fails ends no worker. It is told, and asked again.

from __future__ import annotations

__all__ = ("SLOTS", "Deliverer")

import contextlib
import logging
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final, ParamSpec, TypeVar

import anyio
from anyio import CancelScope, create_task_group
from anyio.abc import TaskGroup, TaskStatus

from upcall._loops.which import current_loop
from upcall.errors import NoRunningLoopError
from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks._proto.news import News
from upcall.webhooks._proto.slots import Slots
from upcall.webhooks.clock import Clock
from upcall.webhooks.outbox.contract import Claim, Outcome, Settled, Turn
from upcall.webhooks.outbox.membership import Membership
from upcall.webhooks.outbox.outbox import Outbox
from upcall.webhooks.transport.contract import Transport

from .hands import Hands
from .pruning import prune
from .send import Sender
from .telling import log_news

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LOG: Final = logging.getLogger("upcall")

SLOTS: Final = 100
"""How many requests a worker has in flight at most."""

_POLL: Final = 1.0
_RESCUE_EVERY: Final = 2.0
_GRACE: Final = 5.0
_MOST_DOUBLINGS: Final = 6
_FAN_OUT: Final = 100


class Deliverer:
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
        tell: takes what is found out about endpoints.
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
        tell: Callable[[News], object] = log_news,
    ) -> None:
        self._outbox = outbox
        self._sender = Sender(transport, clock=clock, random=random)
        self._loop = current_loop()
        self._clock = clock
        self._random = random
        self._slots = Slots(slots)
        self._report = report or _log_error
        self._tell = tell
        self._member = Membership(outbox, clock=clock, lost=self._hurry)
        self._stopping = False
        self._failures = 0
        self._next_rescue = 0.0
        self._next_look = 0.0
        self._change = anyio.Event()

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._slots.used

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
        await self._member.enter()
        self._outbox.writer.watch(self._changed_elsewhere)

        try:
            task_status.started()

            async with create_task_group() as group:
                group.start_soon(self._prune)
                hands = Hands(group, loop=self._loop, do=self._deliver)

                while not self._stopping:
                    await self._turn(hands)

                await self._finish(group)
        finally:
            self._outbox.writer.unwatch(self._changed_elsewhere)
            await self._dismiss()

    def _hurry(self) -> None:
        """Look after the list of workers at once: it was struck off."""
        self._next_rescue = 0.0
        self.wake()

    def _changed_elsewhere(self) -> None:
        """Look for what another process did; in the writer's thread."""
        with contextlib.suppress(NoRunningLoopError):
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._next_look = 0.0
        self.wake()

    async def _prune(self) -> None:
        await prune(
            self._outbox, clock=self._clock, random=self._random, report=self._report
        )

    async def _turn(self, hands: Hands[Claim]) -> None:
        """Claim what is due, start the attempts, and wait for a change."""
        self._change = anyio.Event()

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
            self._slots.take(proven=claim.proven)
            hands.start(claim)

        await self._pause(self._until(turn.next_due))

    async def _maintain(self) -> None:
        """Do what is to be done now and then, if its time has come."""
        now = self._clock.now()

        if not now < self._next_look <= now + _POLL:
            self._next_look = now + _POLL
            await self._fan_out(now)

        if not now < self._next_rescue <= now + _RESCUE_EVERY:
            self._next_rescue = now + _RESCUE_EVERY
            await self._rescue()

    async def _fan_out(self, now: float) -> None:
        """Make deliveries of what was enqueued."""
        looked_at = await self._perform(
            self._outbox.store.fan_out, now=now, limit=_FAN_OUT
        )

        if looked_at == _FAN_OUT:
            self._look()

    async def _rescue(self) -> None:
        await self._member.confirm()
        lapsed = await self._perform(self._outbox.store.rescue, now=self._clock.now())

        if lapsed.number:
            _LOG.warning(
                "claims of workers that are gone were taken back: %d deliveries",
                lapsed.number,
                extra={"upcall_deliveries": lapsed.number},
            )

        for news in lapsed.news:
            self._tell(news)

    async def _claim(self) -> Turn:
        slots = self._slots

        if slots.free <= 0 or self._stopping:
            return Turn()

        return await self._perform(
            self._outbox.store.claim,
            self._member.number,
            now=self._clock.now(),
            free=slots.free,
            unproven=slots.free_unproven,
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
        done = partial(self._settled, outcome)

        try:
            self._outbox.writer.queue_in_bulk(
                self._outbox.store.settle, outcome, loop=self._loop, done=done
            )
        except OutboxError as error:
            done(error)

    def _settled(self, outcome: Outcome, result: Settled | Exception) -> None:
        self._free(outcome.claim)

        if isinstance(result, Settled):
            _log_outcome(outcome, result)

            for news in result.news:
                self._tell(news)
        else:
            # The lease will end, and the delivery be attempted again: a duplicate, but
            # no loss.
            self._report(result)

    def _free(self, claim: Claim) -> None:
        self._slots.give(proven=claim.proven)
        self._change.set()

    async def _finish(self, group: TaskGroup) -> None:
        """Give what is in flight some time to finish, and cancel the rest."""
        async with create_task_group() as waiting:
            waiting.start_soon(self._alarm, _GRACE, waiting.cancel_scope)

            while self._slots.used:
                self._change = anyio.Event()
                await self._change.wait()

            waiting.cancel_scope.cancel()

        group.cancel_scope.cancel()

    async def _dismiss(self) -> None:
        try:
            lapsed = await self._member.leave()
        except OutboxError as error:
            self._report(error)
        else:
            for news in lapsed.news:
                self._tell(news)

    async def _perform(
        self, verb: Callable[_P, _R], *args: _P.args, **options: _P.kwargs
    ) -> _R:
        return await self._member.perform(verb, *args, **options)


def _log_error(error: Exception) -> None:
    _LOG.error("a worker could not use its outbox: %s", error, exc_info=error)


_TOLD: Final = (
    ": event %(upcall_event)s, message %(upcall_message)s, "
    "endpoint %(upcall_endpoint)s, delivery %(upcall_delivery)s, "
    "attempt %(upcall_attempt)s, status %(upcall_status)s, reason %(upcall_reason)s"
)


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
        details = _details(outcome)
        _LOG.log(level, text + _TOLD, details, extra=details)


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
