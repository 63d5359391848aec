"""Which version of a payload an endpoint gets, and how it is stored and read."""

from __future__ import annotations

__all__ = (
    "INSERT_RENDERING",
    "Renderings",
    "insert_renderings",
    "message_from_row",
    "pinned_version",
    "read_messages",
    "read_renderings",
    "rows_of_renderings",
)

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Insert, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from upcall.webhooks._proto.message import Message

from .prepared import Prepared, PreparedAmong
from .rows import AnyRow, from_ms
from .schema import message, rendering

Renderings: TypeAlias = Mapping[int, bytes]
"""Payloads by version."""

INSERT_RENDERING: Final[Mapping[str, Insert]] = {
    kind.dialect.name: kind.insert(rendering)
    .values(
        message_id=select(message.c.id)
        .where(message.c.uid == bindparam("message_uid"))
        .scalar_subquery(),
        version=bindparam("rendered_version"),
        data=bindparam("rendered_data"),
    )
    .on_conflict_do_nothing(index_elements=["message_id", "version"])
    .inline()
    for kind in (sqlite, postgresql)
}
"""Insert a rendering if it is not there; by the name of the SQL dialect."""

_INSERT: Final = {name: Prepared(each) for name, each in INSERT_RENDERING.items()}
_MESSAGES: Final = PreparedAmong(
    lambda numbers: select(message).where(message.c.id.in_(numbers))
)
_RENDERINGS: Final = select(rendering).where(
    rendering.c.message_id.in_(bindparam("ids", expanding=True))
)


def pinned_version(pin: int | None, own: int, others: Iterable[int]) -> int | None:
    """Return the version that an endpoint gets: the highest not above its pin.

    Args:
        pin: what the endpoint is pinned to; None takes every message as it is.
        own: the version of the message itself.
        others: those that it was rendered in besides.

    Returns:
        None if all there are lie above the pin.
    """
    if pin is None:
        return own

    return max((each for each in (own, *others) if each <= pin), default=None)


def rows_of_renderings(uid: str, renderings: Renderings) -> list[dict[str, Any]]:
    """Return what `INSERT_RENDERING` takes for the message of this id."""
    return [
        {"message_uid": uid, "rendered_version": version, "rendered_data": data}
        for version, data in renderings.items()
    ]


def insert_renderings(
    connection: Connection, messages: Iterable[tuple[str, Renderings]]
) -> None:
    """Store the renderings of messages, which are given by their ids."""
    rows = [row for uid, its in messages for row in rows_of_renderings(uid, its)]
    _INSERT[connection.dialect.name].for_each(connection, rows)


def read_renderings(
    connection: Connection, numbers: Collection[int]
) -> dict[int, dict[int, bytes]]:
    """Return the renderings of messages, by their numbers in the store."""
    found: dict[int, dict[int, bytes]] = {}

    if numbers:
        for row in connection.execute(_RENDERINGS, {"ids": list(numbers)}):
            found.setdefault(row.message_id, {})[row.version] = row.data

    return found


def read_messages(
    connection: Connection, wanted: Collection[tuple[int, int]]
) -> dict[tuple[int, int], Message]:
    """Return messages by their numbers in the store and the versions pinned.

    One that was never rendered in the version asked for comes in its own: that is
    replayed only if somebody asks for it by hand.
    """
    rows = _MESSAGES.all(connection, {number for number, _ in wanted})
    by_number = {row.id: row for row in rows}
    others = [n for n, version in wanted if by_number[n].version != version]
    renderings = read_renderings(connection, others)
    return {
        (number, version): _message(
            by_number[number], version, renderings.get(number, {})
        )
        for number, version in wanted
    }


def _message(row: AnyRow, version: int, renderings: Renderings) -> Message:
    data = renderings.get(version)

    if data is None:
        return message_from_row(row, version=row.version, data=row.data)

    return message_from_row(row, version=version, data=data)


def message_from_row(row: AnyRow, *, version: int, data: bytes) -> Message:
    """Return a message in one of its versions."""
    return Message(
        id=row.uid,
        name=row.name,
        time=from_ms(row.time),
        data=data,
        version=version,
        tenant=row.tenant,
    )
