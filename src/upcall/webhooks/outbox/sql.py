"""The store's verbs in SQL that every database understands."""

# ruff: noqa: D102 (what a verb does stands in the contract)

from __future__ import annotations

__all__ = ("SqlStore",)

import os
import socket
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from upcall.webhooks._proto.delivery import Attempt, Delivery, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import ConflictError, OutboxError

from .claims import Claims, give_back, lapse_expired, lapse_of
from .contract import Claim, Counts, Keep, Kept, Outcome, Settled, Store, Turn
from .endpoints import (
    Register,
    add_endpoint,
    enable_endpoint,
    load_register,
    read_changes,
    remove_endpoint,
    update_endpoint,
)
from .messages import keep_messages
from .outcomes import settle_outcomes
from .records import count_all, list_attempts, list_deliveries, replay_delivery
from .rows import new_number, to_ms
from .schema import SCHEMA_VERSION, meta, metadata
from .schema import worker as workers
from .seal import Seal


class SqlStore(Store):
    """A store in a database; how to connect to it is left to subclasses.

    A subclass sets `connection` in `open`, and says who is gone.
    """

    connection: Connection

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._claims = Claims()
        self._known: Register | None = None

    # --- messages ---

    def keep(self, keeps: Sequence[Keep]) -> Sequence[Kept | ConflictError]:
        return keep_messages(self.connection, self._register(), keeps)

    # --- workers ---

    def enlist(self, *, now: float) -> int:
        made = self.connection.execute(
            insert(workers).values(
                host=socket.gethostname(), pid=os.getpid(), started_at=to_ms(now)
            )
        )
        return new_number(made)

    def dismiss(self, worker: int, *, now: float) -> int:
        return self._strike({worker}, now=now)

    def claim(self, worker: int, *, now: float, free: int, unproven: int) -> Turn:
        return self._claims.claim(
            self.connection,
            self._register(),
            worker,
            now=now,
            free=free,
            unproven=unproven,
        )

    def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        return settle_outcomes(self.connection, self._register(), outcomes)

    def give_back(self, claims: Sequence[Claim]) -> None:
        give_back(self.connection, claims)

    def rescue(self, *, now: float) -> int:
        numbers = self.connection.execute(select(workers.c.id)).scalars()
        gone = {number for number in numbers if self._is_gone(number)}
        lapsed = self._strike(gone, now=now)
        return lapsed + lapse_expired(self.connection, self._register(), now=now)

    # --- endpoints ---

    def add(self, endpoint: Endpoint, *, now: float) -> Endpoint:
        return add_endpoint(self.connection, endpoint, self._seal, now=now)

    def update(self, endpoint: Endpoint) -> None:
        update_endpoint(self.connection, endpoint, self._seal)

    def remove(self, endpoint: str, *, now: float) -> None:
        remove_endpoint(self.connection, endpoint, now=now)

    def enable(self, endpoint: str, *, enabled: bool) -> None:
        enable_endpoint(self.connection, endpoint, enabled=enabled)

    def endpoints(self) -> Sequence[Endpoint]:
        return [entry.endpoint for entry in self._register().by_number.values()]

    def changes(self) -> int:
        return read_changes(self.connection)

    # --- records ---

    def deliveries(
        self,
        *,
        endpoint: str | None,
        state: State | None,
        before: int | datetime | None,
        limit: int,
    ) -> Sequence[Delivery]:
        return list_deliveries(
            self.connection, endpoint=endpoint, state=state, before=before, limit=limit
        )

    def attempts(self, delivery: int) -> Sequence[Attempt]:
        return list_attempts(self.connection, delivery)

    def replay(self, delivery: int, *, now: float) -> Delivery:
        return replay_delivery(self.connection, delivery, now=now)

    def counts(self) -> Counts:
        return count_all(self.connection)

    # --- for subclasses ---

    def _is_gone(self, worker: int) -> bool:
        """Tell whether a worker that was not dismissed is known to have ended."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Make the tables, or see that they are ours. To be called in a transaction.

        Raises:
            OutboxError: if a newer version of Upcall wrote them.
        """
        metadata.create_all(self.connection)
        chosen = select(meta.c.value).where(meta.c.name == "schema_version")
        found = self.connection.execute(chosen).scalar()

        if found is None:
            new = insert(meta).values(name="schema_version", value=SCHEMA_VERSION)
            self.connection.execute(new)
        elif found > SCHEMA_VERSION:
            raise OutboxError(
                f"the outbox was written by a newer Upcall (schema {found}, this one "
                f"knows {SCHEMA_VERSION}): upgrade upcall"
            )

    def _register(self) -> Register:
        """Return the endpoints as they are in this transaction."""
        known = self._known

        if known is None or known.changes != read_changes(self.connection):
            known = self._known = load_register(self.connection, self._seal)

        return known

    def _strike(self, numbers: Collection[int], *, now: float) -> int:
        lapsed = lapse_of(self.connection, self._register(), numbers, now=now)
        self.connection.execute(delete(workers).where(workers.c.id.in_(numbers)))
        return lapsed
