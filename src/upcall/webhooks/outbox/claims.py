"""Claims: whose turn it is, how many each may have, and giving them back."""

# Rule 1: endpoints take turns. The cursor is the endpoint that was served last.
# Rule 2: how many of an endpoint are in flight, and its rate, are read and written
#   under the lock of its row, in the transaction that claims; see `due`.
# Rule 3: an endpoint's row is written only if it has a rate.
# Rule 4: a claim that is given back has spent its share of the rate all the same. To
#   give that back, too, could let two requests go at once.

from __future__ import annotations

__all__ = ("Claims", "give_back")

from collections.abc import Iterator, Sequence
from typing import Final

import attrs
from sqlalchemy import Connection, bindparam, null, select, text, update

from upcall.webhooks._proto.delivery import Move, sources
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.rate import Rate

from .contract import LEASE_MARGIN, Claim, Turn
from .due import DUE, HEAD, NEXT_DUE, PAGE, READY, REPLAYS, STANDING
from .endpoints import Register
from .prepared import Prepared, PreparedAmong
from .renderings import read_messages
from .rows import AnyRow, to_ms
from .schema import delivery, endpoint, in_state
from .workers import is_enlisted, lock_endpoints

_HIGHEST: Final = 2**62
_LATER: Final = 1.0
"""Seconds after which we look again, where something is due that we cannot send."""

_AGAIN: Final = 0.05
"""Seconds after which we look again at what somebody else had locked."""

_CLAIM: Final = PreparedAmong(
    lambda numbers: (
        update(delivery)
        .where(delivery.c.id.in_(numbers))
        .values(
            state=text("'claimed'"),
            fence=text("fence + 1"),
            attempts=text("attempts + 1"),
            worker=bindparam("who"),
            lease_until=bindparam("until"),
        )
    )
)
_SPEND: Final = Prepared(
    update(endpoint)
    .where(endpoint.c.id == bindparam("number"))
    .values(rate_at=bindparam("soonest"))
)
_GIVE_BACK: Final = Prepared(
    update(delivery)
    .where(
        delivery.c.id == bindparam("number"),
        delivery.c.fence == bindparam("mark"),
        in_state(*sources(Move.GIVE_BACK)),
        delivery.c.endpoint_id.in_(
            select(endpoint.c.id).where(endpoint.c.removed_at.is_(None))
        ),
    )
    .values(
        state=text("'waiting'"),
        worker=null(),
        lease_until=null(),
        attempts=text("attempts - 1"),
    )
)


@attrs.frozen
class _Moment:
    """The time, as the store has it."""

    seconds: float

    @property
    def ms(self) -> int:
        return to_ms(self.seconds)

    @property
    def micros(self) -> int:
        return round(self.seconds * 1_000_000)


@attrs.define
class _Slots:
    """How many may still be claimed in a turn."""

    free: int
    unproven: int

    def for_(self, standing: AnyRow) -> int:
        room: int = standing.room
        return min(
            room, self.free if standing.proven else min(self.free, self.unproven)
        )

    def use(self, standing: AnyRow, number: int) -> None:
        self.free -= number
        self.unproven -= 0 if standing.proven else number


class Claims:
    """The claims of one store; remembers whose turn it was."""

    def __init__(self) -> None:
        self._cursor = 0

    def claim(
        self,
        connection: Connection,
        register: Register,
        worker: int,
        *,
        now: float,
        free: int,
        unproven: int,
    ) -> Turn:
        """Claim due deliveries in turn; see `Store.claim`."""
        if not is_enlisted(connection, worker):
            return Turn()

        moment, slots = _Moment(now), _Slots(free, unproven)
        picked: list[tuple[AnyRow, bool]] = []

        for standing in self._in_turn(connection, moment, slots):
            # One that was added since the register was read has to wait for a turn,
            # and one whose secrets nobody here can open for another process.
            if register.can_send(standing.id):
                rows = _take(connection, standing, moment, most=slots.for_(standing))
                picked += [(row, bool(standing.proven)) for row in rows]
                slots.use(standing, len(rows))
                self._cursor = standing.id if rows else self._cursor

        claims = _claim(connection, register, worker, picked, now=now)
        due = _next_due(connection, moment, slots) if slots.free > 0 else None

        if due is not None and not register.all_readable:
            due = max(due, now + _LATER)

        return Turn(claims=claims, next_due=due)

    def _in_turn(
        self, connection: Connection, moment: _Moment, slots: _Slots
    ) -> Iterator[AnyRow]:
        """Give the endpoints that can be served, beginning after the cursor."""
        start = self._cursor

        for low, high in ((start, _HIGHEST), (0, start)):
            last: int | None = low

            while last is not None and slots.free > 0:
                page = min(PAGE, slots.free)
                found = _lock(connection, moment, slots, low=last, high=high, page=page)
                # Fewer than were asked for are the last ones.
                last = found[-1] if len(found) == page else None
                yield from STANDING.all(connection, found)


def _lock(
    connection: Connection,
    moment: _Moment,
    slots: _Slots,
    *,
    low: int,
    high: int,
    page: int,
) -> list[int]:
    """Lock the next endpoints that seem to have something to claim."""
    given = {
        "now": moment.ms,
        "micros": moment.micros,
        "unproven": slots.unproven > 0,
        "low": low,
        "high": high,
        "page": page,
    }
    return [row.id for row in READY.all(connection, given)]


def _take(
    connection: Connection, standing: AnyRow, moment: _Moment, *, most: int
) -> Sequence[AnyRow]:
    """Return what one endpoint gets, and write down what that takes of its rate."""
    rate = None if standing.rate is None else Rate.of(standing.rate)

    if rate is not None:
        most = min(most, rate.allowed(standing.rate_at, now=moment.micros))

    if most <= 0:
        return ()

    rows = _due(connection, standing, moment, most=most)

    if rate is not None and rows:
        soonest = rate.spend(standing.rate_at, len(rows), now=moment.micros)
        _SPEND.for_each(connection, [{"number": standing.id, "soonest": soonest}])

    return rows


def _due(
    connection: Connection, standing: AnyRow, moment: _Moment, *, most: int
) -> Sequence[AnyRow]:
    given = {"endpoint": standing.id, "now": moment.ms}

    if not standing.ordered:
        return DUE.all(connection, {**given, "room": most})

    replays = REPLAYS.all(connection, {**given, "room": most})
    rows = [*HEAD.all(connection, given), *replays]
    return sorted(rows, key=lambda row: (row.due_at, row.id))[:most]


def _next_due(connection: Connection, moment: _Moment, slots: _Slots) -> float | None:
    given = {"micros": moment.micros, "unproven": slots.unproven > 0}
    (row,) = NEXT_DUE.all(connection, given)
    known = [due / 1_000_000 for due in row if due is not None]

    if not known:
        return None

    # What is due and was not claimed is locked by somebody else just now.
    due = min(known)
    return due if due > moment.seconds else moment.seconds + _AGAIN


def _claim(
    connection: Connection,
    register: Register,
    worker: int,
    picked: Sequence[tuple[AnyRow, bool]],
    *,
    now: float,
) -> tuple[Claim, ...]:
    """Write the claims down, and return them with all that an attempt needs."""
    if not picked:
        return ()

    # What is the same for all of an endpoint is made once.
    served = {row.endpoint_id for row, _ in picked}
    entries = {number: register.by_number[number].at(now) for number in served}
    alike: dict[float, list[int]] = {}

    for row, _ in picked:
        alike.setdefault(entries[row.endpoint_id].timeout, []).append(row.id)

    for timeout, numbers in alike.items():
        until = to_ms(now + timeout + LEASE_MARGIN)
        _CLAIM.change(connection, numbers, {"who": worker, "until": until})

    messages = read_messages(
        connection, {(row.message_id, row.version) for row, _ in picked}
    )

    return tuple(
        Claim(
            delivery=row.id,
            fence=row.fence + 1,
            attempt=row.attempts + 1,
            worker=worker,
            proven=proven,
            message=_seen_as(messages[row.message_id, row.version], row.uid),
            format=row.format,
            endpoint=entries[row.endpoint_id],
        )
        for row, proven in picked
    )


def _seen_as(message: Message, uid: str | None) -> Message:
    return message if uid is None else attrs.evolve(message, id=uid)


def give_back(connection: Connection, claims: Sequence[Claim]) -> None:
    """Undo claims for which no request was sent; see `Store.give_back`.

    One of an endpoint that was removed meanwhile is left to lapse, which cancels it.
    """
    numbers = [claim.delivery for claim in claims]
    whose = select(delivery.c.endpoint_id).where(delivery.c.id.in_(numbers))
    lock_endpoints(connection, endpoint.c.id.in_(whose))
    ordered = sorted(claims, key=lambda claim: claim.delivery)
    _GIVE_BACK.for_each(
        connection,
        [{"number": claim.delivery, "mark": claim.fence} for claim in ordered],
    )
