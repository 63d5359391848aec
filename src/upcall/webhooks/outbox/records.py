"""Deliveries and attempts as they are looked at, and replays."""

from __future__ import annotations

__all__ = (
    "count_all",
    "list_attempts",
    "list_deliveries",
    "replay_delivery",
    "replay_since",
)

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
)

from upcall._events.envelope import check_id
from upcall.webhooks._proto.delivery import Attempt, Delivery, Move, State, after
from upcall.webhooks._proto.errors import EndpointError, OutboxError

from .contract import Counts
from .rows import AnyRow, attempt_from_row, delivery_from_row, new_number, to_ms
from .schema import attempt, delivery, endpoint, in_state, message

_DELIVERIES: Final = (
    select(
        delivery,
        func.coalesce(delivery.c.uid, message.c.uid).label("message"),
        message.c.tenant,
        message.c.name.label("event"),
        endpoint.c.uid.label("endpoint"),
    )
    .join(message, message.c.id == delivery.c.message_id)
    .join(endpoint, endpoint.c.id == delivery.c.endpoint_id)
)
_newer: Final = delivery.alias("newer")
_IS_NEWEST: Final = ~exists().where(
    _newer.c.message_id == delivery.c.message_id,
    _newer.c.endpoint_id == delivery.c.endpoint_id,
    _newer.c.replay > delivery.c.replay,
)
"""Whether it was not replayed yet."""

_COUNT: Final = select(delivery.c.state, func.count()).group_by(delivery.c.state)
_ENDPOINTS: Final = select(func.count()).where(endpoint.c.removed_at.is_(None))


def list_deliveries(
    connection: Connection,
    *,
    endpoint: str | None,
    tenant: str | None,
    state: State | None,
    before: int | datetime | None,
    limit: int,
) -> list[Delivery]:
    """Return deliveries, the newest first; see `Store.deliveries`."""
    chosen = _DELIVERIES.order_by(delivery.c.id.desc()).limit(limit)
    chosen = _since(_to(chosen, endpoint), before)

    if tenant is not None:
        chosen = chosen.where(message.c.tenant == tenant)

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


def replay_delivery(
    connection: Connection, number: int, *, now: float, new_id: str | None
) -> Delivery:
    """Make a new delivery of the same message; see `Store.replay`."""
    old = _find(connection, number)
    state = after(State(old.state), Move.REPLAY)

    if not _lock(connection, old.endpoint_id):
        raise EndpointError(
            f"the endpoint {old.endpoint!r} of delivery {number} has been removed: "
            "what was meant for it cannot be replayed"
        )

    _keep_message(connection, old)
    new = connection.execute(
        insert(delivery).values(
            message_id=old.message_id,
            endpoint_id=old.endpoint_id,
            replay=_replays(connection, old) + 1,
            uid=old.uid if new_id is None else check_id(new_id),
            version=old.version,
            format=old.format,
            state=state,
            created_at=to_ms(now),
            due_at=to_ms(now),
        )
    )
    return delivery_from_row(_find(connection, new_number(new)))


def replay_since(connection: Connection, uid: str, since: float, *, now: float) -> int:
    """Replay what an endpoint did not get; see `Store.replay_since`."""
    live = select(endpoint.c.id).where(endpoint.c.removed_at.is_(None))
    number = connection.execute(live.where(endpoint.c.uid == uid)).scalar()

    if number is None or not _lock(connection, number):
        raise EndpointError(
            f"no endpoint has the id {uid!r}: list the endpoints to see which there are"
        )

    columns = {
        "message_id": delivery.c.message_id,
        "endpoint_id": delivery.c.endpoint_id,
        "replay": delivery.c.replay + literal_column("1"),
        "uid": delivery.c.uid,
        "version": delivery.c.version,
        "format": delivery.c.format,
        "created_at": literal(to_ms(now)),
        "due_at": literal(to_ms(now)),
    }
    missed = (
        select(*columns.values())
        .join(message, message.c.id == delivery.c.message_id)
        .where(
            delivery.c.endpoint_id == number,
            delivery.c.finished_at >= to_ms(since),
            in_state(State.DEAD, State.CANCELLED),
            _IS_NEWEST,
        )
        .order_by(delivery.c.message_id)
        .with_for_update(read=True, key_share=True, of=message)
    )
    made = insert(delivery).from_select([*columns], missed)
    return connection.execute(made.execution_options(preserve_rowcount=True)).rowcount


def _lock(connection: Connection, number: int) -> bool:
    """Lock an endpoint, so that it is neither removed nor replayed to; see if it is."""
    chosen = select(endpoint.c.id).where(
        endpoint.c.id == number, endpoint.c.removed_at.is_(None)
    )
    locked = connection.execute(chosen.with_for_update(key_share=True))
    return locked.scalar() is not None


def _keep_message(connection: Connection, old: AnyRow) -> None:
    """See that the message is not pruned until the transaction ends."""
    chosen = select(message.c.id).where(message.c.id == old.message_id)
    locked = connection.execute(chosen.with_for_update(read=True, key_share=True))

    if locked.scalar() is None:
        raise _unknown(old.id)


def _replays(connection: Connection, old: AnyRow) -> int:
    highest = select(func.max(delivery.c.replay)).where(
        delivery.c.message_id == old.message_id,
        delivery.c.endpoint_id == old.endpoint_id,
    )
    return connection.execute(highest).scalar() or 0


def _find(connection: Connection, number: int) -> AnyRow:
    row = connection.execute(_DELIVERIES.where(delivery.c.id == number)).first()

    if row is None:
        raise _unknown(number)

    return row


def _unknown(number: int) -> OutboxError:
    return OutboxError(
        f"there is no delivery {number!r}: list the deliveries to see which there are"
    )


def count_all(connection: Connection) -> Counts:
    """Count endpoints, and deliveries by state; see `Store.counts`."""
    rows = connection.execute(_COUNT).all()
    found: dict[str, int] = {state: number for state, number in rows}  # noqa: C416 (a row is typed as a tuple only when it is unpacked)
    states = {state.value: found.get(state.value, 0) for state in State}
    return Counts(endpoints=connection.execute(_ENDPOINTS).scalar() or 0, **states)
