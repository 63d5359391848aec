"""What a store has to do for requests that come in, in verbs; see `contract`."""

# Rule 1: the rules of `contract` hold: one thread, inside `transaction`, no clocks, and
#   the fence decides.
# Rule 2: a request is on record before its sender is answered, and an id is on record
#   only with its request: both, or none.
# Rule 3: how long callbacks take nobody knows. So a lease is renewed for as long as
#   they run. One whose outcome could not be written ends by itself.

from __future__ import annotations

__all__ = (
    "LEASE",
    "InboxStore",
    "RequestClaim",
    "RequestOutcome",
    "RequestTurn",
    "RequestsLapsed",
    "Take",
    "Taken",
)

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final

import attrs

from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.news import Dead
from upcall.webhooks._proto.request import RequestAttempt, StoredRequest
from upcall.webhooks._proto.verdict import Decision

LEASE: Final = 60.0
"""Seconds that a lease lasts from its last renewal."""


@attrs.frozen(kw_only=True)
class Take:
    """An event that came in, verified, and is to be taken."""

    uid: str
    """The id of its envelope; whatever has the same id is a copy."""

    source: str
    scheme: str
    event: str
    sender_id: str
    digest: str | None = None
    """Of what was signed, where the id was not: only of a request with one event."""

    stem: str | None = None
    """What all ids begin with whose sender's id is this one, where that was not
    signed."""

    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    received: float
    due: float
    """When the first attempt is due."""

    keep_until: float
    """How long its id is kept at least: the sender may send it again till then."""

    refuses_replays: bool = False


class Taken(Enum):
    """What became of an event that was to be taken."""

    NEW = "new"
    REPLAYED = "replayed"
    """Taken too; its signed bytes had come before, under another id."""

    ALTERED = "altered"
    """Taken too; its sender's id had come before, with other signed bytes."""

    COPY = "copy"
    """It is on record already, and nothing was changed."""

    REVIVED = "revived"
    """It is on record already, and was dead; now it waits again."""

    REFUSED = "refused"
    """Its signed bytes had come before, and its source refuses that."""


@attrs.frozen(kw_only=True)
class RequestClaim:
    """A request whose event a worker may emit, once, while its lease lasts."""

    request: int
    fence: int
    """Rises with every claim of the request."""

    attempt: int
    """1 is the first."""

    tries: int
    """The same, counted from the last replay: which one of the schedule it is."""

    worker: int
    uid: str
    source: str
    scheme: str
    event: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class RequestTurn:
    """What one turn of claiming gave."""

    claims: tuple[RequestClaim, ...] = ()
    next_due: float | None = None
    """When there will be something to claim, as far as is known now. None if nothing
    waits."""


@attrs.frozen(kw_only=True)
class RequestsLapsed:
    """What became of claims that nobody works on any more."""

    number: int = 0
    """How many there were."""

    dead: tuple[Dead, ...] = ()
    """Those that had no attempt left; to be told."""


@attrs.frozen(kw_only=True)
class RequestOutcome:
    """How an emission ended, and what is to be done."""

    claim: RequestClaim
    decision: Decision
    attempt: RequestAttempt
    ended: float
    """When it ended, in Unix seconds."""


class InboxStore(ABC):
    """Where requests wait until their events have been heard.

    Workers are those of `Store.enlist`, `heartbeat` and `dismiss`.
    """

    @abstractmethod
    def take(self, requests: Sequence[Sequence[Take]]) -> Sequence[tuple[Taken, ...]]:
        """Store requests, each with all of its events, unless they are on record.

        An id belongs to the name of its source. One that is on record, in whatever
        state, is a copy. A copy of a dead one is somebody's wish that it be tried once
        more: it waits again as after `replay`, due when the copy would have been. Of
        events with one digest the first holds it; those of other ids are replayed, or
        refused. Many who take the same at once make one record.

        Returns:
            One entry per request, in their order, with one per event.
        """

    @abstractmethod
    def claim(
        self, worker: int, *, sources: Collection[str], now: float, free: int
    ) -> RequestTurn:
        """Claim due requests for a worker, the longest due first.

        A worker that is not on the list gets nothing.

        Args:
            worker: who claims; the lease is in its name.
            sources: the names of the sources that it can read.
            now: the time.
            free: the most that may be claimed.
        """

    @abstractmethod
    def renew(self, claims: Sequence[RequestClaim], *, now: float) -> None:
        """Let the leases of claims begin anew, unless they were lost."""

    @abstractmethod
    def settle(self, outcomes: Sequence[RequestOutcome]) -> Sequence[bool]:
        """Write attempts down, and move their requests on.

        The move is made if the fence still fits and the table of moves has it.
        Otherwise only the attempt is written down.

        Returns:
            For each, in their order, whether its move was made.
        """

    @abstractmethod
    def give_back(self, claims: Sequence[RequestClaim]) -> None:
        """Undo claims whose event was not emitted; they count as no attempt."""

    @abstractmethod
    def rescue(self, *, now: float, schedule: Sequence[float]) -> RequestsLapsed:
        """Let the claims of workers that are gone, and leases that are over, lapse.

        They are attempted again when the schedule says so, counted from now: whatever
        ended the process may have been one of them. With no attempt left they die.
        """

    @abstractmethod
    def requests(
        self,
        *,
        source: str | None,
        state: State | None,
        before: int | datetime | None,
        limit: int,
    ) -> Sequence[StoredRequest]:
        """Return requests, the newest first.

        Args:
            source: only those of the source of this name.
            state: only those in this state.
            before: only those with a smaller number, or received before that time.
            limit: the most there will be.
        """

    @abstractmethod
    def attempts(self, request: int) -> Sequence[RequestAttempt]:
        """Return the attempts of a request, the first first.

        Raises:
            OutboxError: if there is no such request.
        """

    @abstractmethod
    def replay(self, request: int, *, now: float) -> StoredRequest:
        """Let a finished request wait again, due now, with its whole schedule.

        Its id stays, and so do the attempts on record.

        Raises:
            OutboxError: if there is no such request, or it is not finished.
        """

    @abstractmethod
    def prune(self, *, now: float, delivered: float, dead: float, limit: int) -> int:
        """Delete requests that ended long enough ago, with their attempts and ids.

        Args:
            now: the time; an id that its sender may still send again stays.
            delivered: what was delivered or cancelled before this time may go.
            dead: what died before this time may go.
            limit: the most that are deleted.

        Returns:
            How many were deleted; less than the limit if there are no more.
        """
