"""Deliveries and attempts as they are looked at, and the replay of one."""

from __future__ import annotations

__all__ = ("count_all", "list_attempts", "list_deliveries", "replay_delivery")

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, func, insert, select

from upcall.webhooks._proto.delivery import Attempt, Delivery, Move, State, after
from upcall.webhooks._proto.errors import EndpointError, OutboxError

from .contract import Counts
from .rows import AnyRow, attempt_from_row, delivery_from_row, new_number, to_ms
from .schema import attempt, delivery, endpoint, in_state, message

_DELIVERIES: Final = (
    select(
        delivery,
        message.c.uid.label("message"),
        message.c.name.label("event"),
        endpoint.c.uid.label("endpoint"),
        endpoint.c.removed_at,
    )
    .join(message, message.c.id == delivery.c.message_id)
    .join(endpoint, endpoint.c.id == delivery.c.endpoint_id)
)
_COUNT: Final = select(delivery.c.state, func.count()).group_by(delivery.c.state)
_ENDPOINTS: Final = select(func.count()).where(endpoint.c.removed_at.is_(None))


def list_deliveries(
    connection: Connection,
    *,
    endpoint: str | None,
    state: State | None,
    before: int | datetime | None,
    limit: int,
) -> list[Delivery]:
    """Return deliveries, the newest first; see `Store.deliveries`."""
    chosen = _DELIVERIES.order_by(delivery.c.id.desc()).limit(limit)
    chosen = _since(_to(chosen, endpoint), before)

    if state is not None:
        chosen = chosen.where(in_state(state))

    return [delivery_from_row(row) for row in connection.execute(chosen)]


def _to(chosen: Select[Any], uid: str | None) -> Select[Any]:
    if uid is None:
        return chosen

    numbers = select(endpoint.c.id).where(endpoint.c.uid == uid)
    return chosen.where(delivery.c.endpoint_id.in_(numbers))


def _since(chosen: Select[Any], before: int | datetime | None) -> Select[Any]:
    if before is None:
        return chosen

    if isinstance(before, datetime):
        return chosen.where(delivery.c.created_at < to_ms(before.timestamp()))

    return chosen.where(delivery.c.id < before)


def list_attempts(connection: Connection, number: int) -> list[Attempt]:
    """Return the attempts of a delivery; see `Store.attempts`."""
    _find(connection, number)
    chosen = select(attempt).where(attempt.c.delivery_id == number)
    rows = connection.execute(chosen.order_by(attempt.c.number, attempt.c.id))
    return [attempt_from_row(row) for row in rows]


def replay_delivery(connection: Connection, number: int, *, now: float) -> Delivery:
    """Make a new delivery of the same message; see `Store.replay`."""
    old = _find(connection, number)
    state = after(State(old.state), Move.REPLAY)

    if old.removed_at is not None:
        raise EndpointError(
            f"the endpoint {old.endpoint!r} of delivery {number} has been removed: "
            "what was meant for it cannot be replayed"
        )

    new = connection.execute(
        insert(delivery).values(
            message_id=old.message_id,
            endpoint_id=old.endpoint_id,
            replay=_replays(connection, old) + 1,
            state=state,
            created_at=to_ms(now),
            due_at=to_ms(now),
        )
    )
    return delivery_from_row(_find(connection, new_number(new)))


def _replays(connection: Connection, old: AnyRow) -> int:
    highest = select(func.max(delivery.c.replay)).where(
        delivery.c.message_id == old.message_id,
        delivery.c.endpoint_id == old.endpoint_id,
    )
    return connection.execute(highest).scalar() or 0


def _find(connection: Connection, number: int) -> AnyRow:
    row = connection.execute(_DELIVERIES.where(delivery.c.id == number)).first()

    if row is None:
        raise OutboxError(
            f"there is no delivery {number!r}: Bridge.deliveries() lists them"
        )

    return row


def count_all(connection: Connection) -> Counts:
    """Count endpoints, and deliveries by state; see `Store.counts`."""
    rows = connection.execute(_COUNT).all()
    found: dict[str, int] = {state: number for state, number in rows}  # noqa: C416 (a row is typed as a tuple only when it is unpacked)
    states = {state.value: found.get(state.value, 0) for state in State}
    return Counts(endpoints=connection.execute(_ENDPOINTS).scalar() or 0, **states)
