"""What an outbox has to do, in verbs; each docstring is part of the contract."""

# Rule 1: a store is called by one thread, its writer's, and every verb but `open` and
#   `close` inside `transaction`. What a verb did counts when that block has ended.
# Rule 2: a store never reads a clock: times come in, in Unix seconds.
# Rule 3: many workers, in many processes, claim from one store. It never hands one
#   delivery to two of them while a lease lasts, and never more of an endpoint at once
#   than the endpoint's window.
# Rule 4: the fence decides, not the worker: an outcome with an old fence changes
#   nothing but the record.

from __future__ import annotations

__all__ = (
    "LEASE_MARGIN",
    "Claim",
    "Counts",
    "Keep",
    "Kept",
    "Outcome",
    "Settled",
    "StorageError",
    "Store",
    "Turn",
)

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

import attrs

from upcall.webhooks._proto.delivery import Attempt, Delivery, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import ConflictError, OutboxError
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.verdict import Decision

LEASE_MARGIN: Final = 30.0
"""Seconds that a lease lasts beyond the timeout of its endpoint."""


class StorageError(OutboxError):
    """The store itself failed, whatever was to be done with it."""


@attrs.frozen(kw_only=True)
class Keep:
    """A message to be kept."""

    message: Message
    now: float
    """When it was accepted; the first delay of a schedule counts from here."""


@attrs.frozen(kw_only=True)
class Kept:
    """What became of a message that was to be kept."""

    deliveries: int
    """How many endpoints it is for. With none, nothing is stored."""

    new: bool
    """False if the same message had been stored before: nothing was added then."""


@attrs.frozen(kw_only=True)
class Claim:
    """A delivery that a worker may attempt, once, until its lease ends."""

    delivery: int
    fence: int
    """Rises with every claim of the delivery."""

    attempt: int
    """1 is the first."""

    worker: int
    proven: bool
    """Whether the endpoint had had a success since its last failure."""

    message: Message
    endpoint: Endpoint
    """As it is now, not as it was when the message was stored."""


@attrs.frozen(kw_only=True)
class Turn:
    """What one turn of claiming gave."""

    claims: tuple[Claim, ...] = ()
    next_due: float | None = None
    """When there will be something to claim, as far as is known now: a delivery that is
    due, of an endpoint with room, after its pause. None if the free slots were filled,
    or if nothing waits."""


@attrs.frozen(kw_only=True)
class Outcome:
    """How an attempt ended, and what is to be done."""

    claim: Claim
    decision: Decision
    attempt: Attempt
    ended: float
    """When it ended, in Unix seconds."""


@attrs.frozen(kw_only=True)
class Settled:
    """What an outcome changed."""

    state: State | None
    """Of the delivery, afterwards. None if it is not there any more."""

    late: bool
    """Whether it changed nothing but the record: the lease had been lost."""


@attrs.frozen(kw_only=True)
class Counts:
    """How many there are of each."""

    endpoints: int
    waiting: int
    claimed: int
    delivered: int
    dead: int
    cancelled: int


class Store(ABC):
    """Where deliveries wait.

    ``tests/webhooks/outbox/conformance`` has the checks that every store has to pass.
    """

    @abstractmethod
    def open(self) -> None:
        """Connect, and make what is missing. In the thread of all later calls.

        Raises:
            OutboxError: if that cannot be done, with what to do. Nothing stays open.
        """

    @abstractmethod
    def close(self) -> None:
        """Disconnect. After a failed `open` too; a second time it does nothing."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Enclose verbs so that all of them count, or none.

        When the block has been left without an error, what was done in it survives a
        crash of the process and a loss of power.

        Raises:
            StorageError: if the store itself fails (locked, full, read-only, gone). All
                else that flies out of the block means that a verb failed.
        """

    # --- messages ---

    @abstractmethod
    def keep(self, keeps: Sequence[Keep]) -> Sequence[Kept | ConflictError]:
        """Store messages, each with one delivery per enabled endpoint that hears it.

        Endpoints are those of this moment: one that was added by another process just
        before is among them. A message that no endpoint hears is not stored. One whose
        id is stored with the same name and bytes counts as stored, once, whatever its
        time; with other ones it gets a `ConflictError`, and the others are not harmed.

        Returns:
            One entry per message, in their order.
        """

    # --- workers ---

    @abstractmethod
    def enlist(self, *, now: float) -> int:
        """Enter a new worker and return its number. It lives until `dismiss`."""

    @abstractmethod
    def dismiss(self, worker: int, *, now: float) -> int:
        """Strike a worker off. What it still had claimed lapses; return how many."""

    @abstractmethod
    def claim(self, worker: int, *, now: float, free: int, unproven: int) -> Turn:
        """Claim due deliveries for a worker.

        Endpoints are served in turn, beginning after the one that this store served
        last, each with as many deliveries as its window has room, the longest due
        first. Disabled and paused ones are passed over.

        Args:
            worker: who claims; the lease is in its name.
            now: the time.
            free: the most that may be claimed.
            unproven: the most of them for endpoints without a success since their last
                failure.
        """

    @abstractmethod
    def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Write attempts down, move their deliveries on, and adapt the windows.

        The move is made if the fence still fits and the table of moves has it; of an
        endpoint that was removed meanwhile, what was not delivered is cancelled.
        Otherwise only the attempt is written down.

        Returns:
            One entry per outcome, in their order.
        """

    @abstractmethod
    def give_back(self, claims: Sequence[Claim]) -> None:
        """Undo claims for which no request was sent; they count as no attempt."""

    @abstractmethod
    def rescue(self, *, now: float) -> int:
        """Let the claims of workers that are gone, and leases that are over, lapse.

        Returns:
            How many there were.
        """

    # --- endpoints ---

    @abstractmethod
    def add(self, endpoint: Endpoint, *, now: float) -> Endpoint:
        """Register an endpoint, and return it as it is stored.

        One that is registered already with the same fields stays as it is, disabled if
        it was.

        Raises:
            EndpointError: if its id is in use with other fields.
        """

    @abstractmethod
    def update(self, endpoint: Endpoint) -> None:
        """Replace the endpoint of this id, with all of its fields.

        What waits for it is attempted with the new ones.

        Raises:
            EndpointError: if there is none.
        """

    @abstractmethod
    def remove(self, endpoint: str, *, now: float) -> None:
        """Take an endpoint out, by id, forget its secrets, and cancel what waits.

        Raises:
            EndpointError: if there is none.
        """

    @abstractmethod
    def enable(self, endpoint: str, *, enabled: bool) -> None:
        """Set whether it gets new deliveries, and those that wait are attempted.

        Enabling also ends a pause.

        Raises:
            EndpointError: if there is none.
        """

    @abstractmethod
    def endpoints(self) -> Sequence[Endpoint]:
        """Return the endpoints, in the order they were added."""

    @abstractmethod
    def changes(self) -> int:
        """Return a number that rises with every change of an endpoint."""

    # --- records ---

    @abstractmethod
    def deliveries(
        self,
        *,
        endpoint: str | None,
        state: State | None,
        before: int | datetime | None,
        limit: int,
    ) -> Sequence[Delivery]:
        """Return deliveries, the newest first.

        Args:
            endpoint: only those to this one, by id.
            state: only those in this state.
            before: only those with a smaller number, or made before that time.
            limit: the most there will be.
        """

    @abstractmethod
    def attempts(self, delivery: int) -> Sequence[Attempt]:
        """Return the attempts of a delivery, the first first.

        Raises:
            OutboxError: if there is no such delivery.
        """

    @abstractmethod
    def replay(self, delivery: int, *, now: float) -> Delivery:
        """Make a new delivery, due now, of the message of a finished one.

        Raises:
            OutboxError: if there is no such delivery, or it is not finished.
            EndpointError: if its endpoint has been removed.
        """

    @abstractmethod
    def counts(self) -> Counts:
        """Count endpoints, and deliveries by state."""
