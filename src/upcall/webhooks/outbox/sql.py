"""The store's verbs in SQL that every database understands."""

# ruff: noqa: D102 (what a verb does stands in the contract)

from __future__ import annotations

__all__ = ("SqlStore",)

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from upcall.webhooks._proto.delivery import Attempt, Delivery, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import ConflictError, OutboxError

from .checks import find_faults
from .claims import Claims, give_back
from .contract import Claim, Counts, Keep, Kept, Lapsed, Outcome, Settled, Store, Turn
from .endpoints import (
    Register,
    add_endpoint,
    enable_endpoint,
    list_endpoints,
    load_register,
    pause_endpoint,
    read_changes,
    remove_endpoint,
    reseal_endpoints,
    rotate_secret,
    update_endpoint,
)
from .inbox import SqlInbox
from .inbox_contract import InboxStore
from .messages import fan_out_messages, keep_messages
from .migrations import check_schema, migrate, schema_trouble
from .outcomes import settle_outcomes
from .pruning import Pruning
from .records import (
    count_all,
    list_attempts,
    list_deliveries,
    replay_delivery,
    replay_since,
)
from .seal import Seal
from .workers import dismiss_worker, enlist_worker, note_heartbeat, rescue_claims


class SqlStore(Store):
    """A store in a database; how to connect to it is left to subclasses.

    A subclass sets `connection` in `open`, and says who is gone.
    """

    connection: Connection

    def __init__(self, seal: Seal, *, may_migrate: bool = True) -> None:
        self._seal = seal
        self._may_migrate = may_migrate
        self.schema: tuple[int, int] = (0, 0)
        """The version of the schema that `open` found, 0 for none, and that of now."""

        self._claims = Claims()
        self._pruning = Pruning()
        self._known: Register | None = None
        self._inbox = SqlInbox(lambda: self.connection, self._is_gone)

    @property
    def inbox(self) -> InboxStore:
        return self._inbox

    # --- messages ---

    def keep(self, keeps: Sequence[Keep]) -> Sequence[Kept | ConflictError]:
        return keep_messages(self.connection, self._register(), keeps)

    def fan_out(self, *, now: float, limit: int) -> int:
        return fan_out_messages(self.connection, self._register, now=now, limit=limit)

    # --- workers ---

    def time(self) -> float | None:
        return None

    def enlist(self, *, now: float) -> int:
        return enlist_worker(self.connection, now=now)

    def heartbeat(self, worker: int, *, now: float) -> bool:
        return note_heartbeat(self.connection, worker, now=now)

    def dismiss(self, worker: int, *, now: float) -> Lapsed:
        return dismiss_worker(self.connection, self._register(), worker, now=now)

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

    def rescue(self, *, now: float) -> Lapsed:
        return rescue_claims(
            self.connection, self._register(), now=now, is_gone=self._is_gone
        )

    # --- endpoints ---

    def add(self, endpoint: Endpoint, *, now: float) -> Endpoint:
        return add_endpoint(self.connection, endpoint, self._seal, now=now)

    def update(self, endpoint: Endpoint, *, now: float) -> None:
        update_endpoint(self.connection, endpoint, self._seal, now=now)

    def remove(self, endpoint: str, *, now: float) -> None:
        remove_endpoint(self.connection, endpoint, now=now)

    def enable(
        self, endpoint: str, *, enabled: bool, now: float, why: str | None = None
    ) -> None:
        enable_endpoint(self.connection, endpoint, enabled=enabled, now=now, why=why)

    def pause(self, endpoint: str, *, paused: bool) -> None:
        pause_endpoint(self.connection, endpoint, paused=paused)

    def rotate(
        self, endpoint: str, secret: str, *, now: float, overlap: float
    ) -> Endpoint:
        return rotate_secret(
            self.connection, endpoint, secret, self._seal, now=now, overlap=overlap
        )

    def endpoints(self, *, now: float) -> Sequence[Endpoint]:
        return list_endpoints(self.connection, self._seal, now=now)

    def keys(self) -> frozenset[str]:
        return self._register().keys

    def changes(self) -> int:
        return read_changes(self.connection)

    # --- records ---

    def deliveries(
        self,
        *,
        endpoint: str | None,
        tenant: str | None,
        state: State | None,
        before: int | datetime | None,
        limit: int,
    ) -> Sequence[Delivery]:
        return list_deliveries(
            self.connection,
            endpoint=endpoint,
            tenant=tenant,
            state=state,
            before=before,
            limit=limit,
        )

    def attempts(self, delivery: int) -> Sequence[Attempt]:
        return list_attempts(self.connection, delivery)

    def replay(
        self, delivery: int, *, now: float, new_id: str | None = None
    ) -> Delivery:
        return replay_delivery(self.connection, delivery, now=now, new_id=new_id)

    def replay_since(self, endpoint: str, since: float, *, now: float) -> int:
        return replay_since(self.connection, endpoint, since, now=now)

    def prune(self, *, delivered: float, dead: float, limit: int) -> int:
        return self._pruning.prune(
            self.connection, delivered=delivered, dead=dead, limit=limit
        )

    def reseal(self) -> int:
        return reseal_endpoints(self.connection, self._seal)

    def check(self, *, now: float) -> Sequence[str]:
        found = find_faults(self.connection, self._seal, now=now)
        return [*self._integrity(), *found]

    def counts(self) -> Counts:
        return count_all(self.connection)

    # --- for subclasses ---

    def _is_gone(self, worker: int) -> bool:
        """Tell whether a worker that was not dismissed is known to have ended."""
        raise NotImplementedError

    def _integrity(self) -> Sequence[str]:
        """Let the database look at itself, and return what it found, in words."""
        return ()

    def _lock_schema(self) -> None:
        """Keep others from making or changing tables until the transaction ends."""

    def _prepare(self) -> None:
        """Make the tables or bring them up to date, or see that they are.

        To be called in a transaction.

        Raises:
            OutboxError: if the tables cannot be used, with what to do.
        """
        self._lock_schema()

        if not self._may_migrate:
            check_schema(self.connection)

        self.schema = migrate(self.connection)

    def _register(self) -> Register:
        """Return the endpoints as they are in this transaction.

        Raises:
            OutboxError: if no key opens their secrets, or if the schema was migrated
                since it was opened, and is too new.
        """
        known = self._known

        if known is None or known.changes != read_changes(self.connection):
            trouble = schema_trouble(self.connection)

            if trouble is not None:
                raise OutboxError(trouble)

            known = self._known = load_register(self.connection, self._seal)

        return known
