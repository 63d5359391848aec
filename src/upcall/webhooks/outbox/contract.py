"""What an outbox has to do, in verbs; each docstring is part of the contract."""

# Rule 1: a store is called by one thread, its writer's, and every verb inside
#   `transaction`, but for `open`, `close`, `announce` and `peek`, which are called
#   outside of one. What a verb did counts when that block has ended.
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
    "Lapsed",
    "Outcome",
    "Settled",
    "StorageError",
    "Store",
    "TryAgainError",
    "Turn",
)

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from upcall.webhooks._proto.delivery import Attempt, Delivery, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import ConflictError

from .inbox_contract import InboxStore
from .terms import (
    LEASE_MARGIN,
    Claim,
    Counts,
    Keep,
    Kept,
    Lapsed,
    Outcome,
    Settled,
    StorageError,
    TryAgainError,
    Turn,
)


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

    @property
    @abstractmethod
    def inbox(self) -> InboxStore:
        """Where requests wait that come in, in the same database."""

    # --- other processes ---

    @property
    def fresh(self) -> bool:
        """Whether something was committed that `announce` is to tell others of."""
        return False

    def announce(self) -> None:  # noqa: B027 (not every store has whom to tell)
        """Tell other processes that there may be something to claim.

        Called soon after a commit, if `fresh`, and not more than ten times a second.
        Who is not told finds out by looking, a second later.

        Raises:
            StorageError: if the store itself fails; nothing is lost by it.
        """

    def peek(self) -> bool:
        """Tell whether others have changed something since the last call.

        Called often, while there is nothing else to do: it costs next to nothing, and
        may be wrong either way.

        Raises:
            StorageError: if the store itself fails; nothing is lost by it.
        """
        return False

    # --- messages ---

    @abstractmethod
    def keep(self, keeps: Sequence[Keep]) -> Sequence[Kept | ConflictError]:
        """Store messages, each with one delivery per enabled endpoint that hears it.

        An endpoint hears a message if a key matches, it is its tenant's (an endpoint
        without a tenant hears those of all), and its filter matches, which is judged on
        the version that the endpoint is pinned to: the highest there is of those not
        above it. If there is none, the delivery is dead at once, with the reason.

        Endpoints are those of this moment: one that was added by another process just
        before is among them. A message that no endpoint hears is not stored. One whose
        id is stored with the same name, bytes and tenant counts as stored, once,
        whatever its time and its renderings; with other ones it gets a `ConflictError`,
        and the others are not harmed.

        Returns:
            One entry per message, in their order.
        """

    @abstractmethod
    def fan_out(self, *, now: float, limit: int) -> int:
        """Make the deliveries of messages that `enqueue` has written, the oldest first.

        Which have none yet tells a mark in their row, not their number: a lower number
        may be committed later. Those that nobody hears are deleted. A repeated call, by
        whomever, makes nothing twice.

        Args:
            now: the time; the first delay of a schedule counts from here.
            limit: the most messages that are looked at.

        Returns:
            How many messages were looked at.
        """

    # --- workers ---

    @abstractmethod
    def time(self) -> float | None:
        """Return the time that all workers go by, in Unix seconds.

        None if the store has no clock of its own: then that of the process will do.
        """

    @abstractmethod
    def enlist(self, *, now: float) -> int:
        """Enter a new worker and return its number.

        It is on the list until `dismiss`, or until it is gone: see `rescue`.
        """

    @abstractmethod
    def heartbeat(self, worker: int, *, now: float) -> bool:
        """Say that a worker lives; return False if it was struck off meanwhile.

        What it had claimed has lapsed then. It gets nothing more, and has to enlist
        anew.
        """

    @abstractmethod
    def dismiss(self, worker: int, *, now: float) -> Lapsed:
        """Strike a worker off. What it still had claimed lapses."""

    @abstractmethod
    def claim(self, worker: int, *, now: float, free: int, unproven: int) -> Turn:
        """Claim due deliveries for a worker.

        Endpoints are served in turn, beginning after the one that this store served
        last, each with as many deliveries as its window has room and its rate allows,
        the longest due first. Disabled and paused ones are passed over. An ordered one
        gets its messages in their order, one at a time, and none while an older message
        waits to be fanned out; replays stand outside that order.

        No second holds more claims of an endpoint than its rate, rounded up, whether or
        not they are given back. A worker that is not on the list gets nothing.

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
    def rescue(self, *, now: float) -> Lapsed:
        """Let the claims of workers that are gone, and leases that are over, lapse.

        A worker is gone when it has not said for ten seconds that it lives; a store may
        know it earlier.
        """

    # --- endpoints ---

    @abstractmethod
    def add(self, endpoint: Endpoint, *, now: float) -> Endpoint:
        """Register an endpoint, and return it as it is stored.

        One that is registered already with the same fields stays as it is, disabled or
        paused if it was. During a rotation, old and new secrets are the same.

        Raises:
            EndpointError: if its id is in use with other fields; it names them.
        """

    @abstractmethod
    def update(self, endpoint: Endpoint, *, now: float) -> None:
        """Replace the endpoint of this id, with all of its fields.

        What waits for it is attempted with the new ones; under another URL at once,
        whatever the old one did. A rotation goes on if the secret given is what signs
        now, or at its end; any other ends it, and signs alone.

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
    def enable(
        self, endpoint: str, *, enabled: bool, now: float, why: str | None = None
    ) -> None:
        """Set whether it gets new deliveries, and those that wait are attempted.

        Enabling also ends a break after failures, and what was held against it. What is
        disabled already keeps its time and its reason, unless there is a new one.

        Raises:
            EndpointError: if there is none.
        """

    @abstractmethod
    def pause(self, endpoint: str, *, paused: bool) -> None:
        """Set whether those that wait are left alone; new deliveries are still made.

        Raises:
            EndpointError: if there is none.
        """

    @abstractmethod
    def rotate(
        self, endpoint: str, secret: str, *, now: float, overlap: float
    ) -> Endpoint:
        """Give an endpoint a new secret.

        With a scheme that carries several signatures, the old one signs as well until
        the overlap is over. With any other, the old one signs alone until then, and the
        new one from then on. Of a rotation before that is not over yet, what signs now
        is what is old; it never signs longer than was said before.

        Returns:
            The endpoint, with the secrets that sign now, the newest first.

        Raises:
            EndpointError: if there is none, or the secret does not fit its scheme.
        """

    @abstractmethod
    def endpoints(self, *, now: float) -> Sequence[Endpoint]:
        """Return the endpoints as they stand now, in the order they were added."""

    @abstractmethod
    def keys(self) -> frozenset[str]:
        """Return all keys by which enabled endpoints hear. No secret is opened."""

    @abstractmethod
    def changes(self) -> int:
        """Return a number that rises with every change of an endpoint."""

    # --- records ---

    @abstractmethod
    def deliveries(
        self,
        *,
        endpoint: str | None,
        tenant: str | None,
        state: State | None,
        before: int | datetime | None,
        limit: int,
    ) -> Sequence[Delivery]:
        """Return deliveries, the newest first.

        Args:
            endpoint: only those to this one, by id.
            tenant: only those of messages of this tenant.
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
    def replay(
        self, delivery: int, *, now: float, new_id: str | None = None
    ) -> Delivery:
        """Make a new delivery, due now, of the message of a finished one.

        Args:
            delivery: the number of the finished one.
            now: the time.
            new_id: what the receiver is to see as the id; None: what it saw before.

        Raises:
            OptionError: if that cannot be an id.
            OutboxError: if there is no such delivery, or it is not finished.
            EndpointError: if its endpoint has been removed.
        """

    @abstractmethod
    def replay_since(self, endpoint: str, since: float, *, now: float) -> int:
        """Replay what is dead or cancelled of an endpoint, ended since; say how many.

        What has been delivered by a replay meanwhile, or waits in one, is left alone.

        Raises:
            EndpointError: if there is no such endpoint.
        """

    @abstractmethod
    def prune(self, *, delivered: float, dead: float, limit: int) -> int:
        """Delete messages all of whose deliveries ended long enough ago.

        With them go deliveries, attempts, and the memory that their ids were in use.

        Args:
            delivered: what was delivered or cancelled before this time may go.
            dead: what died before this time may go.
            limit: the most messages that are deleted.

        Returns:
            How many were deleted; less than the limit if there are no more.
        """

    @abstractmethod
    def reseal(self) -> int:
        """Seal the secrets of all endpoints with the newest key; return how many.

        Raises:
            OutboxError: if there is no key, or none opens what is sealed.
        """

    @abstractmethod
    def check(self, *, now: float) -> Sequence[str]:
        """Look for what must never be, and return what was found, in words."""

    @abstractmethod
    def counts(self) -> Counts:
        """Count endpoints, and deliveries by state."""
