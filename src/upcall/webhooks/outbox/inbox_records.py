"""Requests and attempts as they are looked at; replays; and what is forgotten."""

from __future__ import annotations

__all__ = (
    "list_request_attempts",
    "list_requests",
    "prune_requests",
    "replay_request",
    "revive_requests",
)

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    LargeBinary,
    Select,
    and_,
    bindparam,
    delete,
    func,
    null,
    or_,
    select,
    text,
    update,
)

from upcall.webhooks._proto.delivery import FINISHED, Move, State, after
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks._proto.request import RequestAttempt, StoredRequest

from .inbox_contract import Take
from .inbox_rows import attempt_from_row, request_from_row
from .prepared import Prepared, PreparedAmong
from .rows import AnyRow, to_ms
from .schema import in_state, request, request_attempt

SHOWN: Final = 4096
"""Bytes of a body that a record shows."""

_REQUESTS: Final = select(
    *(column for column in request.c if column.name != "body"),
    func.substr(request.c.body, 1, SHOWN, type_=LargeBinary).label("beginning"),
    func.length(request.c.body).label("size"),
)
_KEPT_DEAD: Final = and_(
    in_state(State.DEAD, of=request), request.c.finished_at >= bindparam("dead")
)
_KEPT: Final = and_(
    in_state(*sorted(FINISHED - {State.DEAD}), of=request),
    request.c.finished_at >= bindparam("delivered"),
)
_FORGOTTEN: Final = (
    select(request.c.id)
    .where(
        request.c.finished_at.is_not(None),
        request.c.finished_at < bindparam("last"),
        request.c.keep_until <= bindparam("now"),
        ~or_(_KEPT, _KEPT_DEAD),
    )
    .order_by(request.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


_DEAD: Final = PreparedAmong(
    lambda uids: (
        select(request.c.uid)
        .where(request.c.uid.in_(uids), in_state(State.DEAD, of=request))
        .order_by(request.c.id)
        .with_for_update(key_share=True)
    )
)
_REVIVE: Final = Prepared(
    update(request)
    .where(request.c.uid == bindparam("which"))
    .values(
        state=text("'waiting'"),
        due_at=bindparam("due"),
        keep_until=bindparam("keep"),
        replayed_after=text("attempts"),
        finished_at=null(),
        reason=null(),
    )
)


def list_requests(
    connection: Connection,
    *,
    source: str | None,
    state: State | None,
    before: int | datetime | None,
    limit: int,
) -> list[StoredRequest]:
    """Return requests, the newest first; see `InboxStore.requests`."""
    chosen = _since(_REQUESTS.order_by(request.c.id.desc()).limit(limit), before)

    if source is not None:
        chosen = chosen.where(request.c.source == source)

    if state is not None:
        chosen = chosen.where(in_state(state, of=request))

    return [request_from_row(row) for row in connection.execute(chosen)]


def _since(chosen: Select[Any], before: int | datetime | None) -> Select[Any]:
    if before is None:
        return chosen

    if isinstance(before, datetime):
        return chosen.where(request.c.received_at < to_ms(before.timestamp()))

    return chosen.where(request.c.id < before)


def list_request_attempts(connection: Connection, number: int) -> list[RequestAttempt]:
    """Return the attempts of a request; see `InboxStore.attempts`."""
    _find(connection, number)
    chosen = select(request_attempt).where(request_attempt.c.request_id == number)
    rows = connection.execute(
        chosen.order_by(request_attempt.c.number, request_attempt.c.id)
    )
    return [attempt_from_row(row) for row in rows]


def replay_request(connection: Connection, number: int, *, now: float) -> StoredRequest:
    """Let a finished request wait again; see `InboxStore.replay`."""
    here = request.c.id == number
    locked = select(request.c.state).where(here).with_for_update(key_share=True)
    state = connection.execute(locked).scalar()

    if state is None:
        raise _unknown(number)

    connection.execute(
        update(request)
        .where(here)
        .values(
            state=after(State(state), Move.REPLAY),
            due_at=to_ms(now),
            replayed_after=request.c.attempts,
            finished_at=None,
            reason=None,
        )
    )
    return request_from_row(_find(connection, number))


def revive_requests(connection: Connection, copies: Sequence[Take]) -> list[str]:
    """Let those of which these are copies wait again, if they are dead.

    Returns:
        Their ids.
    """
    by_uid = {copy.uid: copy for copy in copies}
    dead = [row.uid for row in _DEAD.all(connection, by_uid)]
    _REVIVE.for_each(
        connection,
        [
            {
                "which": uid,
                "due": to_ms(by_uid[uid].due),
                "keep": to_ms(by_uid[uid].keep_until),
            }
            for uid in dead
        ],
    )
    return dead


def prune_requests(
    connection: Connection, *, now: float, delivered: float, dead: float, limit: int
) -> int:
    """Delete requests that are over; see `InboxStore.prune`."""
    given = {
        "now": to_ms(now),
        "delivered": to_ms(delivered),
        "dead": to_ms(dead),
        "last": to_ms(max(delivered, dead)),
        "most": limit,
    }
    numbers = connection.execute(_FORGOTTEN, given).scalars().all()

    if numbers:
        connection.execute(delete(request).where(request.c.id.in_(numbers)))

    return len(numbers)


def _find(connection: Connection, number: int) -> AnyRow:
    row = connection.execute(_REQUESTS.where(request.c.id == number)).first()

    if row is None:
        raise _unknown(number)

    return row


def _unknown(number: int) -> OutboxError:
    return OutboxError(
        f"there is no request {number!r}: Receiver.requests() lists them"
    )
