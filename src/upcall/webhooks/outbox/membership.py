"""A worker's place on the list of workers: taken, kept by a heartbeat, and left."""

# Rule 1: what touches the outbox is not cancelled: half of it may have happened.
# Rule 2: who was struck off while it could not say that it lives enlists anew, under
#   another number. What it had claimed has lapsed then.

from __future__ import annotations

__all__ = ("Membership",)

import logging
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from anyio import CancelScope

from upcall._loops.which import current_loop
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.clock import Clock, SharedClock

from .contract import Lapsed
from .heartbeat import Heartbeat
from .outbox import Outbox

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LOG: Final = logging.getLogger("upcall")


class Membership:
    """One worker of an outbox that is open. To be made in the loop that runs it.

    Args:
        outbox: to be open for as long as it is used.
        clock: tells the time.
        lost: called in the loop when the worker was struck off: `confirm` then.
    """

    def __init__(
        self, outbox: Outbox, *, clock: Clock, lost: Callable[[], object]
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._lost = lost
        self._loop = current_loop()
        self._heartbeat = Heartbeat(self._loop, self._beat)
        self.number: int = 0
        """Of the worker, once it has enlisted."""

    async def enter(self) -> None:
        """Enlist, and let the heart beat.

        Raises:
            OutboxError: if it cannot be entered.
        """
        await self._enlist()
        self._heartbeat.start()

    async def confirm(self) -> None:
        """Say that it lives; enlist anew if it was struck off.

        Before it strikes off others: a clock that was turned forward would make it
        strike itself off.

        Raises:
            OutboxError: if the outbox fails.
        """
        store = self._outbox.store

        if isinstance(self._clock, SharedClock):
            self._clock.correct(await self.perform(store.time))

        now = self._clock.now()

        if not await self.perform(store.heartbeat, self.number, now=now):
            await self.perform(store.dismiss, self.number, now=now)  # and its lock
            await self._enlist()

    async def leave(self) -> Lapsed:
        """Let the heart stop, and be struck off.

        Raises:
            OutboxError: if the outbox fails; others find out then.
        """
        self._heartbeat.stop()
        store = self._outbox.store
        return await self.perform(store.dismiss, self.number, now=self._clock.now())

    async def perform(
        self, verb: Callable[_P, _R], *args: _P.args, **options: _P.kwargs
    ) -> _R:
        """Have a verb of the store done, and return when it is; not cancelled."""
        with CancelScope(shield=True):
            return await self._outbox.writer.perform(verb, *args, **options)

        raise AssertionError("nobody cancels this scope, so it swallows nothing")

    async def _enlist(self) -> None:
        enlist = self._outbox.store.enlist
        self.number = await self.perform(enlist, now=self._clock.now())

    def _beat(self) -> None:
        """Say that it lives; in the heartbeat's thread."""
        try:
            self._outbox.writer.queue(
                self._outbox.store.heartbeat,
                self.number,
                now=self._clock.now(),
                loop=self._loop,
                done=self._beaten,
            )
        except OutboxError as error:
            _LOG.debug("a heartbeat was not written: %s", error)

    def _beaten(self, lives: bool | Exception) -> None:
        if lives is False:
            self._lost()
        elif isinstance(lives, Exception):
            _LOG.debug("a heartbeat was not written: %s", lives)
