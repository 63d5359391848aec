"""Requests claimed, given back, settled, and taken back from who is gone."""

# Rule 1: rows are locked in the order of their numbers, but for those of a claim, which
#   passes over what somebody else has locked.
# Rule 2: an outcome acts only if its fence is the one of the row and the table of moves
#   has its move. Otherwise the attempt is written down and nothing else changes.

from __future__ import annotations

__all__ = (
    "claim_requests",
    "give_back_requests",
    "renew_leases",
    "rescue_requests",
    "settle_requests",
)

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    bindparam,
    func,
    insert,
    null,
    or_,
    select,
    text,
    update,
)

from upcall.webhooks._proto.delivery import FINISHED, MOVES, Move, State, sources
from upcall.webhooks._proto.news import Dead

from .inbox_contract import (
    LEASE,
    RequestClaim,
    RequestOutcome,
    RequestsLapsed,
    RequestTurn,
)
from .inbox_rows import claim_from_row, row_of_attempt, storable
from .prepared import Prepared
from .rows import AnyRow, to_ms
from .schema import in_state, request, request_attempt, worker
from .workers import LAPSED, is_enlisted, strike_off

_AGAIN: Final = 0.05
"""Seconds after which we look again at what somebody else had locked."""

_WAITING: Final = in_state(*sources(Move.CLAIM), of=request)
_CLAIMED: Final = in_state(*sources(Move.LAPSE), of=request)
_READABLE: Final = request.c.source.in_(bindparam("sources", expanding=True))
_DUE: Final = (
    select(
        request.c.id,
        request.c.fence,
        request.c.attempts,
        request.c.replayed_after,
        request.c.uid,
        request.c.source,
        request.c.scheme,
        request.c.event,
        request.c.headers,
        request.c.body,
    )
    .where(_WAITING, request.c.due_at <= bindparam("now"), _READABLE)
    .order_by(request.c.due_at, request.c.id)
    .limit(bindparam("free"))
    .with_for_update(key_share=True, skip_locked=True)
)
_NEXT_DUE: Final = select(func.min(request.c.due_at)).where(_WAITING, _READABLE)
_CLAIM: Final = Prepared(
    update(request)
    .where(request.c.id == bindparam("number"))
    .values(
        state=text("'claimed'"),
        fence=text("fence + 1"),
        attempts=text("attempts + 1"),
        worker=bindparam("who"),
        lease_until=bindparam("until"),
    )
)
_RENEW: Final = Prepared(
    update(request)
    .where(
        request.c.id == bindparam("number"),
        request.c.fence == bindparam("mark"),
        _CLAIMED,
    )
    .values(lease_until=bindparam("until"))
)
_GIVE_BACK: Final = Prepared(
    update(request)
    .where(
        request.c.id == bindparam("number"),
        request.c.fence == bindparam("mark"),
        in_state(*sources(Move.GIVE_BACK), of=request),
    )
    .values(
        state=text("'waiting'"),
        worker=null(),
        lease_until=null(),
        attempts=text("attempts - 1"),
    )
)
_STANDING: Final = (
    select(request.c.id, request.c.fence, request.c.state, request.c.due_at)
    .where(request.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(request.c.id)
    .with_for_update(key_share=True)
)
_MOVE: Final = Prepared(
    update(request)
    .where(request.c.id == bindparam("number"), request.c.fence == bindparam("mark"))
    .values(
        state=bindparam("to_state"),
        due_at=bindparam("due"),
        finished_at=bindparam("finished"),
        reason=bindparam("why"),
        worker=null(),
        lease_until=null(),
    )
)
_ATTEMPT: Final = Prepared(
    insert(request_attempt),
    columns=[column.name for column in request_attempt.c if column.name != "id"],
)
_OVER: Final = (
    select(
        request.c.id,
        request.c.fence,
        request.c.attempts,
        request.c.replayed_after,
        request.c.uid,
        request.c.source,
        request.c.event,
    )
    .where(
        _CLAIMED,
        or_(
            request.c.worker.not_in(select(worker.c.id)),
            request.c.lease_until <= bindparam("now"),
        ),
    )
    .order_by(request.c.id)
    .with_for_update(key_share=True, of=request)
)


def claim_requests(
    connection: Connection,
    who: int,
    *,
    sources: Collection[str],
    now: float,
    free: int,
) -> RequestTurn:
    """Claim what is due; see `InboxStore.claim`."""
    if not is_enlisted(connection, who):
        return RequestTurn()

    given = {"sources": list(sources), "now": to_ms(now), "free": free}
    rows = connection.execute(_DUE, given).all()
    until = to_ms(now + LEASE)
    _CLAIM.for_each(
        connection, [{"number": row.id, "who": who, "until": until} for row in rows]
    )
    return RequestTurn(
        claims=tuple(claim_from_row(row, who) for row in rows),
        next_due=_next_due(connection, sources, now) if len(rows) < free else None,
    )


def _next_due(
    connection: Connection, sources: Collection[str], now: float
) -> float | None:
    due = connection.execute(_NEXT_DUE, {"sources": list(sources)}).scalar()

    if due is None:
        return None

    # What is due and was not claimed is locked by somebody else just now.
    return due / 1000 if due > to_ms(now) else now + _AGAIN


def renew_leases(
    connection: Connection, claims: Sequence[RequestClaim], *, now: float
) -> None:
    """Let leases begin anew; see `InboxStore.renew`."""
    until = to_ms(now + LEASE)
    ordered = sorted(claims, key=lambda claim: claim.request)
    _RENEW.for_each(
        connection,
        [
            {"number": claim.request, "mark": claim.fence, "until": until}
            for claim in ordered
        ],
    )


def give_back_requests(connection: Connection, claims: Sequence[RequestClaim]) -> None:
    """Undo claims; see `InboxStore.give_back`."""
    ordered = sorted(claims, key=lambda claim: claim.request)
    _GIVE_BACK.for_each(
        connection,
        [{"number": claim.request, "mark": claim.fence} for claim in ordered],
    )


def settle_requests(
    connection: Connection, outcomes: Sequence[RequestOutcome]
) -> list[bool]:
    """Write down and apply outcomes; see `InboxStore.settle`."""
    numbers = [outcome.claim.request for outcome in outcomes]
    found = connection.execute(_STANDING, {"ids": numbers})
    rows = {row.id: row for row in found}
    known = [each for each in outcomes if each.claim.request in rows]
    moves = [_move(rows.get(each.claim.request), each) for each in outcomes]
    _MOVE.for_each(connection, [move for move in moves if move is not None])
    _ATTEMPT.for_each(
        connection, [row_of_attempt(each.claim.request, each.attempt) for each in known]
    )
    return [move is not None for move in moves]


def _move(row: AnyRow | None, outcome: RequestOutcome) -> dict[str, Any] | None:
    """Return what an outcome changes, or None if it is late."""
    if row is None or row.fence != outcome.claim.fence:
        return None

    decision = outcome.decision
    before = State(row.state)

    if decision.move not in MOVES[before]:
        return None

    after = State(MOVES[before][decision.move] or before)
    return {
        "number": row.id,
        "mark": row.fence,
        "to_state": after.value,
        "due": row.due_at if decision.due is None else to_ms(decision.due),
        "finished": to_ms(outcome.ended) if after in FINISHED else None,
        "why": None if decision.reason is None else storable(decision.reason),
    }


def rescue_requests(
    connection: Connection,
    *,
    now: float,
    schedule: Sequence[float],
    is_gone: Callable[[int], bool],
) -> RequestsLapsed:
    """Let claims lapse; see `InboxStore.rescue`."""
    strike_off(connection, now=now, is_gone=is_gone)
    rows = connection.execute(_OVER, {"now": to_ms(now)}).all()
    left = [row for row in rows if _tries(row) < len(schedule)]
    over = [row for row in rows if _tries(row) >= len(schedule)]
    reason = f"no attempt left of {len(schedule)}; the last one: {LAPSED}"
    _MOVE.for_each(connection, [_lapsed(row, schedule, now) for row in left])
    _MOVE.for_each(connection, [_buried(row, reason, now) for row in over])
    dead = tuple(_dead(row, reason) for row in over)
    return RequestsLapsed(number=len(rows), dead=dead)


def _tries(row: AnyRow) -> int:
    tries: int = row.attempts - row.replayed_after
    return tries


def _lapsed(row: AnyRow, schedule: Sequence[float], now: float) -> dict[str, Any]:
    return {
        "number": row.id,
        "mark": row.fence,
        "to_state": State.WAITING.value,
        "due": to_ms(now + schedule[_tries(row)]),
        "finished": None,
        "why": LAPSED,
    }


def _buried(row: AnyRow, reason: str, now: float) -> dict[str, Any]:
    return {
        "number": row.id,
        "mark": row.fence,
        "to_state": State.DEAD.value,
        "due": to_ms(now),
        "finished": to_ms(now),
        "why": reason,
    }


def _dead(row: AnyRow, reason: str) -> Dead:
    return Dead(
        source=row.source,
        event=row.event,
        envelope=row.uid,
        request=row.id,
        attempts=row.attempts,
        reason=reason,
    )
