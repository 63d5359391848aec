"""What survives the process: a durable event, and a webhook over loopback."""

# Rule 1: the database is a file in the system's temporary directory, with the settings
#   that a user gets by default. What a sync of that disk costs is a part of the cost.
# Rule 2: both ends of the webhook are in this process and on this loop, so what is
#   measured is the whole of it: storing, signing, sending, serving, verifying, calling.

from __future__ import annotations

__all__ = ("WEBHOOKS", "cost_of_commit")

import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.styles.job import IN_FLIGHT, Job, OrderPaid, Style, Way, each_waits
from cryptography.fernet import Fernet

import upcall
from upcall import Bus
from upcall.cli.servers import listen, serving
from upcall.webhooks import (
    Bridge,
    Endpoint,
    Guard,
    Outbox,
    Receiver,
    Source,
    new_secret,
)
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

LOCAL: Final = Guard(allow=["127.0.0.0/8"], schemes=["http"], ports=None)
SERVER_OF_TRIO: Final = "hypercorn"


@upcall.event("shop.benchmark.order.paid")
class OrderReceived:
    """What the listeners behind the receiver hear."""

    order_id: int
    amount: str


@asynccontextmanager
async def _durable(job: Job) -> AsyncGenerator[Way]:
    """Await an emission that is on disk before its listeners are called.

    It waits in the outbox for an endpoint. Nobody delivers it here.
    """
    with _outbox() as outbox:
        async with Bus() as bus, Bridge(bus, outbox, deliver=False) as bridge:
            for listener in job.listeners:
                bus.on(OrderPaid, listener.function)

            await bridge.add(_endpoint("https://example.com/", new_secret()))
            yield each_waits(lambda: bus.aemit(job.pay()))


@asynccontextmanager
async def _webhook(job: Job) -> AsyncGenerator[Way]:
    """Emit on one bus what the listeners hear on another, behind a signed request.

    The emission is stored; the bridge posts it to a receiver, which verifies it, calls
    its listeners and then answers. The server is uvicorn, and hypercorn on trio.
    """
    secret = new_secret()

    with _outbox() as outbox, listen(0, "port 0") as door:
        async with Bus() as theirs, Bus() as ours:
            for listener in job.listeners:
                theirs.on(OrderReceived, listener.function)

            source = Source("/", scheme="standard", secret=secret, name="shop")

            async with (
                serving(Receiver(theirs, source), door, job.loop.backend) as url,
                Bridge(ours, outbox, guard=LOCAL) as bridge,
            ):
                await bridge.add(_endpoint(f"{url}/", secret))
                yield each_waits(lambda: ours.aemit(job.pay()))


@contextmanager
def _outbox() -> Generator[Outbox]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'outbox.db'}"
        yield Outbox(url, keys=[Fernet.generate_key()])


def _endpoint(url: str, secret: str) -> Endpoint:
    return Endpoint(url=url, events=OrderPaid, secret=secret, concurrency=IN_FLIGHT)


def _absent() -> dict[str, str]:
    if find_spec(SERVER_OF_TRIO):
        return {}

    return {"trio": f"needs {SERVER_OF_TRIO}, which is not installed"}


def cost_of_commit() -> str:
    """Say what a commit costs here: the least that an event on disk can cost."""
    found: list[float] = []

    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "outbox.db", Seal([Fernet.generate_key()]))
        store.open()
        execute = store.connection.exec_driver_sql

        with store.transaction():
            journal = execute("PRAGMA journal_mode").scalar_one()

        for number in range(30):
            start = time.perf_counter()

            with store.transaction():
                execute(f"PRAGMA user_version = {number}")

            found.append(time.perf_counter() - start)

        store.close()

    milliseconds = statistics.median(found) * 1e3
    return (
        f"SQLite {sqlite3.sqlite_version}, journal {journal}; "
        f"a bare commit took {milliseconds:.2g} ms"
    )


WEBHOOKS: Final = (
    Style(name="durable event", open=_durable, held="each"),
    Style(name="webhook over loopback", open=_webhook, held="each", absent=_absent()),
)
