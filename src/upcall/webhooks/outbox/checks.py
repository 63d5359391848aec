"""What must never be in an outbox, looked for."""

# Rule 1: nothing is repaired here. What was found is told in words that a person can
#   act upon, with a number where there may be many.
# Rule 2: the database itself is asked, not the rules that it was made with: it may have
#   been written by other programs, restored by halves, or damaged.

from __future__ import annotations

__all__ = ("find_faults",)

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
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
from .rows import endpoint_from_row, to_ms
from .schema import (
    attempt,
    delivery,
    endpoint,
    in_state,
    message,
    rendering,
    worker,
)
from .seal import Seal

_SLACK: Final = 60.0
"""Seconds by which clocks may differ before that is a fault."""

_CLAIMED: Final = in_state(*sources(Move.LAPSE))
_WAITING: Final = in_state(*sources(Move.CLAIM))
_ENDED: Final = in_state(*sorted(FINISHED))
_REMOVED: Final = endpoint.c.removed_at.is_not(None)
_HAS_DELIVERY: Final = exists().where(delivery.c.message_id == message.c.id)


def _missing(table: FromClause, key: str, value: ColumnElement[Any]) -> Any:
    return ~exists().where(table.c[key] == value)


_FAULTS: Final[tuple[tuple[str, FromClause, ColumnElement[bool]], ...]] = (
    (
        "deliveries are in a state that there is not",
        delivery,
        not_(in_state(*State)),
    ),
    (
        "deliveries are claimed without a worker or a lease",
        delivery,
        and_(
            _CLAIMED, or_(delivery.c.worker.is_(None), delivery.c.lease_until.is_(None))
        ),
    ),
    (
        "deliveries are claimed by workers that are not on the list",
        delivery,
        and_(_CLAIMED, _missing(worker, "id", delivery.c.worker)),
    ),
    (
        "claims have a lease that ends too late: a clock was turned",
        delivery,
        and_(_CLAIMED, delivery.c.lease_until > bindparam("latest", type_=BigInteger)),
    ),
    (
        "deliveries that are not claimed have a worker or a lease",
        delivery,
        and_(
            not_(_CLAIMED),
            or_(delivery.c.worker.is_not(None), delivery.c.lease_until.is_not(None)),
        ),
    ),
    (
        "finished deliveries have no time of their end",
        delivery,
        and_(_ENDED, delivery.c.finished_at.is_(None)),
    ),
    (
        "deliveries have ended and are not finished",
        delivery,
        and_(not_(_ENDED), delivery.c.finished_at.is_not(None)),
    ),
    (
        "deliveries are dead or cancelled without a reason",
        delivery,
        and_(in_state(State.DEAD, State.CANCELLED), delivery.c.reason.is_(None)),
    ),
    (
        "deliveries have more attempts than claims",
        delivery,
        or_(delivery.c.attempts < 0, delivery.c.attempts > delivery.c.fence),
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
)


def find_faults(connection: Connection, seal: Seal, *, now: float) -> Iterator[str]:
    """Give what was found, in words; see `Store.check`."""
    given = {"latest": to_ms(now + LONGEST_TIMEOUT + LEASE_MARGIN + _SLACK)}

    for words, table, fault in _FAULTS:
        count = select(func.count()).select_from(table).where(fault)
        number = connection.execute(count, given).scalar() or 0

        if number:
            yield f"{number} {words}"

    for row in connection.execute(select(endpoint).where(not_(_REMOVED))):
        try:
            endpoint_from_row(row, seal)
        except OutboxError as error:
            yield str(error)
