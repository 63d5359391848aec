"""Records of requests and rows: how one becomes the other."""

from __future__ import annotations

__all__ = (
    "attempt_from_row",
    "claim_from_row",
    "request_from_row",
    "row_of_attempt",
    "row_of_take",
    "storable",
)

import json
from typing import Any

from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.request import RequestAttempt, StoredRequest

from .inbox_contract import RequestClaim, Take
from .rows import AnyRow, from_ms, to_ms


def row_of_take(take: Take, *, replayed: bool) -> dict[str, Any]:
    """Return the columns of a request."""
    return {
        "uid": take.uid,
        "source": take.source,
        "scheme": take.scheme,
        "event": take.event,
        "sender_id": storable(take.sender_id),
        "digest": take.digest,
        "replayed": replayed,
        "headers": json.dumps(dict(take.headers)),
        "body": take.body,
        "received_at": to_ms(take.received),
        "keep_until": to_ms(take.keep_until),
        "due_at": to_ms(take.due),
    }


def claim_from_row(row: AnyRow, worker: int) -> RequestClaim:
    """Return the claim that is made of a request as it was read before it."""
    return RequestClaim(
        request=row.id,
        fence=row.fence + 1,
        attempt=row.attempts + 1,
        tries=row.attempts + 1 - row.replayed_after,
        worker=worker,
        uid=row.uid,
        source=row.source,
        scheme=row.scheme,
        event=row.event,
        headers=json.loads(row.headers),
        body=row.body,
    )


def request_from_row(row: AnyRow) -> StoredRequest:
    """Return the record of a request."""
    return StoredRequest(
        id=row.id,
        envelope=row.uid,
        source=row.source,
        scheme=row.scheme,
        event=row.event,
        sender_id=row.sender_id,
        digest=row.digest,
        replayed=row.replayed,
        headers=tuple(json.loads(row.headers).items()),
        body=row.beginning,
        size=row.size,
        received=from_ms(row.received_at),
        state=State(row.state),
        attempts=row.attempts,
        due=from_ms(row.due_at),
        finished=None if row.finished_at is None else from_ms(row.finished_at),
        reason=row.reason,
    )


def row_of_attempt(request: int, attempt: RequestAttempt) -> dict[str, Any]:
    """Return the columns of an attempt."""
    return {
        "request_id": request,
        "number": attempt.number,
        "worker": attempt.worker,
        "started_at": to_ms(attempt.started.timestamp()),
        "duration": attempt.duration,
        "error": None if attempt.error is None else storable(attempt.error),
    }


def attempt_from_row(row: AnyRow) -> RequestAttempt:
    """Return the record of an attempt."""
    return RequestAttempt(
        number=row.number,
        worker=row.worker,
        started=from_ms(row.started_at),
        duration=row.duration,
        error=row.error,
    )


def storable(text: str) -> str:
    """Return a text of a stranger's as every database takes it.

    PostgreSQL has no NUL in a text, and nobody half a surrogate pair.
    """
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
