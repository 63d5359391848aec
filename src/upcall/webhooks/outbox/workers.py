"""Workers: who is on the list, who is gone, and what becomes of their claims."""

# Rule 1: a worker that was struck off is a stranger: it claims nothing until it has
#   enlisted anew, under another number.
# Rule 2: what a worker had claimed lapses when it is not on the list any more, whoever
#   struck it off; one that was missed once is found the next time.
# Rule 3: a claim that lapses keeps its fence, so a late answer of 2xx still counts if
#   nobody has claimed the delivery again.
# Rule 4: a worker that has never said that it lives is of an Upcall that could not. Its
#   leases end by themselves.

from __future__ import annotations

__all__ = (
    "LAPSED",
    "SILENCE",
    "dismiss_worker",
    "enlist_worker",
    "is_enlisted",
    "lock_endpoints",
    "note_heartbeat",
    "rescue_claims",
    "strike_off",
)

import os
import socket
from collections.abc import Callable, Collection
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from upcall.webhooks._proto.delivery import Move, State, sources
from upcall.webhooks._proto.news import News

from .contract import Lapsed
from .endpoints import Register, Registered
from .prepared import Prepared
from .rows import AnyRow, new_number, to_ms
from .schema import delivery, endpoint, in_state, message, worker

SILENCE: Final = 10.0
"""Seconds without a heartbeat after which a worker is gone."""

LAPSED: Final = "no answer on record: the worker was gone, or its lease over"
"""The reason for which what lapsed waits again."""

_CLAIMED: Final = in_state(*sources(Move.LAPSE))
_REMOVED: Final = "the endpoint was removed"

# The lock is against being struck off in the middle of a claim. It does not meet that
# of a heartbeat.
_ENLISTED: Final = Prepared(
    select(worker.c.id)
    .where(worker.c.id == bindparam("number"))
    .with_for_update(read=True, key_share=True, skip_locked=True)
)


def enlist_worker(connection: Connection, *, now: float) -> int:
    """Enter a new worker, and return its number; see `Store.enlist`."""
    new = insert(worker).values(
        host=socket.gethostname(),
        pid=os.getpid(),
        started_at=to_ms(now),
        heartbeat_at=to_ms(now),
    )
    return new_number(connection.execute(new))


def is_enlisted(connection: Connection, number: int) -> bool:
    """Tell whether a worker is on the list; it stays there for this transaction."""
    return _ENLISTED.first(connection, {"number": number}) is not None


def note_heartbeat(connection: Connection, number: int, *, now: float) -> bool:
    """Write down that a worker lives; see `Store.heartbeat`."""
    beat = update(worker).where(worker.c.id == number).values(heartbeat_at=to_ms(now))
    return connection.execute(beat).rowcount > 0


def dismiss_worker(
    connection: Connection, register: Register, number: int, *, now: float
) -> Lapsed:
    """Strike a worker off; see `Store.dismiss`."""
    lapsed = _lapse(connection, register, delivery.c.worker == number, now=now)
    connection.execute(delete(worker).where(worker.c.id == number))
    return lapsed


def rescue_claims(
    connection: Connection,
    register: Register,
    *,
    now: float,
    is_gone: Callable[[int], bool],
) -> Lapsed:
    """Strike off who is gone, and let claims lapse; see `Store.rescue`."""
    strike_off(connection, now=now, is_gone=is_gone)
    orphaned = delivery.c.worker.not_in(select(worker.c.id))
    over = delivery.c.lease_until <= to_ms(now)
    return _lapse(connection, register, or_(orphaned, over), now=now)


def strike_off(
    connection: Connection, *, now: float, is_gone: Callable[[int], bool]
) -> None:
    """Strike off those that have ended, and those that are silent."""
    numbers = connection.execute(select(worker.c.id)).scalars().all()
    ended = {number for number in numbers if is_gone(number)}
    silent = and_(
        worker.c.heartbeat_at > 0, worker.c.heartbeat_at <= to_ms(now - SILENCE)
    )
    found = connection.execute(
        select(worker.c.id)
        .where(or_(silent, worker.c.id.in_(ended)))
        .with_for_update(skip_locked=True)
    )
    gone = found.scalars().all()

    if gone:
        connection.execute(delete(worker).where(worker.c.id.in_(gone)))


def lock_endpoints(connection: Connection, which: ColumnElement[bool]) -> None:
    """Wait for the locks of endpoints; in the order in which everybody takes them."""
    connection.execute(
        select(endpoint.c.id)
        .where(which)
        .order_by(endpoint.c.id)
        .with_for_update(key_share=True)
    )


def _lapse(
    connection: Connection,
    register: Register,
    which: ColumnElement[bool],
    *,
    now: float,
) -> Lapsed:
    """Let claims lapse; return how many there were."""
    whose = select(delivery.c.endpoint_id).where(_CLAIMED, which).distinct()
    numbers = connection.execute(whose).scalars().all()

    if not numbers:
        return Lapsed(number=0)

    # Or one could be removed meanwhile, and never cancel what waits again.
    lock_endpoints(connection, endpoint.c.id.in_(numbers))
    ends = [
        _let_go(connection, register, row, now=to_ms(now))
        for row in _over(connection, numbers, which)
    ]
    known = [end for end in ends if end is not None]
    return Lapsed(number=len(known), news=tuple(news for end in known for news in end))


def _over(
    connection: Connection, numbers: Collection[int], which: ColumnElement[bool]
) -> Collection[AnyRow]:
    present = and_(
        endpoint.c.id == delivery.c.endpoint_id, endpoint.c.removed_at.is_(None)
    )
    return connection.execute(
        select(
            delivery.c.id,
            delivery.c.endpoint_id,
            delivery.c.attempts,
            endpoint.c.id.label("present"),
            func.coalesce(delivery.c.uid, message.c.uid).label("message"),
            message.c.name.label("event"),
        )
        .select_from(delivery.outerjoin(endpoint, present).join(message))
        .where(_CLAIMED, which, delivery.c.endpoint_id.in_(numbers))
        .order_by(delivery.c.id)
        .with_for_update(key_share=True, of=delivery)
    ).all()


def _let_go(
    connection: Connection, register: Register, row: AnyRow, *, now: int
) -> tuple[News, ...] | None:
    """Let one claim lapse; return what is to be told, or None if it stays for now."""
    values = _lapsed(register, row, now=now)

    if values is None:
        return None

    free = {"worker": None, "lease_until": None}
    here = delivery.c.id == row.id
    connection.execute(update(delivery).where(here).values(**free, **values))
    dead = values["state"] == State.DEAD.value
    whose = register.by_number.get(row.endpoint_id)
    return (_news(whose, row, values["reason"]),) if dead and whose else ()


def _news(whose: Registered, row: AnyRow, reason: str) -> News:
    return News(
        name="webhook.exhausted",
        endpoint=whose.endpoint.id,
        tenant=whose.endpoint.tenant,
        reason=reason,
        delivery=row.id,
        message=row.message,
        event=row.event,
        attempts=row.attempts,
    )


def _lapsed(register: Register, row: AnyRow, *, now: int) -> dict[str, Any] | None:
    """Return what changes: wait again, or end if no attempt or no endpoint is left."""
    if row.present is None:
        return _ended(State.CANCELLED, _REMOVED, now=now)

    entry = register.by_number.get(row.endpoint_id)

    if entry is None:  # added since the register was read: the next rescue knows it
        return None

    if row.attempts >= len(entry.schedule):
        reason = f"no attempt left of {len(entry.schedule)}; the last one: {LAPSED}"
        return _ended(State.DEAD, reason, now=now)

    return {"state": State.WAITING.value, "due_at": now, "reason": LAPSED}


def _ended(state: State, reason: str, *, now: int) -> dict[str, Any]:
    return {"state": state.value, "reason": reason, "finished_at": now}
