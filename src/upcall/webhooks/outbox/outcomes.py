"""Outcomes: attempts written down, deliveries moved on, windows adapted."""

# Rule 1: an outcome acts only if its fence is the one of the row and the table of moves
#   has its move. Otherwise the attempt is written down and nothing else changes.
# Rule 2: rows are read first, decided upon in Python, and written in bulk, with the
#   fence in the condition once more.
# Rule 3: an endpoint's row is written only if its window changed.

from __future__ import annotations

__all__ = ("settle_outcomes",)

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
from sqlalchemy import Connection, bindparam, insert, null, select, update

from upcall.webhooks._proto.delivery import FINISHED, MOVES, Move, State
from upcall.webhooks._proto.window import Window

from .contract import Outcome, Settled
from .endpoints import Register, disable_endpoint
from .prepared import Prepared
from .rows import row_of_attempt, row_of_window, to_ms, window_from_row
from .schema import attempt, delivery, endpoint

_DELIVERIES: Final = select(
    delivery.c.id,
    delivery.c.endpoint_id,
    delivery.c.fence,
    delivery.c.state,
    delivery.c.due_at,
).where(delivery.c.id.in_(bindparam("ids", expanding=True)))
_WINDOWS: Final = select(
    endpoint.c.id,
    endpoint.c.size,
    endpoint.c.proven,
    endpoint.c.failures,
    endpoint.c.paused_until,
).where(endpoint.c.id.in_(bindparam("ids", expanding=True)))
_ATTEMPT: Final = Prepared(
    insert(attempt),
    columns=[column.name for column in attempt.c if column.name != "id"],
)
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
_WINDOW: Final = Prepared(
    update(endpoint)
    .where(endpoint.c.id == bindparam("number"))
    .values(
        size=bindparam("new_size"),
        proven=bindparam("new_proven"),
        failures=bindparam("new_failures"),
        paused_until=bindparam("new_paused_until"),
    )
)


@attrs.define(eq=False)
class _Line:
    """A delivery as it was read, and as it becomes in this transaction."""

    endpoint: int
    fence: int
    state: State
    due: int

    def move(self, outcome: Outcome, *, removed: bool) -> dict[str, Any] | None:
        """Make the move of an outcome; return what to write, or None if it is late."""
        decision = outcome.decision
        delivered = decision.move is Move.DELIVER
        move = Move.CANCEL if removed and not delivered else decision.move

        if self.fence != outcome.claim.fence or move not in MOVES[self.state]:
            return None

        self.state = State(MOVES[self.state][move] or self.state)
        self.due = self.due if decision.due is None else to_ms(decision.due)
        finished = self.state in FINISHED
        return {
            "number": outcome.claim.delivery,
            "mark": self.fence,
            "to_state": self.state.value,
            "due": self.due,
            "finished": to_ms(outcome.ended) if finished else None,
            "why": _why(decision.reason, move),
        }


def _why(reason: str | None, move: Move) -> str | None:
    if move is Move.CANCEL:
        return f"the endpoint was removed; the last attempt: {reason}"

    return reason


def settle_outcomes(
    connection: Connection, register: Register, outcomes: Sequence[Outcome]
) -> list[Settled]:
    """Write down and apply outcomes; see `Store.settle`."""
    lines = _read_lines(connection, {outcome.claim.delivery for outcome in outcomes})
    known = [outcome for outcome in outcomes if outcome.claim.delivery in lines]
    applied: list[Outcome] = []
    rows: list[dict[str, Any]] = []
    settled: list[Settled] = []

    for outcome in outcomes:
        line = lines.get(outcome.claim.delivery)
        removed = line is None or line.endpoint not in register.by_number
        row = None if line is None else line.move(outcome, removed=removed)
        state = None if line is None else line.state
        settled.append(Settled(state=state, late=row is None))

        if row is not None:
            rows.append(row)
            applied += [] if removed else [outcome]

    _write(connection, known, rows)
    _adapt_endpoints(connection, register, applied, lines)
    return settled


def _read_lines(connection: Connection, numbers: Iterable[int]) -> dict[int, _Line]:
    rows = connection.execute(_DELIVERIES, {"ids": list(numbers)})
    return {
        row.id: _Line(row.endpoint_id, row.fence, State(row.state), row.due_at)
        for row in rows
    }


def _write(
    connection: Connection, known: Sequence[Outcome], rows: Sequence[dict[str, Any]]
) -> None:
    _MOVE.for_each(connection, rows)
    _ATTEMPT.for_each(
        connection,
        [row_of_attempt(each.claim.delivery, each.attempt) for each in known],
    )


def _adapt_endpoints(
    connection: Connection,
    register: Register,
    applied: Sequence[Outcome],
    lines: Mapping[int, _Line],
) -> None:
    """Write the windows that the outcomes changed, and disable who wants no more."""
    numbers = {lines[outcome.claim.delivery].endpoint for outcome in applied}
    before = _read_windows(connection, numbers)
    windows = dict(before)

    for outcome in applied:
        number = lines[outcome.claim.delivery].endpoint
        concurrency = register.by_number[number].endpoint.concurrency
        windows[number] = _adapted(windows[number], outcome, concurrency=concurrency)

    changed = [number for number in windows if windows[number] != before[number]]

    rows = [_row(number, windows[number]) for number in sorted(changed)]
    _WINDOW.for_each(connection, rows)

    gone = [outcome for outcome in applied if outcome.decision.gone]

    for number in sorted({lines[outcome.claim.delivery].endpoint for outcome in gone}):
        disable_endpoint(connection, number)


def _read_windows(connection: Connection, numbers: Iterable[int]) -> dict[int, Window]:
    rows = connection.execute(_WINDOWS, {"ids": list(numbers)})
    return {row.id: window_from_row(row) for row in rows}


def _adapted(window: Window, outcome: Outcome, *, concurrency: int) -> Window:
    if outcome.decision.move is Move.DELIVER:
        return window.succeeded(concurrency=concurrency)

    # As the store rounds the end of a pause, so do we round what is compared with it.
    started = to_ms(outcome.attempt.started.timestamp()) / 1000
    return window.failed(now=outcome.ended, started=started, hint=outcome.decision.hint)


def _row(number: int, window: Window) -> dict[str, Any]:
    columns = {f"new_{name}": value for name, value in row_of_window(window).items()}
    return {"number": number, **columns}
