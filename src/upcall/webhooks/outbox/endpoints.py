"""Endpoints in the store: who hears a name, and how the list of them changes."""

# Rule 1: every change counts one number up, in its own transaction. Who stores a
#   message reads that number in the transaction that stores, so nobody goes by an old
#   list. What a worker does to a window is no change in this sense.

from __future__ import annotations

__all__ = (
    "Register",
    "Registered",
    "add_endpoint",
    "count_change",
    "disable_endpoint",
    "enable_endpoint",
    "load_register",
    "read_changes",
    "remove_endpoint",
    "update_endpoint",
)

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
from sqlalchemy import Connection, case, insert, literal_column, select, update

from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.endpoint import Endpoint, hears
from upcall.webhooks._proto.errors import EndpointError
from upcall.webhooks._proto.schedule import DEFAULT

from .prepared import Prepared
from .rows import AnyRow, endpoint_from_row, row_of_endpoint, to_ms
from .schema import delivery, in_state, meta
from .schema import endpoint as table
from .seal import Seal

_CHANGES: Final = "endpoint_changes"
_NAMES: Final = 10_000

_READ_CHANGES: Final = Prepared(
    select(meta.c.value).where(meta.c.name == literal_column(f"'{_CHANGES}'"))
)
_LIVE: Final = select(table).where(table.c.removed_at.is_(None)).order_by(table.c.id)


@attrs.frozen
class Registered:
    """An endpoint and its number in the store."""

    number: int
    endpoint: Endpoint

    @property
    def schedule(self) -> tuple[float, ...]:
        """The delay before each attempt."""
        return self.endpoint.schedule or DEFAULT


class Register:
    """The endpoints as they were at one count of changes."""

    def __init__(self, changes: int, entries: Iterable[Registered]) -> None:
        self.changes = changes
        self.by_number: Mapping[int, Registered] = {e.number: e for e in entries}
        self._hearing: dict[str, tuple[Registered, ...]] = {}

    def hearing(self, name: str) -> tuple[Registered, ...]:
        """Return the enabled endpoints that hear the name."""
        found = self._hearing.get(name)

        if found is None:
            if (
                len(self._hearing) >= _NAMES
            ):  # names may be made of ids: keep it bounded
                self._hearing.clear()

            found = self._hearing[name] = tuple(
                entry
                for entry in self.by_number.values()
                if entry.endpoint.enabled and hears(entry.endpoint, name)
            )

        return found


def read_changes(connection: Connection) -> int:
    """Return how often endpoints were changed."""
    return _READ_CHANGES.first(connection, {}) or 0


def count_change(connection: Connection) -> None:
    """Count a change, so that every process reads the list again."""
    changed = update(meta).where(meta.c.name == _CHANGES).values(value=meta.c.value + 1)

    if not connection.execute(changed).rowcount:
        connection.execute(insert(meta).values(name=_CHANGES, value=1))


def load_register(connection: Connection, seal: Seal) -> Register:
    """Read all endpoints.

    Raises:
        OutboxError: if no key opens the secrets of one.
    """
    changes = read_changes(connection)
    rows = connection.execute(_LIVE).all()
    entries = [Registered(row.id, endpoint_from_row(row, seal)) for row in rows]
    return Register(changes, entries)


def add_endpoint(
    connection: Connection, endpoint: Endpoint, seal: Seal, *, now: float
) -> Endpoint:
    """Register an endpoint; see `Store.add`."""
    row = _find(connection, endpoint.id)

    if row is None:
        columns = row_of_endpoint(endpoint, seal)
        connection.execute(insert(table).values(**columns, created_at=to_ms(now)))
        count_change(connection)
        return endpoint

    stored = endpoint_from_row(row, seal)

    if attrs.evolve(stored, enabled=endpoint.enabled) != endpoint:
        raise EndpointError(
            f"endpoint {endpoint.id!r} is registered already, and differs: update it, "
            "or choose another id"
        )

    return stored


def update_endpoint(connection: Connection, endpoint: Endpoint, seal: Seal) -> None:
    """Replace an endpoint; see `Store.update`."""
    number = _number(connection, endpoint.id)
    limit = endpoint.concurrency
    connection.execute(
        update(table)
        .where(table.c.id == number)
        .values(
            **row_of_endpoint(endpoint, seal),
            size=case((table.c.size > limit, limit), else_=table.c.size),
        )
    )
    count_change(connection)


def remove_endpoint(connection: Connection, uid: str, *, now: float) -> None:
    """Take an endpoint out and cancel what waits; see `Store.remove`."""
    number = _number(connection, uid)
    connection.execute(
        update(table)
        .where(table.c.id == number)
        .values(removed_at=to_ms(now), enabled=False, sealed="")
    )
    connection.execute(
        update(delivery)
        .where(delivery.c.endpoint_id == number, in_state(State.WAITING))
        .values(
            state=State.CANCELLED.value,
            finished_at=to_ms(now),
            reason="the endpoint was removed",
        )
    )
    count_change(connection)


def enable_endpoint(connection: Connection, uid: str, *, enabled: bool) -> None:
    """Switch an endpoint on (which ends a pause) or off; see `Store.enable`."""
    number = _number(connection, uid)
    values: dict[str, Any] = {"enabled": enabled}

    if enabled:
        values["paused_until"] = 0

    connection.execute(update(table).where(table.c.id == number).values(**values))
    count_change(connection)


def disable_endpoint(connection: Connection, number: int) -> None:
    """Switch an endpoint off because its receiver wants no more."""
    connection.execute(update(table).where(table.c.id == number).values(enabled=False))
    count_change(connection)


def _number(connection: Connection, uid: str) -> int:
    row = _find(connection, uid)

    if row is None:
        raise EndpointError(
            f"no endpoint has the id {uid!r}: Bridge.endpoints() lists those there are"
        )

    return int(row.id)


def _find(connection: Connection, uid: str) -> AnyRow | None:
    return connection.execute(_LIVE.where(table.c.uid == uid)).first()
