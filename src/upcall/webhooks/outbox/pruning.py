"""Pruning: messages go when all that was to be done with them is long over."""

# Rule 1: a message goes whole: with its deliveries, their attempts, and its renderings.
#   While one of its deliveries waits, is claimed, or ended not long enough ago, all of
#   it stays. One that has not been fanned out has no delivery, and stays.
# Rule 2: candidates are found by the end of the last delivery of each, through an index
#   on it. What has to stay although it is old (dead ones are kept longer) is looked at
#   once per round, not once per slice: we go on where the last slice ended.
# Rule 3: a replay may come in between. So messages are locked, and judged again after
#   that, before they are deleted.

from __future__ import annotations

__all__ = ("CANDIDATES", "Pruning")

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    literal_column,
    or_,
    select,
)

from .prepared import Prepared
from .rows import AnyRow, to_ms
from .schema import delivery, message

_its: Final = delivery.alias("its")
_IS_DEAD: Final = _its.c.state == literal_column("'dead'")
_NOT_DEAD: Final = _its.c.state != literal_column("'dead'")


def _over(number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that all deliveries of a message ended long enough ago."""
    stays = or_(
        _its.c.finished_at.is_(None),
        and_(_NOT_DEAD, _its.c.finished_at >= bindparam("delivered")),
        and_(_IS_DEAD, _its.c.finished_at >= bindparam("dead")),
    )
    return ~exists().where(_its.c.message_id == number, stays)


_later: Final = delivery.alias("later")
_IS_LAST: Final = ~exists().where(
    _later.c.message_id == delivery.c.message_id,
    or_(
        _later.c.finished_at > delivery.c.finished_at,
        and_(
            _later.c.finished_at == delivery.c.finished_at,
            _later.c.id > delivery.c.id,
        ),
    ),
)

CANDIDATES: Final = (
    select(delivery.c.message_id, delivery.c.finished_at)
    .where(
        delivery.c.finished_at.is_not(None),
        delivery.c.finished_at >= bindparam("since"),
        delivery.c.finished_at < bindparam("last"),
        _over(delivery.c.message_id),
        _IS_LAST,
    )
    .order_by(delivery.c.finished_at, delivery.c.id)
    .limit(bindparam("most"))
)
"""Which messages may go, those first that have been over for the longest."""

_CANDIDATES: Final = Prepared(CANDIDATES)
_LOCK: Final = (
    select(message.c.id)
    .where(message.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(message.c.id)
    .with_for_update(skip_locked=True)
)
_STILL: Final = select(message.c.id).where(
    message.c.id.in_(bindparam("ids", expanding=True)), _over(message.c.id)
)
_DELETE: Final = delete(message).where(
    message.c.id.in_(bindparam("ids", expanding=True))
)


class Pruning:
    """The pruning of one store; remembers how far the last slice came."""

    def __init__(self) -> None:
        self._since = 0

    def prune(
        self, connection: Connection, *, delivered: float, dead: float, limit: int
    ) -> int:
        """Delete messages that are over; see `Store.prune`."""
        horizons = {"delivered": to_ms(delivered), "dead": to_ms(dead)}
        rows = self._slice(connection, horizons, limit)

        if len(rows) < limit and self._since:
            self._since = 0
            rows = self._slice(connection, horizons, limit)

        self._since = rows[-1].finished_at if rows and len(rows) == limit else 0
        return _delete(connection, [row.message_id for row in rows], horizons)

    def _slice(
        self, connection: Connection, horizons: dict[str, int], limit: int
    ) -> Sequence[AnyRow]:
        last = max(horizons.values())
        given = {**horizons, "since": self._since, "last": last, "most": limit}
        return _CANDIDATES.all(connection, given)


def _delete(
    connection: Connection, numbers: list[int], horizons: dict[str, int]
) -> int:
    if not numbers:
        return 0

    mine = connection.execute(_LOCK, {"ids": numbers}).scalars().all()
    still = connection.execute(_STILL, {"ids": list(mine), **horizons}).scalars().all()
    return connection.execute(_DELETE, {"ids": list(still)}).rowcount
