"""A poisoned row in a batch: it fails alone, and the others are served."""

from __future__ import annotations

__all__ = ()

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint
from cryptography.fernet import Fernet
from sqlalchemy import update
from tests.webhooks.fakes import FakeTransport, make_endpoint
from tests.webhooks.faults.retrying import Hurried
from tests.webhooks.outbox.conformance.verbs import NOON, make_keep

from upcall.errors import UpcallError
from upcall.webhooks import Endpoint, Outbox, Worker
from upcall.webhooks.outbox.contract import Counts
from upcall.webhooks.outbox.schema import endpoint, message, meta
from upcall.webhooks.outbox.sql import SqlStore

pytestmark = pytest.mark.timeout(200)

CHANGES = meta.c.name == "endpoint_changes"


@attrs.frozen
class Bench:
    """An outbox that is open, and what is sent from it."""

    outbox: Outbox
    transport: FakeTransport

    @property
    def store(self) -> SqlStore:
        """The store, with its connection."""
        store = self.outbox.store
        assert isinstance(store, SqlStore)
        return store

    async def add(self, *endpoints: Endpoint) -> None:
        """Register endpoints."""
        for each in endpoints:
            await self.outbox.writer.perform(self.store.add, each, now=NOON)

    async def keep(self, *ids: str, **changes: Any) -> None:
        """Store messages."""
        for each in ids:
            keep = make_keep(each, **changes)
            await self.outbox.writer.perform_in_bulk(self.store.keep, keep)

    async def counts(self) -> Counts:
        """Count."""
        return await self.outbox.writer.perform(self.store.counts)

    async def execute(self, statement: Any) -> None:
        """Write past all that watches over what is written."""
        await self.outbox.writer.perform(self.store.connection.execute, statement)

    async def work(self, *, until: int) -> None:
        """Let a worker deliver until so many have been."""
        worker = Worker(self.outbox, transport=self.transport, clock=Hurried())

        async with anyio.create_task_group() as group:
            await group.start(worker.run)

            with anyio.fail_after(60):
                while (await self.counts()).delivered < until:
                    await checkpoint()

            worker.stop()


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Bench]:
    """Give a bench."""
    outbox = Outbox(url, **options)
    await outbox.open()

    try:
        yield Bench(outbox, FakeTransport())
    finally:
        await outbox.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty outbox."""
    if request.param == "sqlite":
        return "sqlite://"

    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.mark.parametrize(
    "poison", [{"data": None}, {"name": None}, {"version": 2**70}, {"tenant": object()}]
)
async def test_message_that_breaks_a_rule_fails_alone(
    url: str, poison: dict[str, Any]
) -> None:
    """Of twenty that come at once."""
    failed: list[str] = []

    async with opened(url) as bench:
        await bench.add(make_endpoint())

        async def keep(number: int) -> None:
            key = f"m{number}"

            try:
                await bench.keep(key, **(poison if number == 7 else {}))
            except UpcallError:
                failed.append(key)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(keep, number)

        await bench.work(until=19)

    assert failed == ["m7"]
    assert {sent.id for sent in bench.transport.sent} == {
        f"m{number}" for number in range(20) if number != 7
    }


@pytest.mark.parametrize(
    "format", ["standard", "cloudevents", "cloudevents-binary", "raw"]
)
async def test_payload_that_is_no_json_harms_nobody_else(url: str, format: str) -> None:
    """It was written by something else; whatever becomes of it, the worker goes on."""
    source = "urn:test" if format.startswith("cloudevents") else None

    async with opened(url) as bench:
        await bench.add(make_endpoint(format=format, source=source, concurrency=5))
        await bench.keep("m1", "m2", "m3")
        poisoned = update(message).where(message.c.uid == "m2")
        await bench.execute(poisoned.values(data=b"\xff\0{", name="\ud7ff\u20ac\r\n"))
        await bench.work(until=3)

    assert {sent.id for sent in bench.transport.sent} == {"m1", "m2", "m3"}


async def test_secret_that_is_gone_buries_only_its_own(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable of the environment that is not set any more: dead, on record."""
    monkeypatch.setenv("UPCALL_TEST_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    async with opened(url) as bench:
        lost = make_endpoint("lost", secret="env:UPCALL_TEST_SECRET")
        await bench.add(lost, make_endpoint("well"))
        monkeypatch.delenv("UPCALL_TEST_SECRET")
        await bench.keep("m1", "m2")
        await bench.work(until=2)
        counts = await bench.counts()

    assert {sent.url for sent in bench.transport.sent} == {make_endpoint("well").url}
    assert (counts.delivered, counts.claimed) == (2, 0)


async def test_secrets_that_no_key_opens_stop_only_their_own(url: str) -> None:
    """What is stored for it waits for the key; the others are served."""
    async with opened(url, keys=[Fernet.generate_key()]) as bench:
        await bench.add(make_endpoint("lost"), make_endpoint("well"))
        lost = update(endpoint).where(endpoint.c.uid == "lost")
        await bench.execute(lost.values(sealed="fernet:of-another-key"))
        await bench.execute(update(meta).values(value=meta.c.value + 1).where(CHANGES))
        await bench.keep("m1", "m2")
        await bench.work(until=2)
        counts = await bench.counts()

    assert {sent.url for sent in bench.transport.sent} == {make_endpoint("well").url}
    assert (counts.delivered, counts.waiting, counts.claimed) == (2, 2, 0)
