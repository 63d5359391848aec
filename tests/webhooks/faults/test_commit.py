"""A connection that is lost in the middle of a COMMIT: nobody knows what became of it.

So it fails, and the same id again settles it.
"""

from __future__ import annotations

__all__ = ()

import time
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url
from tests.webhooks.bridges import make_bridge
from tests.webhooks.fakes import FakeTransport, make_endpoint
from tests.webhooks.faults.crew import open_store, stored_ids
from tests.webhooks.faults.cutting import Cut, CuttingProxy
from tests.webhooks.faults.retrying import Hurried, Retrying, drained, received
from tests.webhooks.outbox.conformance.verbs import do
from tests.webhooks.postgres import Postgres

from upcall import Bus
from upcall.webhooks import Outbox, OutboxError
from upcall.webhooks.outbox.postgres import PostgresStore

CUTS = 6

pytestmark = [pytest.mark.usefixtures("short_leases"), pytest.mark.timeout(300)]


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[CuttingProxy]:
    """Give a proxy before the server."""
    with CuttingProxy(postgres.root) as proxy:
        yield proxy


def ids(url: str) -> set[str]:
    """Return what is stored, asked for past the proxy."""
    with open_store(url) as store:
        return set(stored_ids(store))


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_same_id_again_settles_it(
    proxy: CuttingProxy, postgres_url: str, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it had been stored or not, it is stored once."""
    # Nobody else may commit then: not who tells others, nor who looks for endpoints.
    monkeypatch.setattr(PostgresStore, "fresh", False)
    outbox = Outbox(proxy.url(make_url(postgres_url).database or ""))

    async with (
        Bus() as bus,
        make_bridge(bus, outbox, deliver=False) as bridge,
    ):
        await bridge.add(make_endpoint())
        heard: list[str] = []
        bus.on("order.paid", lambda payload: heard.append(payload["key"]))

        for number in range(CUTS):
            key = f"m{number}"
            known = ids(postgres_url)
            proxy.cut(cut)

            with pytest.raises(OutboxError, match="see that the server runs"):
                await bus.aemit("order.paid", {"key": key}, id=key)

            assert key not in heard
            assert ids(postgres_url) - known == ({key} if cut == "after" else set())
            await bus.aemit("order.paid", {"key": key}, id=key)
            assert heard[-1] == key

    assert proxy.done == CUTS
    assert ids(postgres_url) == {f"m{number}" for number in range(CUTS)}


async def test_worker_survives_cuts(proxy: CuttingProxy, postgres_url: str) -> None:
    """Whatever it was about to commit: a claim, an outcome, or a heartbeat."""
    outbox = Outbox(proxy.url(make_url(postgres_url).database or ""))
    transport = FakeTransport()
    cuts: list[Cut] = ["before", "after"]

    async with (
        Bus() as bus,
        make_bridge(bus, outbox, transport=transport, clock=Hurried()) as bridge,
    ):
        await bridge.add(make_endpoint(concurrency=20, timeout=1))
        emitter = Retrying(bus, "m")

        for number in range(2 * CUTS):
            proxy.cut(cuts[number % 2])
            await emitter.emit_many(2)

        await drained(outbox)

    found = received(transport)
    assert proxy.done == 2 * CUTS
    assert set(found) == emitter.accepted == ids(postgres_url)

    with open_store(postgres_url) as store:
        assert do(store, store.check, now=time.time()) == []
