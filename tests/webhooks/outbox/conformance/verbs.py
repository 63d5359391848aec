"""The verbs of a store as its checks use them, each in a transaction of its own."""

from __future__ import annotations

__all__ = (
    "NOON",
    "add",
    "claim",
    "claim_one",
    "deliveries",
    "do",
    "enlist",
    "keep",
    "make_keep",
    "make_outcome",
    "settle",
    "widen",
)

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from upcall.webhooks._proto.delivery import (
    Attempt,
    Delivery,
    Move,
)
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import ConflictError
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.verdict import Decision
from upcall.webhooks.outbox.contract import (
    Claim,
    Keep,
    Kept,
    Outcome,
    Settled,
    Store,
    Turn,
)

R = TypeVar("R")

NOON = 1_700_000_000.0


def make_keep(id: str = "m1", *, now: float = NOON, **changes: Any) -> Keep:
    """Make a message to be kept."""
    fields: dict[str, Any] = {
        "id": id,
        "name": "order.paid",
        "time": datetime.fromtimestamp(now, UTC),
        "data": b'{"n":1}',
    }
    return Keep(message=Message(**(fields | changes)), now=now)


def make_outcome(
    claim: Claim, move: Move, *, now: float = NOON, **decision: Any
) -> Outcome:
    """Make an outcome of a claim: an answer of 204, or of 503."""
    if move is not Move.DELIVER:
        decision.setdefault("reason", "status 503")

    if move is Move.RETRY:
        decision.setdefault("due", now + 5)

    attempt = Attempt(
        number=claim.attempt,
        worker=claim.worker,
        started=datetime.fromtimestamp(now - 0.25, UTC),
        duration=0.25,
        url=claim.endpoint.url,
        request_headers=(("a", "b"),),
        status=204 if move is Move.DELIVER else 503,
        address="192.0.2.1",
        response_headers=(("c", "d"),),
        response=b"\0\xff",
        truncated=True,
    )
    return Outcome(
        claim=claim,
        decision=Decision(move=move, **decision),
        attempt=attempt,
        ended=now,
    )


def do(store: Store, verb: Callable[..., R], *args: Any, **options: Any) -> R:
    """Call one verb in a transaction of its own."""
    results: list[R] = []

    with store.transaction():
        results.append(verb(*args, **options))

    return results[0]


def keep(store: Store, *keeps: Keep) -> Sequence[Kept | ConflictError]:
    """Keep messages."""
    return do(store, store.keep, keeps)


def add(store: Store, *endpoints: Endpoint) -> None:
    """Register endpoints."""
    for endpoint in endpoints:
        do(store, store.add, endpoint, now=NOON)


def enlist(store: Store) -> int:
    """Enter a worker that lives as long as its test, without further heartbeats."""
    number = do(store, store.enlist, now=NOON)
    assert do(store, store.heartbeat, number, now=NOON + 1e9)
    return number


def claim(
    store: Store, worker: int, *, now: float = NOON, free: int = 100, unproven: int = 50
) -> Turn:
    """Claim what can be claimed."""
    return do(store, store.claim, worker, now=now, free=free, unproven=unproven)


def claim_one(store: Store, worker: int, *, now: float = NOON) -> Claim:
    """Claim the one delivery that is next."""
    (found,) = claim(store, worker, now=now, free=1).claims
    return found


def settle(store: Store, *outcomes: Outcome) -> Sequence[Settled]:
    """Settle outcomes, in one transaction."""
    return do(store, store.settle, outcomes)


def deliveries(store: Store, **options: Any) -> Sequence[Delivery]:
    """List deliveries, all of them by default."""
    given: dict[str, Any] = {
        "endpoint": None,
        "tenant": None,
        "state": None,
        "before": None,
        "limit": 1000,
    }
    return do(store, store.deliveries, **(given | options))


def widen(store: Store, worker: int, *, times: int, now: float = NOON) -> None:
    """Deliver messages one after the other, so that windows grow."""
    for number in range(times):
        keep(store, make_keep(f"w{worker}-{number}", now=now))
        found = claim(store, worker, now=now).claims
        settle(store, *(make_outcome(each, Move.DELIVER, now=now) for each in found))
