"""Endpoints in the store: who hears a name, and how the list of them changes."""

# Rule 1: every change counts one number up, in its own transaction. Who stores a
#   message reads that number in the transaction that stores, so nobody goes by an old
#   list. What a worker does to a window is no change in this sense.
# Rule 2: which secrets sign depends on the time, too. The list holds all of them with
#   their times, so that it need not be read again when one of these has come.
# Rule 3: the row is locked before what is in it is read and changed.

from __future__ import annotations

__all__ = (
    "Register",
    "Registered",
    "add_endpoint",
    "count_change",
    "enable_endpoint",
    "list_endpoints",
    "load_register",
    "pause_endpoint",
    "read_changes",
    "remove_endpoint",
    "reseal_endpoints",
    "rotate_secret",
    "update_endpoint",
)

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
from sqlalchemy import (
    Connection,
    case,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.endpoint import Endpoint, check_endpoint, hears
from upcall.webhooks._proto.errors import EndpointError, OutboxError
from upcall.webhooks._proto.filter import Filter
from upcall.webhooks._proto.health import Health
from upcall.webhooks._proto.rotation import Secrets
from upcall.webhooks._proto.schedule import DEFAULT
from upcall.webhooks._proto.schemes import carries_several
from upcall.webhooks._proto.window import Window

from .prepared import Prepared
from .rows import (
    AnyRow,
    endpoint_from_row,
    row_of_endpoint,
    row_of_health,
    row_of_window,
    to_ms,
)
from .schema import delivery, in_state, meta
from .schema import endpoint as table
from .seal import Seal, Unopened

_LOG: Final = logging.getLogger("upcall")
_CHANGES: Final = "endpoint_changes"
_NAMES: Final = 10_000

_READ_CHANGES: Final = Prepared(
    select(meta.c.value).where(meta.c.name == literal_column(f"'{_CHANGES}'"))
)
_LIVE: Final = select(table).where(table.c.removed_at.is_(None)).order_by(table.c.id)
_INSERT: Final = {
    kind.dialect.name: kind.insert(table).on_conflict_do_nothing(
        index_elements=["uid"], index_where=text("removed_at IS NULL")
    )
    for kind in (sqlite, postgresql)
}
"""By the name of the SQL dialect."""

_MAY_DIFFER: Final = frozenset({"secret", "enabled", "paused"})
_WELL: Final = {
    **row_of_health(Health()),
    "failures": 0,
    "paused_until": 0,
}
_NEW: Final = {**row_of_window(Window()), "failing_since": None, "alarmed": False}


def _compiled(entry: Registered) -> Filter | None:
    given = entry.endpoint.filter
    return None if given is None else Filter(given)


@attrs.frozen
class Registered:
    """An endpoint and its number in the store."""

    number: int
    endpoint: Endpoint
    """With the secrets that it will have in the end; see `at`."""

    secrets: Secrets
    readable: bool = attrs.field(default=True, kw_only=True)
    """Whether a key of this process opens its secrets."""

    filter: Filter | None = attrs.field(
        init=False, default=attrs.Factory(_compiled, takes_self=True)
    )
    """The filter of the endpoint, compiled."""

    @property
    def schedule(self) -> tuple[float, ...]:
        """The delay before each attempt."""
        return self.endpoint.schedule or DEFAULT

    def at(self, now: float) -> Endpoint:
        """Return the endpoint with the secrets that sign at that moment."""
        if not self.secrets.changing:
            return self.endpoint

        return attrs.evolve(self.endpoint, secret=self.secrets.at(now))


class Register:
    """The endpoints as they were at one count of changes."""

    def __init__(self, changes: int, entries: Iterable[Registered]) -> None:
        self.changes = changes
        self.by_number: Mapping[int, Registered] = {e.number: e for e in entries}
        self.all_readable: bool = all(e.readable for e in self.by_number.values())
        self.numbers: Mapping[str, int] = {
            entry.endpoint.id: number for number, entry in self.by_number.items()
        }
        self._hearing: dict[str, tuple[Registered, ...]] = {}

    @property
    def keys(self) -> frozenset[str]:
        """All keys by which enabled endpoints hear."""
        enabled = (e.endpoint for e in self.by_number.values() if e.endpoint.enabled)
        return frozenset(key for each in enabled for key in map(str, each.events))

    def can_send(self, number: int) -> bool:
        """Tell whether requests to the endpoint of this number can be made here."""
        entry = self.by_number.get(number)
        return entry is not None and entry.readable

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

    Who only stores needs no keys; and an endpoint that no key opens is no reason not to
    deliver to the others. It is left alone, and said so.
    """
    changes = read_changes(connection)
    rows = connection.execute(_LIVE).all()
    return Register(changes, [_registered(row, seal) for row in rows])


def _registered(row: AnyRow, seal: Seal) -> Registered:
    try:
        return Registered(row.id, *endpoint_from_row(row, seal))
    except OutboxError as error:
        _LOG.warning("%s; until then nothing is sent to it from here", error)
        closed = endpoint_from_row(row, Unopened())
        return Registered(row.id, *closed, readable=False)


def list_endpoints(connection: Connection, seal: Seal, *, now: float) -> list[Endpoint]:
    """Return the endpoints as they stand now; see `Store.endpoints`."""
    rows = connection.execute(_LIVE).all()
    return [endpoint_from_row(row, seal, now=now)[0] for row in rows]


def add_endpoint(
    connection: Connection, endpoint: Endpoint, seal: Seal, *, now: float
) -> Endpoint:
    """Register an endpoint; see `Store.add`."""
    row = _find(connection, endpoint.id)

    if row is None:
        if _insert(connection, endpoint, seal, now=now):
            count_change(connection)

        # Somebody else may have added it at the same time.
        row = _found(_find(connection, endpoint.id), endpoint.id)

    stored, secrets = endpoint_from_row(row, seal, now=now)
    other = _differences(stored, endpoint)

    if not secrets.knows(endpoint.secret, now=now):
        other.append("secret")

    if other:
        raise EndpointError(
            f"endpoint {endpoint.id!r} is registered already, with another "
            f"{', '.join(other)}: update it, or choose another id"
        )

    return stored


def _insert(
    connection: Connection, endpoint: Endpoint, seal: Seal, *, now: float
) -> bool:
    columns = row_of_endpoint(endpoint, Secrets.of(endpoint.secret), seal)
    columns |= _switched(endpoint.enabled, now=now)
    insertion = _INSERT[connection.dialect.name].values(
        **columns, created_at=to_ms(now)
    )
    counted = insertion.execution_options(preserve_rowcount=True)
    return connection.execute(counted).rowcount > 0


def _differences(stored: Endpoint, given: Endpoint) -> list[str]:
    """Return the names of the fields that are not as they are stored."""
    given = attrs.evolve(given, schedule=given.schedule or DEFAULT)
    names = [each.name for each in attrs.fields(Endpoint) if each.eq]
    return [
        name
        for name in names
        if name not in _MAY_DIFFER and getattr(stored, name) != getattr(given, name)
    ]


def update_endpoint(
    connection: Connection, endpoint: Endpoint, seal: Seal, *, now: float
) -> None:
    """Replace an endpoint; see `Store.update`."""
    row = _lock(connection, endpoint.id)
    stored, secrets = endpoint_from_row(row, seal, now=now)

    # Who changes something else, and gives what signs during a rotation or after it,
    # does not mean to end it.
    if not secrets.leads_to(endpoint.secret, now=now):
        secrets = Secrets.of(endpoint.secret)

    limit = endpoint.concurrency
    columns = row_of_endpoint(endpoint, secrets, seal) | {
        "size": case((table.c.size > limit, limit), else_=table.c.size)
    }

    if stored.url != endpoint.url:  # what the old place did is not held against it
        columns |= _NEW

    if stored.enabled != endpoint.enabled:
        columns |= _switched(endpoint.enabled, now=now)

    _write(connection, row, columns)


def rotate_secret(
    connection: Connection,
    uid: str,
    secret: str,
    seal: Seal,
    *,
    now: float,
    overlap: float,
) -> Endpoint:
    """Give an endpoint a new secret; see `Store.rotate`."""
    if not 0 <= overlap < math.inf:
        raise EndpointError(
            f"overlap={overlap!r}: give the seconds for which the old secret still "
            "signs, or 0"
        )

    row = _lock(connection, uid)
    stored, secrets = endpoint_from_row(row, seal, now=now)
    check_endpoint(attrs.evolve(stored, secret=secret))
    rotated = secrets.rotated(
        secret, now=now, overlap=overlap, several=carries_several(stored.scheme)
    )
    check_endpoint(
        attrs.evolve(stored, secret=tuple(span.text for span in rotated.spans))
    )
    _write(connection, row, row_of_endpoint(stored, rotated, seal))
    return attrs.evolve(stored, secret=rotated.at(now))


def reseal_endpoints(connection: Connection, seal: Seal) -> int:
    """Seal the secrets of all endpoints anew; see `Store.reseal`.

    Nothing about them has changed: who has read them need not read them again.
    """
    locked = _LIVE.with_for_update(key_share=True)
    rows = connection.execute(locked).all()

    for row in rows:
        connection.execute(
            update(table)
            .where(table.c.id == row.id)
            .values(sealed=seal.reseal(row.uid, row.sealed))
        )

    return len(rows)


def remove_endpoint(connection: Connection, uid: str, *, now: float) -> None:
    """Take an endpoint out and cancel what waits; see `Store.remove`."""
    row = _lock(connection, uid)
    _write(connection, row, {"removed_at": to_ms(now), "enabled": False, "sealed": ""})
    connection.execute(
        update(delivery)
        .where(delivery.c.endpoint_id == row.id, in_state(State.WAITING))
        .values(
            state=State.CANCELLED.value,
            finished_at=to_ms(now),
            reason="the endpoint was removed",
        )
    )


def enable_endpoint(
    connection: Connection, uid: str, *, enabled: bool, now: float, why: str | None
) -> None:
    """Switch an endpoint on (which ends a break) or off; see `Store.enable`."""
    row = _lock(connection, uid)

    if not enabled and not row.enabled and why is None:  # there was a reason before
        return

    _write(connection, row, _switched(enabled, now=now, why=why))


def _switched(
    enabled: bool, *, now: float, why: str | None = None
) -> Mapping[str, Any]:
    if enabled:
        return _WELL

    return {"enabled": False, "disabled_at": to_ms(now), "disabled_why": why}


def pause_endpoint(connection: Connection, uid: str, *, paused: bool) -> None:
    """Leave what waits alone, or go on; see `Store.pause`."""
    _write(connection, _lock(connection, uid), {"paused": paused})


def _write(connection: Connection, row: AnyRow, columns: Mapping[str, Any]) -> None:
    connection.execute(update(table).where(table.c.id == row.id).values(**columns))
    count_change(connection)


def _lock(connection: Connection, uid: str) -> AnyRow:
    """Return the row of an endpoint, which nobody else changes until the end."""
    chosen = _LIVE.where(table.c.uid == uid).with_for_update(key_share=True)
    return _found(connection.execute(chosen).first(), uid)


def _found(row: AnyRow | None, uid: str) -> AnyRow:
    if row is None:
        raise EndpointError(
            f"no endpoint has the id {uid!r}: list the endpoints to see which there are"
        )

    return row


def _find(connection: Connection, uid: str) -> AnyRow | None:
    return connection.execute(_LIVE.where(table.c.uid == uid)).first()
