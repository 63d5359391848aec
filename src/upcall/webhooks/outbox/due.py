"""What can be claimed, and when there will be more: the conditions in SQL."""

# Rule 1: whoever has nothing due, no room, no token or a pause is passed over, and
#   costs one look at an index, however much waits for it. Every condition on deliveries
#   has a partial index, and has to be written as the index has it.
# Rule 2: endpoints are locked before what is claimed of them is counted, in another
#   statement: PostgreSQL shows a statement what was committed when it began, not what
#   was when it got the lock. So every limit is exact over all workers.
# Rule 3: those that somebody else has locked are skipped, never waited for.
# Rule 4: what an ordered endpoint is sent next, its head, is the waiting or claimed
#   delivery of the lowest message, unless an older message has not been fanned out:
#   both are read in one statement, or a commit in between could be overtaken.
# Rule 5: an ordered endpoint has no back-off of its own: it waits for its head.

from __future__ import annotations

__all__ = ("DUE", "HEAD", "NEXT_DUE", "PAGE", "READY", "REPLAYS", "STANDING")

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
)

from upcall.webhooks._proto.delivery import Move, sources

from .prepared import Prepared, PreparedAmong
from .schema import delivery, endpoint, in_state, message

PAGE: Final = 10
"""The most endpoints that are locked by one statement."""

_WAITING: Final = in_state(*sources(Move.CLAIM))
_CLAIMED: Final = in_state(*sources(Move.LAPSE))
# Written with "state = 'waiting'", the index of all that waits would do as well, and
# SQLite takes the one that was made first: whether a delivery waits, its worker tells.
_REPLAYED: Final = and_(
    text("upcall_delivery.replay > 0"),
    text("upcall_delivery.state IN ('waiting', 'claimed')"),
    delivery.c.worker.is_(None),
)
_NOW: Final = bindparam("now", type_=BigInteger)
_MICROS: Final = bindparam("micros", type_=BigInteger)
_FAR: Final = literal_column(str(2**62), type_=BigInteger)
_NOTHING: Final = literal_column("0", type_=BigInteger)
_TWO_SECONDS: Final = literal_column("2e6", type_=Double)

_FLYING: Final = (
    select(delivery.c.endpoint_id, func.count().label("number"))
    .where(_CLAIMED)
    .group_by(delivery.c.endpoint_id)
    .subquery()
)
# Counted once for all endpoints, over what is claimed now, which is never much. Counted
# for each endpoint, SQLite would look at all deliveries it ever had.
_ROOM: Final = endpoint.c.size - func.coalesce(_FLYING.c.number, 0)
_ENDPOINTS: Final = endpoint.outerjoin(_FLYING, _FLYING.c.endpoint_id == endpoint.c.id)

_head: Final = delivery.alias("head")
_UNFANNED: Final = (
    select(func.coalesce(func.min(message.c.id), _FAR))
    .where(text("NOT upcall_message.fanned_out"))
    .scalar_subquery()
)


def _heads(whose: ColumnElement[Any], *columns: ColumnElement[Any]) -> Any:
    """Return some columns of the head of an endpoint, or of nothing."""
    return (
        select(*columns)
        .where(
            _head.c.endpoint_id == whose,
            text("head.replay = 0"),
            text("head.state IN ('waiting', 'claimed')"),
        )
        .order_by(_head.c.message_id)
        .limit(literal_column("1"))
        .correlate(endpoint)
        .scalar_subquery()
    )


_HEAD_DUE: Final = _heads(
    endpoint.c.id,
    case(
        (
            and_(text("head.state = 'waiting'"), _head.c.message_id < _UNFANNED),
            _head.c.due_at,
        )
    ),
)


def _first_due(which: ColumnElement[bool]) -> Any:
    return (
        select(func.min(delivery.c.due_at))
        .where(delivery.c.endpoint_id == endpoint.c.id, which)
        .scalar_subquery()
    )


def _later(one: Any, other: Any) -> ColumnElement[Any]:
    return case((one > other, one), else_=other)


_OPEN: Final = (
    endpoint.c.enabled,
    endpoint.c.removed_at.is_(None),
    not_(endpoint.c.paused),
    or_(endpoint.c.proven, bindparam("unproven", type_=Boolean)),
    _NOTHING < _ROOM,
)
# Further ahead than two requests are apart, it is of a rate that was raised since, or
# of a clock that was turned back: see `Rate`.
_TOKEN_AT: Final = case(
    (endpoint.c.rate.is_(None), _NOTHING),
    (
        endpoint.c.rate_at - _MICROS > _TWO_SECONDS / endpoint.c.rate,
        _NOTHING,
    ),
    else_=endpoint.c.rate_at,
)

READY: Final = Prepared(
    select(endpoint.c.id)
    .select_from(_ENDPOINTS)
    .where(
        *_OPEN,
        endpoint.c.paused_until <= _NOW,
        _TOKEN_AT <= _MICROS,
        endpoint.c.id > bindparam("low"),
        endpoint.c.id <= bindparam("high"),
        case(
            (
                endpoint.c.ordered,
                or_(
                    func.coalesce(_HEAD_DUE, _FAR) <= _NOW,
                    exists().where(
                        delivery.c.endpoint_id == endpoint.c.id,
                        _REPLAYED,
                        delivery.c.due_at <= _NOW,
                    ),
                ),
            ),
            else_=exists().where(
                delivery.c.endpoint_id == endpoint.c.id,
                _WAITING,
                delivery.c.due_at <= _NOW,
            ),
        ),
    )
    .order_by(endpoint.c.id)
    .limit(bindparam("page"))
    .with_for_update(key_share=True, skip_locked=True, of=endpoint)
)
"""The next endpoints that have something to claim, as far as can be seen; locked."""

STANDING: Final = PreparedAmong(
    lambda numbers: (
        select(
            endpoint.c.id,
            endpoint.c.proven,
            endpoint.c.ordered,
            endpoint.c.rate,
            endpoint.c.rate_at,
            _ROOM.label("room"),
        )
        .select_from(_ENDPOINTS)
        .where(endpoint.c.id.in_(numbers))
        .order_by(endpoint.c.id)
    )
)
"""How endpoints that are locked stand."""

_COLUMNS: Final = (
    delivery.c.id,
    delivery.c.endpoint_id,
    delivery.c.message_id,
    delivery.c.fence,
    delivery.c.attempts,
    delivery.c.due_at,
    delivery.c.uid,
    delivery.c.version,
    delivery.c.format,
)


def _due(which: ColumnElement[bool]) -> Prepared:
    return Prepared(
        select(*_COLUMNS)
        .where(
            delivery.c.endpoint_id == bindparam("endpoint"),
            which,
            delivery.c.due_at <= _NOW,
        )
        .order_by(delivery.c.due_at, delivery.c.id)
        .limit(bindparam("room"))
        .with_for_update(key_share=True, skip_locked=True, of=delivery)
    )


DUE: Final = _due(_WAITING)
"""What is due of an endpoint that is not ordered; locked, as the next two."""

REPLAYS: Final = _due(_REPLAYED)
"""What is due of an ordered one and stands outside its order."""

HEAD: Final = Prepared(
    select(*_COLUMNS)
    .where(
        delivery.c.id == _heads(bindparam("endpoint"), _head.c.id),
        _WAITING,
        delivery.c.due_at <= _NOW,
        delivery.c.message_id < _UNFANNED,
    )
    .with_for_update(key_share=True, skip_locked=True, of=delivery)
)
"""The head of an ordered endpoint, if it is due and may go."""

_AHEAD: Final = (
    select(
        _later(endpoint.c.paused_until * 1000, _TOKEN_AT).label("opens"),
        case((endpoint.c.ordered, _HEAD_DUE), else_=_first_due(_WAITING)).label("due"),
        case((endpoint.c.ordered, _first_due(_REPLAYED))).label("replay_due"),
    )
    .select_from(_ENDPOINTS)
    .where(*_OPEN)
    .subquery()
)
NEXT_DUE: Final = Prepared(
    select(
        func.min(_later(_AHEAD.c.opens, _AHEAD.c.due * 1000)),
        func.min(_later(_AHEAD.c.opens, _AHEAD.c.replay_due * 1000)),
    )
)
"""When endpoints with room will have something, and when replays, in microseconds."""
