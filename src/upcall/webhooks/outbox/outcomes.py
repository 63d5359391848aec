"""Outcomes: attempts written down, deliveries moved on, endpoints judged by them."""

# Rule 1: an outcome acts only if its fence is the one of the row and the table of moves
#   has its move. Otherwise the attempt is written down and nothing else changes.
# Rule 2: rows are read first, decided upon in Python, and written in bulk, with the
#   fence in the condition once more.
# Rule 3: an endpoint's row is written, and locked, only if its window or its health may
#   change. A healthy endpoint costs nothing here.
# Rule 4: endpoints are locked before deliveries, and each kind in the order of their
#   numbers, here as everywhere: so nobody waits for somebody who waits for him.

from __future__ import annotations

__all__ = ("settle_outcomes",)

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
from sqlalchemy import Connection, bindparam, insert, null, select, text, update

from upcall.webhooks._proto.delivery import FINISHED, MOVES, Move, State
from upcall.webhooks._proto.health import Health, Topic
from upcall.webhooks._proto.news import News
from upcall.webhooks._proto.window import Window

from .contract import Outcome, Settled
from .endpoints import Register, count_change
from .prepared import Prepared, PreparedAmong
from .rows import (
    from_ms,
    health_from_row,
    row_of_attempt,
    row_of_health,
    row_of_window,
    to_ms,
    window_from_row,
)
from .schema import attempt, delivery, endpoint

_DELIVERIES: Final = PreparedAmong(
    lambda numbers: (
        select(
            delivery.c.id,
            delivery.c.endpoint_id,
            delivery.c.fence,
            delivery.c.state,
            delivery.c.due_at,
        )
        .where(delivery.c.id.in_(numbers))
        .order_by(delivery.c.id)
        .with_for_update(key_share=True)
    )
)
_CHOSEN: Final = select(
    endpoint.c.id,
    endpoint.c.size,
    endpoint.c.proven,
    endpoint.c.failures,
    endpoint.c.paused_until,
    endpoint.c.failing_since,
    endpoint.c.alarmed,
    endpoint.c.disabled_at,
    endpoint.c.disabled_why,
).where(endpoint.c.removed_at.is_(None))
_STANDINGS: Final = PreparedAmong(
    lambda numbers: _CHOSEN.where(endpoint.c.id.in_(numbers))
)
_LOCKED: Final = PreparedAmong(
    lambda numbers: (
        _CHOSEN.where(endpoint.c.id.in_(numbers))
        .order_by(endpoint.c.id)
        .with_for_update(key_share=True)
    )
)
_ATTEMPT: Final = Prepared(
    insert(attempt),
    columns=[column.name for column in attempt.c if column.name != "id"],
)
_DELIVER: Final = PreparedAmong(
    lambda numbers: (
        update(delivery)
        .where(delivery.c.id.in_(numbers), delivery.c.fence == bindparam("mark"))
        .values(
            state=text(f"'{State.DELIVERED}'"),
            finished_at=bindparam("finished"),
            reason=null(),
            worker=null(),
            lease_until=null(),
        )
    )
)
"""What nearly all outcomes do; those of one moment at once."""

_MOVE: Final = Prepared(
    update(delivery)
    .where(delivery.c.id == bindparam("number"), delivery.c.fence == bindparam("mark"))
    .values(
        state=bindparam("to_state"),
        due_at=bindparam("due"),
        finished_at=bindparam("finished"),
        reason=bindparam("why"),
        worker=null(),
        lease_until=null(),
    )
)
_STANDING: Final = Prepared(
    update(endpoint)
    .where(endpoint.c.id == bindparam("number"))
    .values(
        size=bindparam("new_size"),
        proven=bindparam("new_proven"),
        failures=bindparam("new_failures"),
        paused_until=bindparam("new_paused_until"),
        enabled=bindparam("new_enabled"),
        failing_since=bindparam("new_failing_since"),
        alarmed=bindparam("new_alarmed"),
        disabled_at=bindparam("new_disabled_at"),
        disabled_why=bindparam("new_disabled_why"),
    )
)

_DELIVERED: Final = Settled(state=State.DELIVERED, late=False)
_STATES: Final = {state.value: state for state in State}


@attrs.define(eq=False)
class _Line:
    """A delivery as it was read, and as it becomes in this transaction."""

    endpoint: int
    fence: int
    state: State
    due: int

    def move(self, outcome: Outcome, *, removed: bool) -> Move | None:
        """Make the move of an outcome and return it, or None if it is late."""
        move = outcome.decision.move

        if removed and move is not Move.DELIVER:
            move = Move.CANCEL

        if self.fence != outcome.claim.fence or move not in MOVES[self.state]:
            return None

        self.state = MOVES[self.state][move] or self.state
        due = outcome.decision.due
        self.due = self.due if due is None else to_ms(due)
        return move


class _Moved:
    """The deliveries that moved, and how that is written."""

    def __init__(self) -> None:
        self._delivered: dict[tuple[int, int], list[int]] = {}
        self._others: list[dict[str, Any]] = []

    def add(self, line: _Line, outcome: Outcome, move: Move) -> None:
        """Add one that made this move."""
        number, ended = outcome.claim.delivery, to_ms(outcome.ended)

        if move is Move.DELIVER:
            self._delivered.setdefault((line.fence, ended), []).append(number)
            return

        self._others.append(
            {
                "number": number,
                "mark": line.fence,
                "to_state": line.state.value,
                "due": line.due,
                "finished": ended if line.state in FINISHED else None,
                "why": _why(outcome.decision.reason, move),
            }
        )

    def write(self, connection: Connection) -> None:
        """Write them all."""
        _MOVE.for_each(connection, self._others)

        for (fence, ended), numbers in self._delivered.items():
            given = {"mark": fence, "finished": ended}
            _DELIVER.change(connection, numbers, given)


def _why(reason: str | None, move: Move) -> str | None:
    if move is Move.CANCEL:
        return f"the endpoint was removed; the last attempt: {reason}"

    return reason


@attrs.define(eq=False)
class _Standing:
    """An endpoint as it was read, and as it becomes in this transaction."""

    window: Window
    health: Health
    concurrency: int
    written: tuple[Window, Health] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.written = self.window, self.health

    @property
    def changed(self) -> bool:
        """Whether it has to be written."""
        return self.written != (self.window, self.health)

    @property
    def disabled(self) -> bool:
        """Whether it was enabled, and is not any more."""
        return self.written[1].disabled_at != self.health.disabled_at

    @property
    def steady(self) -> bool:
        """Whether a success would not change it."""
        window = self.window.succeeded(concurrency=self.concurrency)
        return (window, self.health.succeeded()) == (self.window, self.health)

    def apply(self, outcome: Outcome, *, dead: bool) -> tuple[Topic, ...]:
        """Learn from an outcome; return what is to be told."""
        before = self.health

        if outcome.decision.move is Move.DELIVER:
            window = self.window.succeeded(concurrency=self.concurrency)

            if window is self.window and before.succeeded() is before:
                return ()  # as it is with nearly all of them

            self.window, self.health = window, before.succeeded()
        else:
            self._fail(outcome)

        return self.health.topics(before, dead=dead)

    def _fail(self, outcome: Outcome) -> None:
        decision = outcome.decision
        # As the store rounds the end of a pause, so do we what it is compared with.
        started = to_ms(outcome.attempt.started.timestamp()) / 1000
        self.window = self.window.failed(
            now=outcome.ended, started=started, hint=decision.hint
        )
        self.health = self.health.failed(
            decision.reason,
            now=from_ms(to_ms(outcome.ended)),
            attempts=outcome.claim.attempt,
            gone=decision.gone,
        )

    def row(self, number: int) -> dict[str, Any]:
        """Return what is written."""
        columns = row_of_window(self.window) | row_of_health(self.health)
        named = {f"new_{name}": value for name, value in columns.items()}
        return {"number": number, **named}


def settle_outcomes(
    connection: Connection, register: Register, outcomes: Sequence[Outcome]
) -> list[Settled]:
    """Write down and apply outcomes; see `Store.settle`."""
    standings = _read_standings(connection, register, outcomes)
    lines = _read_lines(connection, {outcome.claim.delivery for outcome in outcomes})
    known: list[Outcome] = []
    moved = _Moved()
    settled: list[Settled] = []

    for outcome in outcomes:
        line = lines.get(outcome.claim.delivery)

        if line is None:
            settled.append(Settled(state=None, late=True))
            continue

        known.append(outcome)
        standing = standings.get(line.endpoint)
        move = line.move(outcome, removed=standing is None)

        if move is None:
            settled.append(Settled(state=line.state, late=True))
            continue

        moved.add(line, outcome, move)
        news = () if standing is None else _learn(standing, line, outcome)
        plain = move is Move.DELIVER and not news
        settled.append(
            _DELIVERED if plain else Settled(state=line.state, late=False, news=news)
        )

    moved.write(connection)
    _write_attempts(connection, known)
    _write_standings(connection, standings)
    return settled


def _learn(standing: _Standing, line: _Line, outcome: Outcome) -> tuple[News, ...]:
    """Judge an endpoint by an outcome; return what is to be told."""
    topics = standing.apply(outcome, dead=line.state is State.DEAD)
    return _news(topics, outcome, standing.health) if topics else ()


def _news(
    topics: Iterable[Topic], outcome: Outcome, health: Health
) -> tuple[News, ...]:
    claim = outcome.claim
    return tuple(
        News(
            name=topic,
            endpoint=claim.endpoint.id,
            tenant=claim.endpoint.tenant,
            reason=health.disabled_why
            if topic == "webhook.disabled"
            else outcome.decision.reason,
            delivery=claim.delivery,
            message=claim.message.id,
            event=claim.message.name,
            attempts=claim.attempt,
        )
        for topic in topics
    )


# --- what is read, and locked ---


def _read_standings(
    connection: Connection, register: Register, outcomes: Iterable[Outcome]
) -> dict[int, _Standing]:
    """Read the endpoints that are still there; lock those that may change."""
    failed: dict[int, bool] = {}

    for outcome in outcomes:
        number = register.numbers.get(outcome.claim.endpoint.id)

        if number is not None:
            delivered = outcome.decision.move is Move.DELIVER
            failed[number] = failed.get(number, False) or not delivered

    if not failed:
        return {}

    found = _standings(connection, register, _STANDINGS, failed)
    busy = [n for n, failing in failed.items() if failing or not _steady(found, n)]

    if busy:
        # Read again: before we had the lock, somebody else may have written them.
        locked = _standings(connection, register, _LOCKED, busy)
        found = {n: each for n, each in found.items() if n not in busy} | locked

    return found


def _steady(found: Mapping[int, _Standing], number: int) -> bool:
    return number in found and found[number].steady


def _standings(
    connection: Connection,
    register: Register,
    chosen: PreparedAmong,
    numbers: Iterable[int],
) -> dict[int, _Standing]:
    return {
        row.id: _Standing(
            window=window_from_row(row),
            health=health_from_row(row),
            concurrency=register.by_number[row.id].endpoint.concurrency,
        )
        for row in chosen.all(connection, sorted(numbers))
    }


def _read_lines(connection: Connection, numbers: Iterable[int]) -> dict[int, _Line]:
    return {
        row.id: _Line(row.endpoint_id, row.fence, _STATES[row.state], row.due_at)
        for row in _DELIVERIES.all(connection, sorted(numbers))
    }


# --- what is written ---


def _write_attempts(connection: Connection, known: Sequence[Outcome]) -> None:
    _ATTEMPT.for_each(
        connection,
        [row_of_attempt(each.claim.delivery, each.attempt) for each in known],
    )


def _write_standings(
    connection: Connection, standings: Mapping[int, _Standing]
) -> None:
    changed = [number for number in standings if standings[number].changed]
    rows = [standings[number].row(number) for number in sorted(changed)]
    _STANDING.for_each(connection, rows)

    if any(standings[number].disabled for number in changed):
        count_change(connection)
