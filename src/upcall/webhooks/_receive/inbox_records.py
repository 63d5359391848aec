"""What an inbox has on record: looked at, and replayed."""

from __future__ import annotations

__all__ = ("InboxRecords",)

from datetime import datetime
from typing import Final

from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks._proto.request import RequestAttempt, StoredRequest
from upcall.webhooks.clock import Clock
from upcall.webhooks.outbox.asked import (
    before_of,
    limit_of,
    number_of,
    state_of,
)

from .inbox import Inbox

_A_REQUEST: Final = "a request on record"


class InboxRecords:
    """The requests of an inbox that is open.

    Args:
        inbox: whose they are; None if nothing is stored.
        clock: tells the time.
    """

    def __init__(self, inbox: Inbox | None, *, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock

    async def requests(
        self,
        *,
        source: str | None = None,
        state: State | str | None = None,
        before: StoredRequest | int | datetime | None = None,
        limit: int = 100,
    ) -> list[StoredRequest]:
        """Return what came in and was stored, the newest first.

        Args:
            source: only those of the source of this name.
            state: only those in this state.
            before: only those older than this one, or received before this time; the
                last of one page gives the next.
            limit: the most there will be.

        Raises:
            OptionError: if there is no such state, or one of the others makes no sense.
            OutboxError: if it cannot be read, or nothing is stored.
        """
        inbox = await self._opened()
        found = await inbox.outbox.writer.perform(
            inbox.outbox.store.inbox.requests,
            source=source,
            state=state_of(state),
            before=before_of(before, StoredRequest, _A_REQUEST),
            limit=limit_of(limit),
        )
        return list(found)

    async def attempts(self, request: StoredRequest | int) -> list[RequestAttempt]:
        """Return the attempts of a request, the first first.

        Raises:
            OutboxError: if there is no such request, or nothing is stored.
        """
        inbox = await self._opened()
        outbox, number = inbox.outbox, number_of(request, StoredRequest, _A_REQUEST)
        return list(await outbox.writer.perform(outbox.store.inbox.attempts, number))

    async def replay(self, request: StoredRequest | int) -> StoredRequest:
        """Emit the event of a finished request once more, with the same envelope id.

        It waits again, due now, with its whole schedule.

        Raises:
            OutboxError: if there is no such request, it is not finished, or nothing is
                stored.
        """
        inbox = await self._opened()
        outbox, number = inbox.outbox, number_of(request, StoredRequest, _A_REQUEST)
        made = await outbox.writer.perform(
            outbox.store.inbox.replay, number, now=self._clock.now()
        )
        inbox.wake()
        return made

    async def _opened(self) -> Inbox:
        if self._inbox is None:
            raise OutboxError("this receiver stores nothing: give it a store=")

        await self._inbox.ensure_open()
        return self._inbox
