"""The transactional outbox: an event stored in the user's own transaction."""

from __future__ import annotations

__all__ = ("enqueue",)

from typing import Any, overload

from upcall._events.envelope import make_envelope
from upcall._events.event import name_of
from upcall._events.options import MISSING
from upcall._events.routes import concrete
from upcall.errors import MalformedKeyError

from ._deliver.accepting import accept
from .codec import JSON, Codec
from .outbox.foreign import write_message
from .versions import MAX_PAYLOAD


@overload
def enqueue(
    connection: object,
    event: str,
    payload: object = None,
    *,
    id: str | None = None,
    tenant: str | None = None,
    codec: Codec = JSON,
    max_payload: int = MAX_PAYLOAD,
) -> str: ...


@overload
def enqueue(
    connection: object,
    event: object,
    *,
    id: str | None = None,
    tenant: str | None = None,
    codec: Codec = JSON,
    max_payload: int = MAX_PAYLOAD,
) -> str: ...


def enqueue(
    connection: object,
    event: Any,
    payload: Any = MISSING,
    *,
    id: str | None = None,
    tenant: str | None = None,
    codec: Codec = JSON,
    max_payload: int = MAX_PAYLOAD,
) -> str:
    """Store an event for the endpoints, in a transaction of your own.

    When that is committed, the event is accepted, together with all else that was
    written in it; if it is rolled back, the event never was. A worker that has this
    database as its outbox delivers it. Nobody on a bus hears it.

    Nothing is begun, committed or closed here, except that SQLAlchemy, psycopg and
    sqlite3 begin a transaction by themselves at the first statement, as they do at any.
    An event that no endpoint wants is deleted by the worker. The call waits for the
    database; it may be made in any thread that may use the connection.

    Args:
        connection: a ``Connection`` or ``Session`` of SQLAlchemy, or a connection or
            cursor of sqlite3, psycopg or Django (``django.db.connection``, inside
            ``atomic()``), to a database that has the tables of an outbox. For
            SQLAlchemy's async ones, ``await session.run_sync(enqueue, event)``.
        event: an instance of an event class, or a name.
        payload: what goes with a name.
        id: of your own. The same id with the same name, payload and tenant is stored
            once, however often that is tried.
        tenant: whose event it is.
        codec: turns the payload into JSON; the one of the bridge.
        max_payload: the largest payload as JSON, in bytes.

    Returns:
        The id, which receivers see.

    Raises:
        WrongTypeError: this is no such connection.
        OutboxError: the connection is in no transaction and would commit at once, or
            the database has no outbox.
        ConflictError: the id is in use for another event; the transaction goes on.
        PayloadError: the payload cannot be encoded or downgraded, or is too large.
        MalformedKeyError: this is no event with a name, and no name.
        OptionError: this cannot be an id or a tenant.
    """
    name, payload = _name_and_payload(event, payload)
    envelope = make_envelope(name, payload, id)
    keep = accept(
        envelope,
        tenant=tenant,
        now=envelope.time.timestamp(),
        codec=codec,
        max_payload=max_payload,
    )
    write_message(connection, keep)
    return envelope.id


def _name_and_payload(event: Any, payload: Any) -> tuple[str, Any]:
    by_name = payload is not MISSING
    key = concrete(event, by_name=by_name)

    if isinstance(key, str):
        return key, payload if by_name else None

    name = name_of(key)

    if not name:
        raise MalformedKeyError(
            f"{key.__qualname__} has no name that could be stored: decorate the class "
            "with @event, or give a name and a payload"
        )

    return name, event
