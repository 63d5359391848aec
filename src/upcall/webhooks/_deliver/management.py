"""What is done with endpoints and records: by a bridge, and by the command."""

from __future__ import annotations

__all__ = ("DAY", "Management")

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, ParamSpec, TypeVar

from upcall._events.envelope import new_id
from upcall.errors import OptionError
from upcall.webhooks._proto.delivery import Attempt, Delivery, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import EndpointError
from upcall.webhooks._proto.schemes import new_secret
from upcall.webhooks._proto.tenant import check_tenant
from upcall.webhooks.clock import Clock
from upcall.webhooks.codec import Codec
from upcall.webhooks.outbox.asked import (
    aware,
    before_of,
    limit_of,
    number_of,
    state_of,
)
from upcall.webhooks.outbox.contract import Kept
from upcall.webhooks.outbox.outbox import Outbox
from upcall.webhooks.transport.guard import Guard

from .pinging import ping_keep
from .registration import complete_endpoint

_P = ParamSpec("_P")
_R = TypeVar("_R")

_A_DELIVERY: Final = "a Delivery"

DAY: Final = 24 * 60 * 60.0


class Management:
    """Endpoints, deliveries and attempts in an outbox that is open.

    Args:
        outbox: where they are.
        clock: tells the time.
        schedule: the seconds before each attempt, for endpoints without a schedule.
        codec: has to be able to carry the event classes of endpoints.
        guard: judges the URLs of endpoints.
        source: the ``source`` of CloudEvents, for endpoints without one.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        clock: Clock,
        schedule: Sequence[float],
        codec: Codec,
        guard: Guard,
        source: str | None,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._schedule = schedule
        self._codec = codec
        self._guard = guard
        self._source = source

    # --- endpoints ---

    async def add(self, endpoint: Endpoint) -> Endpoint:
        """Register an endpoint, and return it as it is stored.

        Classes among its events have become names, and a schedule of the bridge's has
        been filled in. To register the same endpoint again, with the same id, does
        nothing. Other processes with this outbox heed it from the next event they
        store; one that had no endpoint for an event before, within a second.

        Raises:
            EndpointError: if something about it is wrong, or its id is in use for
                another one; it says what to do.
            OutboxError: if it could not be stored.
        """
        whole = self._completed(endpoint)
        add = self._outbox.store.add
        stored = await self._perform(add, whole, now=self._clock.now())
        await self._changed()
        return stored

    async def update(self, endpoint: Endpoint) -> Endpoint:
        """Replace the endpoint of this id by another one; else like `add`.

        What waits is attempted with the new fields; in the version and the format that
        it was stored for.

        Raises:
            EndpointError: if something about it is wrong, or there is none of this id.
            OutboxError: if it could not be stored.
        """
        whole = self._completed(endpoint)
        store = self._outbox.store
        await self._perform(store.update, whole, now=self._clock.now())
        await self._changed()
        return whole

    async def remove(self, endpoint: Endpoint | str) -> None:
        """Take an endpoint out; what waits for it is cancelled.

        What is in flight may still be delivered. Its secrets are forgotten.

        Raises:
            EndpointError: if there is none.
        """
        store = self._outbox.store
        await self._perform(store.remove, _id_of(endpoint), now=self._clock.now())
        await self._changed()

    async def rotate_secret(
        self,
        endpoint: Endpoint | str,
        secret: str | None = None,
        *,
        overlap: float = DAY,
    ) -> Endpoint:
        """Give an endpoint a new secret, and return the endpoint with it.

        Schemes that carry several signatures ("standard", "svix", "stripe") sign with
        both secrets until the overlap is over, so the receiver may change at any time
        in between. The others sign with the old one until then, and with the new one
        from then on: let the receiver accept both before.

        Args:
            endpoint: or its id.
            secret: the new one; one is made if it is not given, which only fits the
                schemes "standard" and "svix".
            overlap: how long the old one is still used, in seconds; a day by default.

        Raises:
            EndpointError: if there is none, or the secret does not fit its scheme.
            OptionError: if the overlap is no number of seconds.
        """
        if not (_is_number(overlap) and overlap >= 0):
            raise OptionError(f"overlap={overlap!r}: give seconds, from 0 on")

        rotated = await self._perform(
            self._outbox.store.rotate,
            _id_of(endpoint),
            new_secret() if secret is None else secret,
            now=self._clock.now(),
            overlap=overlap,
        )
        await self._changed()
        return rotated

    async def enable(self, endpoint: Endpoint | str) -> None:
        """Let an endpoint have new deliveries, and attempt those that wait.

        What is held against it, as a break after failures, is forgotten.

        Raises:
            EndpointError: if there is none.
        """
        await self._switch(endpoint, enabled=True)

    async def disable(self, endpoint: Endpoint | str) -> None:
        """Make no new deliveries for an endpoint, and leave those that wait alone.

        Raises:
            EndpointError: if there is none.
        """
        await self._switch(endpoint, enabled=False)

    async def pause(self, endpoint: Endpoint | str) -> None:
        """Leave what waits for an endpoint alone; new deliveries are still made.

        What is in flight ends as it would.

        Raises:
            EndpointError: if there is none.
        """
        store = self._outbox.store
        await self._perform(store.pause, _id_of(endpoint), paused=True)
        await self._changed()

    async def resume(self, endpoint: Endpoint | str) -> None:
        """Attempt what waits for an endpoint again.

        Raises:
            EndpointError: if there is none.
        """
        store = self._outbox.store
        await self._perform(store.pause, _id_of(endpoint), paused=False)
        await self._changed()

    async def ping(self, endpoint: Endpoint | str) -> Delivery:
        """Send an event ``webhook.ping`` to one endpoint, whatever its keys say.

        It is a delivery like any other: `attempts` tells how it went.

        Raises:
            EndpointError: if there is none, or it is disabled.
            OutboxError: if it could not be stored.
        """
        number = _id_of(endpoint)
        keep = ping_keep(number, id=new_id(), now=self._clock.now())
        (kept,) = await self._perform(self._outbox.store.keep, [keep])

        if not (isinstance(kept, Kept) and kept.deliveries):
            raise EndpointError(
                f"no endpoint with the id {number!r} is there and enabled: list the "
                "endpoints to see which there are, and enable it if it is disabled"
            )

        (made,) = await self._perform(
            self._outbox.store.deliveries,
            endpoint=number,
            tenant=None,
            state=None,
            before=None,
            limit=1,
        )
        self._wake()
        return made

    async def endpoints(self) -> list[Endpoint]:
        """Return the endpoints, in the order they were added."""
        store = self._outbox.store
        return list(await self._perform(store.endpoints, now=self._clock.now()))

    async def _switch(self, endpoint: Endpoint | str, *, enabled: bool) -> None:
        store = self._outbox.store
        await self._perform(
            store.enable, _id_of(endpoint), enabled=enabled, now=self._clock.now()
        )
        await self._changed()

    def _completed(self, endpoint: Endpoint) -> Endpoint:
        return complete_endpoint(
            endpoint,
            schedule=self._schedule,
            codec=self._codec,
            guard=self._guard,
            source=self._source,
        )

    # --- records ---

    async def deliveries(
        self,
        *,
        endpoint: Endpoint | str | None = None,
        tenant: str | None = None,
        state: State | str | None = None,
        before: Delivery | int | datetime | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, the newest first.

        Args:
            endpoint: only those to this one.
            tenant: only those of messages of this tenant.
            state: only those in this state.
            before: only those older than this one, or made before this time; the last
                of one page gives the next.
            limit: the most there will be.

        Raises:
            OptionError: if there is no such state, or one of the others makes no sense.
        """
        found = await self._perform(
            self._outbox.store.deliveries,
            endpoint=None if endpoint is None else _id_of(endpoint),
            tenant=check_tenant(tenant),
            state=state_of(state),
            before=before_of(before, Delivery, _A_DELIVERY),
            limit=limit_of(limit),
        )
        return list(found)

    async def attempts(self, delivery: Delivery | int) -> list[Attempt]:
        """Return the attempts of a delivery, the first first.

        Raises:
            OutboxError: if there is no such delivery.
        """
        number = number_of(delivery, Delivery, _A_DELIVERY)
        return list(await self._perform(self._outbox.store.attempts, number))

    async def replay(
        self, delivery: Delivery | int, *, new_id: bool = False
    ) -> Delivery:
        """Deliver the message of a finished delivery once more, to the same endpoint.

        It is a new delivery, due now, with attempts of its own. The receiver sees the
        same message id, so one that has it already drops it.

        Args:
            delivery: the finished one.
            new_id: whether the receiver is to see another id, and so to take it again.

        Raises:
            OutboxError: if there is no such delivery, or it is not finished.
            EndpointError: if its endpoint was removed.
        """
        made = await self._perform(
            self._outbox.store.replay,
            number_of(delivery, Delivery, _A_DELIVERY),
            now=self._clock.now(),
            new_id=_fresh_id() if new_id else None,
        )
        self._wake()
        return made

    async def replay_since(
        self, endpoint: Endpoint | str, time: datetime | float
    ) -> int:
        """Replay what is dead or cancelled of an endpoint and ended since a time.

        What has been replayed meanwhile is left alone, unless that failed as well.

        Args:
            endpoint: or its id.
            time: aware, or in Unix seconds.

        Returns:
            How many new deliveries there are.

        Raises:
            EndpointError: if there is none.
            OptionError: if this is no time.
        """
        made = await self._perform(
            self._outbox.store.replay_since,
            _id_of(endpoint),
            _seconds_of(time),
            now=self._clock.now(),
        )
        self._wake()
        return made

    # --- for who inherits ---

    async def _changed(self) -> None:
        """Be told that endpoints have changed."""

    def _wake(self) -> None:
        """Be told that there is something new to deliver."""

    async def _perform(
        self, verb: Callable[_P, _R], *args: _P.args, **options: _P.kwargs
    ) -> _R:
        return await self._outbox.writer.perform(verb, *args, **options)


def _fresh_id() -> str:
    return new_id()


def _id_of(endpoint: object) -> str:
    if isinstance(endpoint, Endpoint):
        return endpoint.id

    if isinstance(endpoint, str):
        return endpoint

    raise OptionError(f"{endpoint!r}: give an Endpoint, or the id of one")


def _seconds_of(time: Any) -> float:
    if isinstance(time, datetime):
        return aware(time).timestamp()

    if _is_number(time):
        return float(time)

    raise OptionError(f"time={time!r}: give an aware datetime, or Unix seconds")


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)
