"""Records and rows: how one becomes the other."""

from __future__ import annotations

__all__ = (
    "AnyRow",
    "attempt_from_row",
    "delivery_from_row",
    "endpoint_from_row",
    "from_ms",
    "health_from_row",
    "new_number",
    "row_of_attempt",
    "row_of_endpoint",
    "row_of_health",
    "row_of_message",
    "row_of_window",
    "to_ms",
    "window_from_row",
)

import json
import math
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import CursorResult, Row

from upcall.webhooks._proto.delivery import Attempt, Delivery, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.health import Health
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.rotation import Secrets, Span
from upcall.webhooks._proto.schedule import DEFAULT
from upcall.webhooks._proto.window import Window

from .seal import Seal

_encode: Final = msgspec.json.Encoder().encode
"""JSON, at a tenth of the cost; for what is written at every attempt."""

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of whatever columns."""


def to_ms(seconds: float) -> int:
    """Return whole milliseconds."""
    return round(seconds * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return the moment, aware, UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def new_number(inserted: CursorResult[*tuple[Any, ...]]) -> int:
    """Return the primary key that an insertion made."""
    key = inserted.inserted_primary_key
    assert key is not None
    return int(key[0])


def row_of_endpoint(endpoint: Endpoint, secrets: Secrets, seal: Seal) -> dict[str, Any]:
    """Return the columns that the user's fields become.

    Args:
        endpoint: whose fields they are, but for the secret.
        secrets: what it has and will have for one.
        seal: closes secrets and headers.
    """
    sealed = {
        "secret": [span.text for span in secrets.spans],
        "times": [(span.since, span.until) for span in secrets.spans],
        "headers": dict(endpoint.headers),
    }
    return {
        "uid": endpoint.id,
        "url": endpoint.url,
        "events": json.dumps(endpoint.events),
        "scheme": endpoint.scheme,
        "sealed": seal.close(endpoint.id, sealed),
        "timeout": endpoint.timeout,
        "schedule": json.dumps(endpoint.schedule or DEFAULT),
        "concurrency": endpoint.concurrency,
        "enabled": endpoint.enabled,
        "description": endpoint.description,
        "metadata": json.dumps(dict(endpoint.metadata)),
        "tenant": endpoint.tenant,
        "filter": None if endpoint.filter is None else json.dumps(endpoint.filter),
        "version": endpoint.version,
        "format": endpoint.format,
        "source": endpoint.source,
        "rate": endpoint.rate,
        "ordered": endpoint.ordered,
        "paused": endpoint.paused,
    }


def endpoint_from_row(
    row: AnyRow, seal: Seal, *, now: float = math.inf
) -> tuple[Endpoint, Secrets]:
    """Return the endpoint as the user gave it, with what signs at a moment.

    Args:
        row: all of its columns.
        seal: opens secrets and headers.
        now: the moment; by default the end of all time.

    Raises:
        OutboxError: if no key opens its secrets.
    """
    sealed = seal.open(row.uid, row.sealed)
    secrets = _secrets(sealed)
    endpoint = Endpoint(
        id=row.uid,
        url=row.url,
        events=json.loads(row.events),
        scheme=row.scheme,
        secret=secrets.at(now),
        headers=sealed["headers"],
        timeout=row.timeout,
        schedule=json.loads(row.schedule),
        concurrency=row.concurrency,
        enabled=row.enabled,
        description=row.description,
        metadata=json.loads(row.metadata),
        tenant=row.tenant,
        filter=None if row.filter is None else json.loads(row.filter),
        version=row.version,
        format=row.format,
        source=row.source,
        rate=row.rate,
        ordered=row.ordered,
        paused=row.paused,
        health=health_from_row(row),
    )
    return endpoint, secrets


def _secrets(sealed: dict[str, Any]) -> Secrets:
    texts = sealed["secret"]

    if "times" not in sealed:  # as schema 1 had it: they sign always
        return Secrets.of(texts if isinstance(texts, str) else tuple(texts))

    return Secrets(
        tuple(
            Span(text=text, since=since, until=until)
            for text, (since, until) in zip(texts, sealed["times"], strict=True)
        )
    )


def row_of_health(health: Health) -> dict[str, Any]:
    """Return the columns of an endpoint that its health becomes."""
    return {
        "enabled": health.disabled_at is None,
        "failing_since": _to_ms(health.failing_since),
        "alarmed": health.alarmed,
        "disabled_at": _to_ms(health.disabled_at),
        "disabled_why": health.disabled_why,
    }


def health_from_row(row: AnyRow) -> Health:
    """Return the health of an endpoint."""
    return Health(
        failing_since=_from_ms(row.failing_since),
        alarmed=bool(row.alarmed),
        disabled_at=_from_ms(row.disabled_at),
        disabled_why=row.disabled_why,
    )


def _to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment.timestamp())


def _from_ms(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)


def row_of_window(window: Window) -> dict[str, Any]:
    """Return the columns of an endpoint that its window becomes."""
    return {
        "size": window.size,
        "proven": window.proven,
        "failures": window.failures,
        "paused_until": to_ms(window.paused_until),
    }


def window_from_row(row: AnyRow) -> Window:
    """Return the window of an endpoint."""
    return Window(
        size=row.size,
        proven=bool(row.proven),
        failures=row.failures,
        paused_until=row.paused_until / 1000,
    )


def row_of_message(message: Message) -> dict[str, Any]:
    """Return the columns of a message."""
    return {
        "uid": message.id,
        "name": message.name,
        "version": message.version,
        "time": to_ms(message.time.timestamp()),
        "data": message.data,
        "tenant": message.tenant,
    }


def delivery_from_row(row: AnyRow) -> Delivery:
    """Return the record of a delivery; the row has those of its message, too."""
    return Delivery(
        id=row.id,
        message=row.message,
        event=row.event,
        endpoint=row.endpoint,
        tenant=row.tenant,
        version=row.version,
        state=State(row.state),
        attempts=row.attempts,
        created=from_ms(row.created_at),
        due=from_ms(row.due_at),
        finished=None if row.finished_at is None else from_ms(row.finished_at),
        reason=row.reason,
    )


def row_of_attempt(delivery: int, attempt: Attempt) -> dict[str, Any]:
    """Return the columns of an attempt."""
    return {
        "delivery_id": delivery,
        "number": attempt.number,
        "worker": attempt.worker,
        "started_at": to_ms(attempt.started.timestamp()),
        "duration": attempt.duration,
        "url": attempt.url,
        "request_headers": _encode(attempt.request_headers).decode(),
        "status": attempt.status,
        "error": attempt.error,
        "address": attempt.address,
        "response_headers": _encode(attempt.response_headers).decode(),
        "response": attempt.response,
        "truncated": attempt.truncated,
    }


def attempt_from_row(row: AnyRow) -> Attempt:
    """Return the record of an attempt."""
    return Attempt(
        number=row.number,
        worker=row.worker,
        started=from_ms(row.started_at),
        duration=row.duration,
        url=row.url,
        request_headers=_pairs(row.request_headers),
        status=row.status,
        error=row.error,
        address=row.address,
        response_headers=_pairs(row.response_headers),
        response=row.response,
        truncated=row.truncated,
    )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in json.loads(text))
