"""Checks of the keeper: whose an event is, and in which versions it is stored."""

from __future__ import annotations

__all__ = ()

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import pytest
from tests.webhooks.fakes import make_endpoint

from upcall import Envelope, event
from upcall._events.envelope import make_envelope
from upcall._loops.which import current_loop
from upcall.errors import OptionError
from upcall.webhooks._deliver.keeping import Keeping
from upcall.webhooks._proto.delivery import Delivery
from upcall.webhooks._proto.errors import PayloadError
from upcall.webhooks.clock import SystemClock
from upcall.webhooks.codec import JSON
from upcall.webhooks.outbox.outbox import Outbox
from upcall.webhooks.versions import downgrade


@event("kept.paid", version=1)
class Paid1:
    """What was sent at first."""

    order: int


@event("kept.paid", version=2)
class Paid2:
    """What is sent now."""

    order: int
    customer: str | None


@downgrade(Paid2, to=1)
def without_customer(new: Paid2) -> Paid1:
    """Leave out what is new; fail without a customer."""
    if new.customer is None:
        raise LookupError

    return Paid1(new.order)


@attrs.define
class Opened:
    """A keeper, and what became of what it took."""

    keeping: Keeping
    outbox: Outbox
    failures: list[Exception]
    kept: anyio.Event

    async def deliveries(self) -> list[Delivery]:
        """Return what is stored, the oldest first."""
        found = await self.outbox.writer.perform(
            self.outbox.store.deliveries,
            endpoint=None,
            tenant=None,
            state=None,
            before=None,
            limit=99,
        )
        return list(reversed(found))


@asynccontextmanager
async def opened(
    *endpoints: Any, tenant: Callable[[Envelope[Any]], Any] | None = None
) -> AsyncIterator[Opened]:
    """Open an outbox with endpoints and a keeper."""
    outbox = Outbox("sqlite://")
    await outbox.open()
    failures: list[Exception] = []
    kept = anyio.Event()

    try:
        for endpoint in endpoints:
            await outbox.writer.perform(outbox.store.add, endpoint, now=0.0)

        keeping = Keeping(
            outbox,
            loop=current_loop(),
            clock=SystemClock(),
            codec=JSON,
            max_payload=100,
            kept=kept.set,
            failed=lambda error, envelope: failures.append(error),
            tenant=tenant,
        )
        yield Opened(keeping, outbox, failures, kept)
    finally:
        await outbox.close()


def paid(order: int, customer: str | None) -> Envelope[Any]:
    """Make an emission."""
    return make_envelope("kept.paid", Paid2(order, customer))


async def test_keeper_asks_whose_an_event_is() -> None:
    """Both awaited and queued ones."""
    ann, bob = make_endpoint("ann", tenant="ann"), make_endpoint("bob", tenant="bob")

    async with opened(ann, bob, tenant=lambda e: e.payload.customer) as it:
        await it.keeping.keep(paid(1, "ann"))
        it.keeping.keep_soon(paid(2, "bob"))

        with anyio.fail_after(20):
            await it.kept.wait()

        found = await it.deliveries()

    assert [each.endpoint for each in found] == ["ann", "bob"]
    assert [each.tenant for each in found] == ["ann", "bob"]


@pytest.mark.parametrize("tenant", ["", 3, "a\nb", "x" * 201])
async def test_keeper_refuses_what_cannot_be_a_tenant(tenant: Any) -> None:
    """Nothing is stored then."""
    async with opened(make_endpoint(), tenant=lambda _: tenant) as it:
        with pytest.raises(OptionError, match="tenant="):
            await it.keeping.keep(paid(1, "ann"))

        with pytest.raises(OptionError, match="tenant="):
            it.keeping.keep_soon(paid(1, "ann"))

        assert await it.deliveries() == []


async def test_error_about_the_tenant_comes_out_of_the_emission() -> None:
    """It is the user's own."""

    def tenant(envelope: Envelope[Any]) -> str:
        raise ZeroDivisionError

    async with opened(make_endpoint(), tenant=tenant) as it:
        with pytest.raises(ZeroDivisionError):
            await it.keeping.keep(paid(1, "ann"))

        assert await it.deliveries() == []


async def test_keeper_stores_the_versions_that_endpoints_are_pinned_to() -> None:
    """Whoever registers one an instant later gets its own, too."""
    async with opened(make_endpoint("new"), make_endpoint("old", version=1)) as it:
        await it.keeping.keep(paid(1, "ann"))

        found = await it.deliveries()

    assert {each.endpoint: each.version for each in found} == {"new": 2, "old": 1}


async def test_downgrade_that_fails_ends_the_emission() -> None:
    """Whether an endpoint needs it or not: an event is accepted whole."""
    async with opened(make_endpoint()) as it:
        with pytest.raises(PayloadError, match=r"without_customer.*LookupError"):
            await it.keeping.keep(paid(1, None))

        assert await it.deliveries() == []


async def test_payload_that_is_too_large_is_refused() -> None:
    """By its size as JSON."""
    async with opened(make_endpoint()) as it:
        with pytest.raises(PayloadError, match="100 are allowed"):
            await it.keeping.keep(paid(1, "x" * 100))
