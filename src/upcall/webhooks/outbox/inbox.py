"""The verbs of `InboxStore` in SQL that every database understands; requests taken."""

# Rule 1: an insertion decides who was first, not a look before it: of many who take the
#   same at once, in whatever process, one finds the place free.
# Rule 2: ids are inserted in their order, here and in every process, and rows that were
#   there are locked after that, so that nobody waits for somebody who waits for him.

# ruff: noqa: D102 (what a verb does stands in the contract)

from __future__ import annotations

__all__ = ("SqlInbox",)

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.request import RequestAttempt, StoredRequest

from .inbox_claims import (
    claim_requests,
    give_back_requests,
    renew_leases,
    rescue_requests,
    settle_requests,
)
from .inbox_contract import (
    InboxStore,
    RequestClaim,
    RequestOutcome,
    RequestsLapsed,
    RequestTurn,
    Take,
    Taken,
)
from .inbox_records import (
    list_request_attempts,
    list_requests,
    prune_requests,
    replay_request,
    revive_requests,
)
from .inbox_rows import row_of_take
from .prepared import Prepared
from .schema import request

_COLUMNS: Final = (
    "uid",
    "source",
    "scheme",
    "event",
    "sender_id",
    "digest",
    "replayed",
    "headers",
    "body",
    "received_at",
    "keep_until",
    "due_at",
)
_INSERT: Final[Mapping[str, Prepared]] = {
    kind.dialect.name: Prepared(
        kind.insert(request).on_conflict_do_nothing().inline(), columns=_COLUMNS
    )
    for kind in (sqlite, postgresql)
}
"""Insert one if neither its id nor, of an original, its digest is there."""

_KNOWN: Final = Prepared(select(request.c.id).where(request.c.uid == bindparam("uid")))
_ALTERED: Final = Prepared(
    select(request.c.id)
    .where(
        request.c.uid >= bindparam("first"),
        request.c.uid < bindparam("end"),
        request.c.uid != bindparam("uid"),
    )
    .limit(1)
)
"""What has the same stem and another digest; stems go on with a digit, or a to f."""


class SqlInbox(InboxStore):
    """The requests of a store in a database.

    Args:
        connection: gives the connection that the store has now.
        is_gone: tells whether a worker that was not dismissed is known to have ended.
    """

    def __init__(
        self, connection: Callable[[], Connection], is_gone: Callable[[int], bool]
    ) -> None:
        self._connection = connection
        self._is_gone = is_gone

    def take(self, requests: Sequence[Sequence[Take]]) -> Sequence[tuple[Taken, ...]]:
        return _take_all(self._connection(), requests)

    def claim(
        self, worker: int, *, sources: Collection[str], now: float, free: int
    ) -> RequestTurn:
        return claim_requests(
            self._connection(), worker, sources=sources, now=now, free=free
        )

    def renew(self, claims: Sequence[RequestClaim], *, now: float) -> None:
        renew_leases(self._connection(), claims, now=now)

    def settle(self, outcomes: Sequence[RequestOutcome]) -> Sequence[bool]:
        return settle_requests(self._connection(), outcomes)

    def give_back(self, claims: Sequence[RequestClaim]) -> None:
        give_back_requests(self._connection(), claims)

    def rescue(self, *, now: float, schedule: Sequence[float]) -> RequestsLapsed:
        return rescue_requests(
            self._connection(), now=now, schedule=schedule, is_gone=self._is_gone
        )

    def requests(
        self,
        *,
        source: str | None,
        state: State | None,
        before: int | datetime | None,
        limit: int,
    ) -> Sequence[StoredRequest]:
        return list_requests(
            self._connection(), source=source, state=state, before=before, limit=limit
        )

    def attempts(self, request: int) -> Sequence[RequestAttempt]:
        return list_request_attempts(self._connection(), request)

    def replay(self, request: int, *, now: float) -> StoredRequest:
        return replay_request(self._connection(), request, now=now)

    def prune(self, *, now: float, delivered: float, dead: float, limit: int) -> int:
        return prune_requests(
            self._connection(), now=now, delivered=delivered, dead=dead, limit=limit
        )


def _take_all(
    connection: Connection, requests: Sequence[Sequence[Take]]
) -> list[tuple[Taken, ...]]:
    """Take the events of requests, in the order of their ids."""
    places = [
        (take.uid, number, place)
        for number, takes in enumerate(requests)
        for place, take in enumerate(takes)
    ]
    taken = {
        (number, place): _take(connection, requests[number][place])
        for _, number, place in sorted(places)
    }
    copies = {
        requests[number][place].uid: (number, place)
        for (number, place), each in taken.items()
        if each is Taken.COPY
    }
    copied = [requests[number][place] for number, place in copies.values()]

    for uid in revive_requests(connection, copied):
        taken[copies[uid]] = Taken.REVIVED

    return [
        tuple(taken[number, place] for place in range(len(takes)))
        for number, takes in enumerate(requests)
    ]


def _take(connection: Connection, take: Take) -> Taken:
    insertion = _INSERT[connection.dialect.name]

    if insertion.for_each(connection, [row_of_take(take, replayed=False)]):
        return Taken.ALTERED if _is_altered(connection, take) else Taken.NEW

    if _KNOWN.first(connection, {"uid": take.uid}) is not None:
        return Taken.COPY

    if take.refuses_replays:
        return Taken.REFUSED

    # In between, another process may have taken the same.
    inserted = insertion.for_each(connection, [row_of_take(take, replayed=True)])
    return Taken.REPLAYED if inserted else Taken.COPY


def _is_altered(connection: Connection, take: Take) -> bool:
    if take.stem is None:
        return False

    given = {"first": take.stem, "end": f"{take.stem}g", "uid": take.uid}
    return _ALTERED.first(connection, given) is not None
