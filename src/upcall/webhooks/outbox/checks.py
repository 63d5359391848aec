"""What must never be in an outbox, looked for."""

# Rule 1: nothing is repaired here. What was found is told in words that a person can
#   act upon, with a number where there may be many.
# Rule 2: the database itself is asked, not the rules that it was made with: it may have
#   been written by other programs, restored by halves, or damaged.

from __future__ import annotations

__all__ = ("find_faults",)

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from upcall.webhooks._proto.delivery import FINISHED, Move, State, sources
from upcall.webhooks._proto.endpoint import LONGEST_TIMEOUT
from upcall.webhooks._proto.errors import OutboxError

from .contract import LEASE_MARGIN
from .inbox_contract import LEASE
from .rows import endpoint_from_row, to_ms
from .schema import (
    attempt,
    delivery,
    endpoint,
    in_state,
    message,
    rendering,
    request,
    request_attempt,
    worker,
)
from .seal import Seal

_SLACK: Final = 60.0
"""Seconds by which clocks may differ before that is a fault."""

_WAITING: Final = in_state(*sources(Move.CLAIM))
_REMOVED: Final = endpoint.c.removed_at.is_not(None)
_HAS_DELIVERY: Final = exists().where(delivery.c.message_id == message.c.id)

_Fault: TypeAlias = tuple[str, FromClause, ColumnElement[bool]]


def _missing(table: FromClause, key: str, value: ColumnElement[Any]) -> Any:
    return ~exists().where(table.c[key] == value)


def _faults_of_life(
    things: str, of: Table, *, claims: str, lease: float
) -> tuple[_Fault, ...]:
    """Return what must not be where the table of moves says how things live.

    Args:
        things: what they are called.
        of: where they are.
        claims: what claims of them are called.
        lease: the seconds of the longest one.
    """
    claimed = in_state(*sources(Move.LAPSE), of=of)
    ended = in_state(*sorted(FINISHED), of=of)
    latest = bindparam("now", type_=BigInteger) + to_ms(lease + _SLACK)
    return (
        (
            f"{things} are in a state that there is not",
            of,
            not_(in_state(*State, of=of)),
        ),
        (
            f"{things} are claimed without a worker or a lease",
            of,
            and_(claimed, or_(of.c.worker.is_(None), of.c.lease_until.is_(None))),
        ),
        (
            f"{things} are claimed by workers that are not on the list",
            of,
            and_(claimed, _missing(worker, "id", of.c.worker)),
        ),
        (
            f"{claims} have a lease that ends too late: a clock was turned",
            of,
            and_(claimed, of.c.lease_until > latest),
        ),
        (
            f"{things} that are not claimed have a worker or a lease",
            of,
            and_(
                not_(claimed),
                or_(of.c.worker.is_not(None), of.c.lease_until.is_not(None)),
            ),
        ),
        (
            f"finished {things} have no time of their end",
            of,
            and_(ended, of.c.finished_at.is_(None)),
        ),
        (
            f"{things} have ended and are not finished",
            of,
            and_(not_(ended), of.c.finished_at.is_not(None)),
        ),
        (
            f"{things} are dead or cancelled without a reason",
            of,
            and_(in_state(State.DEAD, State.CANCELLED, of=of), of.c.reason.is_(None)),
        ),
        (
            f"{things} have more attempts than claims",
            of,
            or_(of.c.attempts < 0, of.c.attempts > of.c.fence),
        ),
    )


_FAULTS: Final[tuple[_Fault, ...]] = (
    *_faults_of_life(
        "deliveries", delivery, claims="claims", lease=LONGEST_TIMEOUT + LEASE_MARGIN
    ),
    (
        "deliveries wait for an endpoint that was removed",
        delivery,
        and_(
            _WAITING,
            exists().where(endpoint.c.id == delivery.c.endpoint_id, _REMOVED),
        ),
    ),
    (
        "deliveries are to an endpoint that there is not",
        delivery,
        _missing(endpoint, "id", delivery.c.endpoint_id),
    ),
    (
        "deliveries have no message",
        delivery,
        _missing(message, "id", delivery.c.message_id),
    ),
    (
        "deliveries wait in a version that their message was not written in",
        delivery,
        and_(
            _WAITING,
            delivery.c.replay == literal_column("0"),
            ~exists().where(
                message.c.id == delivery.c.message_id,
                message.c.version == delivery.c.version,
            ),
            ~exists().where(
                rendering.c.message_id == delivery.c.message_id,
                rendering.c.version == delivery.c.version,
            ),
        ),
    ),
    (
        "messages are fanned out and have no delivery",
        message,
        and_(message.c.fanned_out, not_(_HAS_DELIVERY)),
    ),
    (
        "messages have deliveries and are not fanned out",
        message,
        and_(not_(message.c.fanned_out), _HAS_DELIVERY),
    ),
    (
        "renderings have no message",
        rendering,
        _missing(message, "id", rendering.c.message_id),
    ),
    (
        "attempts have no delivery",
        attempt,
        _missing(delivery, "id", attempt.c.delivery_id),
    ),
    (
        "endpoints have a window that is out of range",
        endpoint,
        or_(endpoint.c.size < 1, endpoint.c.size > endpoint.c.concurrency),
    ),
    (
        "endpoints are disabled and enabled at once",
        endpoint,
        and_(
            not_(_REMOVED),
            endpoint.c.enabled == endpoint.c.disabled_at.is_not(None),
        ),
    ),
    (
        "endpoints were removed and still have secrets",
        endpoint,
        and_(_REMOVED, endpoint.c.sealed != literal_column("''")),
    ),
    *_faults_of_life("requests", request, claims="claims of requests", lease=LEASE),
    (
        "requests were replayed after more attempts than they had",
        request,
        or_(
            request.c.replayed_after < 0,
            request.c.replayed_after > request.c.attempts,
        ),
    ),
    (
        "attempts have no request",
        request_attempt,
        _missing(request, "id", request_attempt.c.request_id),
    ),
)


def find_faults(connection: Connection, seal: Seal, *, now: float) -> Iterator[str]:
    """Give what was found, in words; see `Store.check`."""
    for words, table, fault in _FAULTS:
        count = select(func.count()).select_from(table).where(fault)
        number = connection.execute(count, {"now": to_ms(now)}).scalar() or 0

        if number:
            yield f"{number} {words}"

    for row in connection.execute(select(endpoint).where(not_(_REMOVED))):
        try:
            endpoint_from_row(row, seal)
        except OutboxError as error:
            yield str(error)
