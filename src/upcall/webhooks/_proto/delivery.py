"""The life of one delivery, written as a table."""

# Rule 1: every state and every legal move is in TABLE. What is not there does not
#   happen; the picture in the docs and the conditions in SQL are made from it.
# Rule 2: None is the state of what is not there: not yet, or no more.
# Rule 3: "fence" means that the delivery was not claimed again since: a worker that
#   lost its lease changes nothing (it may still have sent: a duplicate).
# Rule 4: what ends a delivery for good is on record and can be replayed; a replay is a
#   new delivery of the same message.

from __future__ import annotations

__all__ = (
    "FINISHED",
    "MOVES",
    "TABLE",
    "Attempt",
    "Delivery",
    "IllegalMoveError",
    "Move",
    "Rule",
    "State",
    "after",
    "sources",
)

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import attrs

from .errors import OutboxError


class State(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    """For its time, for room in the endpoint's window, or for a pause to end."""

    CLAIMED = "claimed"
    """A worker has it, until its lease ends."""

    DELIVERED = "delivered"
    """The receiver answered 2xx."""

    DEAD = "dead"
    """Given up."""

    CANCELLED = "cancelled"
    """Taken back before it was delivered."""


class Move(StrEnum):
    """What can happen to a delivery."""

    FAN_OUT = "fan out"
    CLAIM = "claim"
    GIVE_BACK = "give back"
    DELIVER = "deliver"
    RETRY = "retry"
    BURY = "bury"
    LAPSE = "lapse"
    CANCEL = "cancel"
    REPLAY = "replay"
    PRUNE = "prune"


@attrs.frozen
class Rule:
    """One row of the table: a move, from where to where, when, and what it does."""

    move: Move
    sources: tuple[State | None, ...]
    target: State | None
    guard: str
    """What must hold besides the state."""

    effect: str
    """What else changes."""


_S = State

TABLE: Final[tuple[Rule, ...]] = (
    Rule(
        Move.FAN_OUT,
        (None,),
        _S.WAITING,
        "the endpoint is enabled, hears the tenant and the name, and its filter "
        "matches",
        "due after the first delay of the schedule; version and format pinned",
    ),
    Rule(
        Move.CLAIM,
        (_S.WAITING,),
        _S.CLAIMED,
        "due; the endpoint is neither disabled nor paused, and has room in its window "
        "and in its rate; of an ordered one, the oldest that is not finished, and no "
        "older message waits for its fan-out",
        "fence + 1, attempts + 1, a lease",
    ),
    Rule(
        Move.GIVE_BACK,
        (_S.CLAIMED,),
        _S.WAITING,
        "fence; no request was sent",
        "attempts - 1, still due",
    ),
    Rule(
        Move.DELIVER,
        (_S.CLAIMED, _S.WAITING),
        _S.DELIVERED,
        "fence; answered 2xx (late too, if it was not claimed again)",
        "the window doubles; the endpoint fails no more, and webhook.recovered is told "
        "if it had been told that it does",
    ),
    Rule(
        Move.RETRY,
        (_S.CLAIMED,),
        _S.WAITING,
        "fence; not delivered, and attempts are left",
        "due by schedule and hint; the window falls to 1, the endpoint pauses, and "
        "fails since then; the fourth failure is told (webhook.failing), five days of "
        "nothing else disable the endpoint (webhook.disabled)",
    ),
    Rule(
        Move.BURY,
        (_S.CLAIMED, None),
        _S.DEAD,
        "fence; no attempt left, a refused literal, 410, or it cannot be signed; when "
        "it is fanned out: there is no version of the event that the endpoint takes",
        "a reason; webhook.exhausted; the endpoint as after a retry; 410 disables it",
    ),
    Rule(
        Move.LAPSE,
        (_S.CLAIMED,),
        _S.WAITING,
        "the lease is over or its worker gone (with no attempt left: bury)",
        "due now, the fence kept; nothing is held against the endpoint",
    ),
    Rule(
        Move.CANCEL,
        (_S.WAITING, _S.CLAIMED),
        _S.CANCELLED,
        "the endpoint was removed; of a claimed one, when it was not delivered",
        "a reason",
    ),
    Rule(
        Move.REPLAY,
        (_S.DELIVERED, _S.DEAD, _S.CANCELLED),
        _S.WAITING,
        "the endpoint exists",
        "a new delivery of the same message, due now, in the same version and format, "
        "outside of any order; the old one stays",
    ),
    Rule(
        Move.PRUNE,
        (_S.DELIVERED, _S.DEAD, _S.CANCELLED),
        None,
        "old enough (a dead one longer), and so is every other delivery of the message",
        "the message goes too, with all deliveries and attempts",
    ),
)
"""Every move there is."""

MOVES: Final[Mapping[State | None, Mapping[Move, State | None]]] = MappingProxyType(
    {
        source: {rule.move: rule.target for rule in TABLE if source in rule.sources}
        for source in (None, *State)
    }
)
"""For each state, the moves from it and where they lead."""

FINISHED: Final = frozenset({_S.DELIVERED, _S.DEAD, _S.CANCELLED})
"""The states that no worker changes any more."""


class IllegalMoveError(OutboxError):
    """A delivery cannot do this in the state it is in."""

    def __init__(self, state: State | None, move: Move) -> None:
        subject = f"a {state} delivery" if state else "a delivery that is not there"
        possible = ", ".join(MOVES[state])
        super().__init__(f"{subject} has no move '{move}'; it has: {possible}")


def after(state: State | None, move: Move) -> State | None:
    """Return the state that the move leads to.

    Raises:
        IllegalMoveError: if there is no such move from that state.
    """
    try:
        return MOVES[state][move]
    except KeyError:
        raise IllegalMoveError(state, move) from None


def sources(move: Move) -> tuple[State, ...]:
    """Return the states that a delivery can make this move from."""
    (rule,) = (rule for rule in TABLE if rule.move is move)
    return tuple(state for state in rule.sources if state is not None)


@attrs.frozen(kw_only=True)
class Delivery:
    """One message on its way to one endpoint, as it stood when it was read."""

    id: int
    message: str
    """The id of the message; the receiver sees it on every attempt."""

    event: str
    """The name of the event."""

    endpoint: str
    """The id of the endpoint."""

    tenant: str | None = None
    """Whose message it is."""

    version: int = 1
    """The version of the event that is sent."""

    state: State
    attempts: int
    """How many there were, one that is under way included."""

    created: datetime
    due: datetime
    """The earliest moment of the next attempt; of a finished one, of its last."""

    finished: datetime | None = None
    """When it was delivered, buried or cancelled."""

    reason: str | None = None
    """Why it is not delivered yet, or never was."""


@attrs.frozen(kw_only=True)
class Attempt:
    """One request of a delivery, and what came back. Secrets in it are masked."""

    number: int
    """1 is the first."""

    worker: int
    """Who made it."""

    started: datetime
    duration: float
    """Seconds until there was an answer, or an error instead."""

    url: str
    """Where it went; the values of its query are masked."""

    request_headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    """What was sent; custom values and signatures are masked."""

    status: int | None = None
    """The status of the answer, if there was one."""

    error: str | None = None
    """What came instead of an answer, if there was none."""

    address: str | None = None
    """The address that was connected to, if it came to that."""

    response_headers: tuple[tuple[str, str], ...] = attrs.field(repr=False, default=())
    response: bytes = attrs.field(repr=False, default=b"")
    """The first 4 KiB of the answer's body. It is what a stranger wrote: escape it."""

    truncated: bool = False
    """Whether there was more."""
