"""Messages in the store: kept once, and fanned out."""

from __future__ import annotations

__all__ = ("keep_messages",)

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, bindparam, insert, select

from upcall.webhooks._proto.errors import ConflictError
from upcall.webhooks._proto.message import Message

from .contract import Keep, Kept
from .endpoints import Register
from .prepared import Prepared
from .rows import row_of_message, to_ms
from .schema import delivery, message

_Content: TypeAlias = tuple[str, bytes]

_INSERT_MESSAGE: Final = Prepared(
    insert(message), columns=("uid", "name", "version", "time", "data")
)
_INSERT_DELIVERY: Final = Prepared(
    insert(delivery).values(
        message_id=select(message.c.id)
        .where(message.c.uid == bindparam("message_uid"))
        .scalar_subquery(),
        endpoint_id=bindparam("endpoint"),
        created_at=bindparam("created"),
        due_at=bindparam("due"),
    )
)
_STORED: Final = select(message.c.uid, message.c.name, message.c.data).where(
    message.c.uid.in_(bindparam("uids", expanding=True))
)


def keep_messages(
    connection: Connection, register: Register, keeps: Sequence[Keep]
) -> list[Kept | ConflictError]:
    """Store messages and fan them out; see `Store.keep`."""
    heard = [keep for keep in keeps if register.hearing(keep.message.name)]
    stored = _find_stored(connection, heard)
    new: list[Keep] = []
    results: list[Kept | ConflictError] = []

    for keep in keeps:
        for_whom = register.hearing(keep.message.name)
        content = stored.get(keep.message.id)

        if content is not None and for_whom:
            results.append(_compared(keep.message, content, len(for_whom)))
            continue

        if for_whom:
            stored[keep.message.id] = _content(keep.message)
            new.append(keep)

        results.append(Kept(deliveries=len(for_whom), new=True))

    _insert(connection, register, new)
    return results


def _find_stored(connection: Connection, keeps: Sequence[Keep]) -> dict[str, _Content]:
    if not keeps:
        return {}

    uids = [keep.message.id for keep in keeps]
    rows = connection.execute(_STORED, {"uids": uids})
    return {row.uid: (row.name, row.data) for row in rows}


def _content(kept: Message) -> _Content:
    return kept.name, kept.data


def _compared(
    kept: Message, content: _Content, deliveries: int
) -> Kept | ConflictError:
    if content == _content(kept):
        return Kept(deliveries=deliveries, new=False)

    return ConflictError(
        f"id={kept.id!r} is stored already, as {content[0]!r} with "
        f"{len(content[1])} bytes; this is {kept.name!r} with {len(kept.data)} bytes: "
        "give each event an id of its own"
    )


def _insert(connection: Connection, register: Register, keeps: Sequence[Keep]) -> None:
    _INSERT_MESSAGE.for_each(
        connection, [row_of_message(each.message) for each in keeps]
    )
    _INSERT_DELIVERY.for_each(
        connection, [row for each in keeps for row in _fanned_out(register, each)]
    )


def _fanned_out(register: Register, keep: Keep) -> Iterator[dict[str, Any]]:
    for entry in register.hearing(keep.message.name):
        yield {
            "message_uid": keep.message.id,
            "endpoint": entry.number,
            "created": to_ms(keep.now),
            "due": to_ms(keep.now + entry.schedule[0]),
        }
