"""Claims: whose turn it is, how many each may have, and who comes back."""

# Rule 1: endpoints take turns. The cursor is the endpoint that was served last; whoever
#   has no room, no due delivery or a pause is passed over and costs one look at an
#   index, however much waits for it.
# Rule 2: how many of an endpoint are in flight is counted in the transaction that
#   claims: the limit holds over all workers.
# Rule 3: a claim that lapses keeps its fence, so a late answer of 2xx still counts if
#   nobody has claimed the delivery again.

from __future__ import annotations

__all__ = ("Claims", "give_back", "lapse_expired", "lapse_of")

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    text,
    update,
)

from upcall.webhooks._proto.delivery import Move, State, sources
from upcall.webhooks._proto.message import Message

from .contract import LEASE_MARGIN, Claim, Turn
from .endpoints import Register, Registered
from .prepared import Prepared
from .rows import AnyRow, from_ms, to_ms
from .schema import delivery, endpoint, in_state, message

_PAGE: Final = 200
_WAITING: Final = in_state(*sources(Move.CLAIM))
_CLAIMED: Final = in_state(*sources(Move.LAPSE))

_FLYING: Final = (
    select(delivery.c.endpoint_id, func.count().label("number"))
    .where(_CLAIMED)
    .group_by(delivery.c.endpoint_id)
    .subquery()
)
# Counted once for all endpoints, over what is claimed now, which is never much. Counted
# for each endpoint, SQLite would look at all deliveries it ever had.
_IN_FLIGHT: Final = func.coalesce(_FLYING.c.number, 0)
_ENDPOINTS: Final = endpoint.outerjoin(_FLYING, _FLYING.c.endpoint_id == endpoint.c.id)
_FIRST_DUE: Final = (
    select(func.min(delivery.c.due_at))
    .where(delivery.c.endpoint_id == endpoint.c.id, _WAITING)
    .scalar_subquery()
)
_OPEN: Final = (
    endpoint.c.enabled,
    endpoint.c.removed_at.is_(None),
    or_(endpoint.c.proven, bindparam("unproven", type_=Boolean)),
    endpoint.c.size > _IN_FLIGHT,
)
_READY: Final = Prepared(
    select(
        endpoint.c.id,
        endpoint.c.proven,
        (endpoint.c.size - _IN_FLIGHT).label("room"),
    )
    .select_from(_ENDPOINTS)
    .where(
        *_OPEN,
        endpoint.c.paused_until <= bindparam("now"),
        endpoint.c.id > bindparam("low"),
        endpoint.c.id <= bindparam("high"),
        exists().where(
            delivery.c.endpoint_id == endpoint.c.id,
            _WAITING,
            delivery.c.due_at <= bindparam("now"),
        ),
    )
    .order_by(endpoint.c.id)
    .limit(_PAGE)
)
_LATER: Final = (
    select(endpoint.c.paused_until, _FIRST_DUE.label("due"))
    .select_from(_ENDPOINTS)
    .where(*_OPEN)
    .subquery()
)
_NEXT_DUE: Final = Prepared(
    select(
        func.min(
            case(
                (_LATER.c.paused_until > _LATER.c.due, _LATER.c.paused_until),
                else_=_LATER.c.due,
            )
        )
    )
)
_DUE: Final = Prepared(
    select(
        delivery.c.id,
        delivery.c.endpoint_id,
        delivery.c.message_id,
        delivery.c.fence,
        delivery.c.attempts,
    )
    .where(
        delivery.c.endpoint_id == bindparam("endpoint"),
        _WAITING,
        delivery.c.due_at <= bindparam("now"),
    )
    .order_by(delivery.c.due_at, delivery.c.id)
    .limit(bindparam("room"))
)
_MESSAGES: Final = select(message).where(
    message.c.id.in_(bindparam("ids", expanding=True))
)
_CLAIM: Final = Prepared(
    update(delivery)
    .where(delivery.c.id == bindparam("number"))
    .values(
        state=text("'claimed'"),
        fence=text("fence + 1"),
        attempts=text("attempts + 1"),
        worker=bindparam("who"),
        lease_until=bindparam("until"),
    )
)
_FREED: Final[dict[str, Any]] = {
    "state": State.WAITING.value,
    "worker": None,
    "lease_until": None,
}
_GIVE_BACK: Final = Prepared(
    update(delivery)
    .where(
        delivery.c.id == bindparam("number"),
        delivery.c.fence == bindparam("mark"),
        in_state(*sources(Move.GIVE_BACK)),
    )
    .values(
        state=text("'waiting'"),
        worker=null(),
        lease_until=null(),
        attempts=text("attempts - 1"),
    )
)
_LAPSED: Final = "no answer on record: the worker was gone, or its lease over"
_HIGHEST: Final = 2**62


class Claims:
    """The claims of one store; remembers whose turn it was."""

    def __init__(self) -> None:
        self._cursor = 0

    def claim(
        self,
        connection: Connection,
        register: Register,
        worker: int,
        *,
        now: float,
        free: int,
        unproven: int,
    ) -> Turn:
        """Claim due deliveries in turn; see `Store.claim`."""
        picked: list[tuple[AnyRow, bool]] = []

        for ready in self._in_turn(connection, now=to_ms(now), unproven=unproven > 0):
            limit = min(free, ready.room if ready.proven else min(ready.room, unproven))

            if limit > 0:
                rows = _due(connection, ready.id, now=to_ms(now), room=limit)
                picked += [(row, ready.proven) for row in rows]
                free -= len(rows)
                unproven -= 0 if ready.proven else len(rows)
                self._cursor = ready.id

            if free <= 0:
                break

        claims = _claim(connection, register, worker, picked, now=now)
        due = _next_due(connection, unproven=unproven > 0) if free > 0 else None
        return Turn(claims=claims, next_due=due)

    def _in_turn(
        self, connection: Connection, *, now: int, unproven: bool
    ) -> Iterator[AnyRow]:
        """Give the endpoints that can be served, beginning after the cursor."""
        start = self._cursor

        for low, high in ((start, _HIGHEST), (0, start)):
            while True:
                given = {"now": now, "unproven": unproven, "low": low, "high": high}
                rows = _READY.all(connection, given)
                yield from rows

                if len(rows) < _PAGE:
                    break

                low = rows[-1].id  # noqa: PLW2901 (the next page begins there)


def _due(
    connection: Connection, number: int, *, now: int, room: int
) -> Sequence[AnyRow]:
    return _DUE.all(connection, {"endpoint": number, "now": now, "room": room})


def _next_due(connection: Connection, *, unproven: bool) -> float | None:
    due = _NEXT_DUE.first(connection, {"unproven": unproven})
    return None if due is None else due / 1000


def _claim(
    connection: Connection,
    register: Register,
    worker: int,
    picked: Sequence[tuple[AnyRow, bool]],
    *,
    now: float,
) -> tuple[Claim, ...]:
    """Write the claims down, and return them with all that an attempt needs."""
    if not picked:
        return ()

    entries = [register.by_number[row.endpoint_id].endpoint for row, _ in picked]
    _CLAIM.for_each(
        connection,
        [
            {
                "number": row.id,
                "who": worker,
                "until": to_ms(now + entry.timeout + LEASE_MARGIN),
            }
            for (row, _), entry in zip(picked, entries, strict=True)
        ],
    )
    messages = _read_messages(connection, {row.message_id for row, _ in picked})

    return tuple(
        Claim(
            delivery=row.id,
            fence=row.fence + 1,
            attempt=row.attempts + 1,
            worker=worker,
            proven=proven,
            message=messages[row.message_id],
            endpoint=entry,
        )
        for (row, proven), entry in zip(picked, entries, strict=True)
    )


def _read_messages(
    connection: Connection, numbers: Iterable[int]
) -> dict[int, Message]:
    rows = connection.execute(_MESSAGES, {"ids": list(numbers)})
    return {
        row.id: Message(
            id=row.uid,
            name=row.name,
            version=row.version,
            time=from_ms(row.time),
            data=row.data,
        )
        for row in rows
    }


def give_back(connection: Connection, claims: Sequence[Claim]) -> None:
    """Undo claims for which no request was sent; see `Store.give_back`."""
    _GIVE_BACK.for_each(
        connection,
        [{"number": claim.delivery, "mark": claim.fence} for claim in claims],
    )


def lapse_expired(connection: Connection, register: Register, *, now: float) -> int:
    """Let the claims lapse whose leases are over; return how many there were."""
    over = delivery.c.lease_until <= to_ms(now)
    return _lapse(connection, register, over, now=now)


def lapse_of(
    connection: Connection, register: Register, workers: Collection[int], *, now: float
) -> int:
    """Let the claims of these workers lapse; return how many there were."""
    if not workers:
        return 0

    return _lapse(connection, register, delivery.c.worker.in_(workers), now=now)


def _lapse(
    connection: Connection,
    register: Register,
    which: ColumnElement[bool],
    *,
    now: float,
) -> int:
    columns = (delivery.c.id, delivery.c.endpoint_id, delivery.c.attempts)
    rows = connection.execute(select(*columns).where(_CLAIMED, which)).all()

    for row in rows:
        entry = register.by_number.get(row.endpoint_id)
        connection.execute(
            update(delivery)
            .where(delivery.c.id == row.id)
            .values(_lapsed(entry, row.attempts, now=to_ms(now)))
        )

    return len(rows)


def _lapsed(entry: Registered | None, attempts: int, *, now: int) -> dict[str, Any]:
    """Return what changes: wait again, or end if no attempt or no endpoint is left."""
    if entry is None:
        reason = "the endpoint was removed"
        return _FREED | _ended(State.CANCELLED, reason, now=now)

    if attempts >= len(entry.schedule):
        reason = f"no attempt left of {len(entry.schedule)}; the last one: {_LAPSED}"
        return _FREED | _ended(State.DEAD, reason, now=now)

    return _FREED | {"due_at": now, "reason": _LAPSED}


def _ended(state: State, reason: str, *, now: int) -> dict[str, Any]:
    return {"state": state.value, "reason": reason, "finished_at": now}
