"""Messages in the store: kept once, and fanned out."""

# Rule 1: who gets a message is decided in the transaction that makes its deliveries: by
#   key, tenant, version and filter, in this order. A payload is parsed only for a
#   filter, and once per version.
# Rule 2: an endpoint that is to get a message and cannot gets a delivery that is dead
#   from the start: on record, and to be replayed.
# Rule 3: two transactions may store the same id at once. The second waits for the end
#   of the first, finds that it inserted nothing, and compares.
# Rule 4: messages are locked before the list of endpoints is read. An endpoint that was
#   there before a message was committed is then always in the list.

from __future__ import annotations

__all__ = ("INSERT_MESSAGE", "fan_out_messages", "keep_messages")

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Insert, bindparam, delete, insert, select, text
from sqlalchemy import update as change
from sqlalchemy.dialects import postgresql, sqlite

from upcall.webhooks._proto.errors import ConflictError, PayloadError
from upcall.webhooks._proto.message import Message
from upcall.webhooks.codec import JSON

from .contract import Keep, Kept
from .endpoints import Register, Registered
from .prepared import Prepared, PreparedAmong
from .renderings import (
    insert_renderings,
    message_from_row,
    pinned_version,
    read_renderings,
)
from .rows import row_of_message, to_ms
from .schema import delivery, message

_Content: TypeAlias = tuple[str, bytes, str | None]
_Fate: TypeAlias = tuple[Registered, int, str | None]
"""An endpoint, the version it gets, and why it cannot get it, if it cannot."""

INSERT_MESSAGE: Final[Mapping[str, Insert]] = {
    kind.dialect.name: kind.insert(message)
    .on_conflict_do_nothing(index_elements=["uid"])
    .inline()
    for kind in (sqlite, postgresql)
}
"""Insert a message if there is none of its id; by the name of the SQL dialect."""

_INSERT_MESSAGE: Final = {
    name: Prepared(
        statement, columns=("uid", "name", "version", "time", "data", "tenant")
    )
    for name, statement in INSERT_MESSAGE.items()
}
_NEW_DELIVERY: Final = (
    insert(delivery)
    .values(
        message_id=select(message.c.id)
        .where(message.c.uid == bindparam("message_uid"))
        .scalar_subquery(),
        endpoint_id=bindparam("endpoint"),
        created_at=bindparam("created"),
        due_at=bindparam("due"),
        version=bindparam("pinned_version"),
        format=bindparam("pinned_format"),
    )
    .inline()  # its number is not asked for
)
_INSERT_DELIVERY: Final = Prepared(_NEW_DELIVERY)
_INSERT_DEAD: Final = Prepared(
    _NEW_DELIVERY.values(
        state=text("'dead'"),
        finished_at=bindparam("finished"),
        reason=bindparam("why"),
    )
)
_STORED: Final = PreparedAmong(
    lambda uids: select(
        message.c.uid, message.c.name, message.c.data, message.c.tenant
    ).where(
        message.c.uid.in_(uids),
        ~message.c.fanned_out
        | select(delivery.c.id).where(delivery.c.message_id == message.c.id).exists(),
    )
)
"""Those that are stored already. One that was inserted just now has no deliveries."""

_UNFANNED: Final = Prepared(
    select(message)
    .where(text("NOT fanned_out"))
    .order_by(message.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_FANNED: Final = (
    change(message)
    .where(message.c.id.in_(bindparam("ids", expanding=True)))
    .values(fanned_out=text("true"))
)


# --- keep ---


def keep_messages(
    connection: Connection, register: Register, keeps: Sequence[Keep]
) -> list[Kept | ConflictError]:
    """Store messages and fan them out; see `Store.keep`."""
    fates = [_fates(register, keep) for keep in keeps]
    first: dict[str, _Content] = {}
    new: list[tuple[Keep, Sequence[_Fate]]] = []
    results: list[Kept | ConflictError] = []

    for keep, its in zip(keeps, fates, strict=True):
        content = first.get(keep.message.id)

        if content is not None and its:
            results.append(_compared(keep.message, content, len(its)))
            continue

        if its:
            first[keep.message.id] = _content(keep.message)
            new.append((keep, its))

        results.append(Kept(deliveries=len(its), new=True))

    messages = [keep for keep, _ in new]

    if _insert_messages(connection, messages) < len(new):
        theirs = _find_stored(connection, messages)
        new = [pair for pair in new if pair[0].message.id not in theirs]
        results = [
            _compared(keep.message, theirs[keep.message.id], len(its))
            if its and keep.message.id in theirs
            else result
            for keep, its, result in zip(keeps, fates, results, strict=True)
        ]

    insert_renderings(
        connection, [(keep.message.id, _wanted(keep, its)) for keep, its in new]
    )
    _insert_deliveries(connection, new)
    return results


def _find_stored(connection: Connection, keeps: Sequence[Keep]) -> dict[str, _Content]:
    """Return what was stored under the ids of messages, before they were inserted."""
    rows = _STORED.all(connection, [keep.message.id for keep in keeps])
    return {row.uid: (row.name, row.data, row.tenant) for row in rows}


def _content(kept: Message) -> _Content:
    return kept.name, kept.data, kept.tenant


def _compared(
    kept: Message, content: _Content, deliveries: int
) -> Kept | ConflictError:
    if content == _content(kept):
        return Kept(deliveries=deliveries, new=False)

    return ConflictError(
        f"id={kept.id!r} is stored already, as {content[0]!r} with "
        f"{len(content[1])} bytes for {_whom(content[2])}; this is {kept.name!r} with "
        f"{len(kept.data)} bytes for {_whom(kept.tenant)}: give each event an id of "
        "its own"
    )


def _whom(tenant: str | None) -> str:
    return "no tenant" if tenant is None else f"tenant {tenant!r}"


def _insert_messages(connection: Connection, keeps: Sequence[Keep]) -> int:
    """Insert those whose id is new, and return how many there were."""
    insertion = _INSERT_MESSAGE[connection.dialect.name]
    return insertion.for_each(
        connection, [row_of_message(each.message) for each in keeps]
    )


def _wanted(keep: Keep, fates: Iterable[_Fate]) -> Mapping[int, bytes]:
    """Return the renderings that somebody gets."""
    if not keep.renderings:
        return keep.renderings

    versions = {version for _, version, _ in fates}
    return {v: data for v, data in keep.renderings.items() if v in versions}


# --- fan out ---


def fan_out_messages(
    connection: Connection,
    register: Callable[[], Register],
    *,
    now: float,
    limit: int,
) -> int:
    """Make the deliveries of messages that have none yet; see `Store.fan_out`."""
    rows = _UNFANNED.all(connection, {"most": limit})

    if not rows:
        return 0

    renderings = read_renderings(connection, [row.id for row in rows])
    endpoints = register()
    unheard: list[int] = []
    heard: list[tuple[Keep, Sequence[_Fate]]] = []

    for row in rows:
        keep = Keep(
            message=message_from_row(row, version=row.version, data=row.data),
            now=now,
            renderings=renderings.get(row.id, {}),
        )
        fates = _fates(endpoints, keep)

        if fates:
            heard.append((keep, fates))
        else:
            unheard.append(row.id)

    _insert_deliveries(connection, heard)
    connection.execute(_FANNED, {"ids": [row.id for row in rows]})
    connection.execute(delete(message).where(message.c.id.in_(unheard)))
    return len(rows)


def _insert_deliveries(
    connection: Connection, pairs: Iterable[tuple[Keep, Sequence[_Fate]]]
) -> None:
    living: list[dict[str, Any]] = []
    dead: list[dict[str, Any]] = []

    for keep, fates in pairs:
        for entry, version, reason in fates:
            row = {
                "message_uid": keep.message.id,
                "endpoint": entry.number,
                "created": to_ms(keep.now),
                "due": to_ms(keep.now + entry.schedule[0]),
                "pinned_version": version,
                "pinned_format": entry.endpoint.format,
            }

            if reason is None:
                living.append(row)
            else:
                dead.append(row | {"finished": to_ms(keep.now), "why": reason})

    _INSERT_DELIVERY.for_each(connection, living)
    _INSERT_DEAD.for_each(connection, dead)


# --- who gets it ---


def _fates(register: Register, keep: Keep) -> list[_Fate]:
    """Return the endpoints that the message is for."""
    if keep.only is not None:
        return [
            (entry, keep.message.version, None)
            for entry in register.by_number.values()
            if entry.endpoint.id == keep.only and entry.endpoint.enabled
        ]

    parsed: dict[int, Any] = {}
    found = (
        _fate(entry, keep, parsed)
        for entry in register.hearing(keep.message.name)
        if entry.endpoint.id != keep.about
    )
    return [fate for fate in found if fate is not None]


def _fate(entry: Registered, keep: Keep, parsed: dict[int, Any]) -> _Fate | None:
    endpoint, kept = entry.endpoint, keep.message

    if endpoint.tenant is not None and endpoint.tenant != kept.tenant:
        return None

    version = pinned_version(endpoint.version, kept.version, keep.renderings)

    if version is None:
        assert endpoint.version is not None
        reason = (
            f"{kept.name!r} came as version {kept.version}, and the endpoint takes "
            f"version {endpoint.version}: register a downgrade"
        )
        return entry, endpoint.version, reason

    if entry.filter is None:
        return entry, version, None

    try:
        payload = _parse(keep, version, parsed)
    except PayloadError as error:
        return entry, version, f"its filter cannot be applied: {error}"

    return (entry, version, None) if entry.filter.matches(payload) else None


def _parse(keep: Keep, version: int, parsed: dict[int, Any]) -> Any:
    if version not in parsed:
        own = version == keep.message.version
        data = keep.message.data if own else keep.renderings[version]
        parsed[version] = JSON.decode(data)

    return parsed[version]
