"""Processes that emit and deliver, to be killed: see `crew`.

Run as a script, it reads orders, one JSON object per line, and answers each with a
number. It forks once per process, so that many of them cost little.
"""

from __future__ import annotations

__all__ = ()

import itertools
import json
import logging
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
import psycopg  # noqa: F401 (each process would import it anew)
import sniffio  # noqa: F401 (likewise)
import trio  # noqa: F401 (likewise)

from upcall import Bus
from upcall.webhooks import Bridge, Endpoint, Outbox, OutboxError, Worker
from upcall.webhooks._proto.answer import Answer
from upcall.webhooks.clock import SystemClock
from upcall.webhooks.outbox import postgres as postgres  # noqa: PLC0414 (likewise)
from upcall.webhooks.outbox.sqlite import Processes, SqliteStore

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # a public example
ENDS: Final = 150.0
"""Seconds after which a process that is to end by itself has failed."""

FAILS_EVERY: Final = 101
EMITTERS: Final = 5
SLOW_EVERY: Final = 8
SCHEDULE: Final = [0.01] * 90


@attrs.frozen(kw_only=True)
class Orders:
    """What a process is to do."""

    role: str
    directory: str
    url: str
    name: str
    loop: str = "asyncio"
    processes: Processes = "many"
    limit: int | None = None
    """How many events one of its tasks emits; then it does nothing. None: no end."""

    synchronous: str | None = None
    """What SQLite is told instead of FULL."""

    most_bytes: int | None = None
    """How large its files may become, at first."""


class Journal:
    """A file of lines, each by one write, which survives a SIGKILL."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags)

    def add(self, *words: str) -> None:
        """Append one line."""
        os.write(self._descriptor, f"{' '.join(words)}\n".encode())


class JournalTransport:
    """Writes down what it is given to send; now and then it answers 503."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name
        self._number = itertools.count(1)

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 (as the contract has it)
    ) -> Answer:
        await anyio.lowlevel.checkpoint()

        if next(self._number) % FAILS_EVERY == 0:
            return Answer(status=503)

        key = json.loads(body)["data"]["key"]
        self._journal.add(dict(headers)["webhook-id"], key, self._name)
        return Answer(status=204)

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()


class Ahead(SystemClock):
    """A clock by which everybody else has been silent for long."""

    def now(self) -> float:
        """Return the time half a minute from now."""
        return super().now() + 30


@attrs.frozen
class Victim:
    """A process from the inside."""

    orders: Orders
    accepted: Journal
    transport: JournalTransport

    @classmethod
    def of(cls, orders: Orders) -> Victim:
        """Open what it writes down."""
        directory = Path(orders.directory)
        transport = JournalTransport(Journal(directory / "delivered"), orders.name)
        return cls(orders, Journal(directory / "accepted"), transport)

    async def store(self) -> None:
        """Emit for ever, and let others deliver."""
        await self._emit(deliver=False)

    async def both(self) -> None:
        """Emit for ever, and deliver."""
        await self._emit(deliver=True)

    async def work(self) -> None:
        """Deliver for ever."""
        await Worker(self._outbox(), transport=self.transport).run()

    async def drain(self) -> None:
        """Deliver until nothing is left."""
        outbox = self._outbox()
        worker = Worker(outbox, transport=self.transport, clock=Ahead())

        with anyio.fail_after(ENDS):
            async with anyio.create_task_group() as group:
                await group.start(worker.run)

                while not await _is_done(outbox):  # noqa: ASYNC110 (nobody tells us)
                    await anyio.sleep(0.01)

                worker.stop()

    async def fill(self) -> None:
        """Emit until there is no room, and then until there is again."""
        outbox = self._outbox()

        async with Bus() as bus, Bridge(bus, outbox, deliver=False) as bridge:
            await bridge.add(fast())
            _limit(self.orders.most_bytes)
            failures = await self._emit_through(bus, "first", until=3)
            assert failures == 3
            _limit(None)
            assert await self._emit_through(bus, "second", until=1) == 0

    async def fork(self) -> None:
        """Use a bridge in a child that was forked while it was open."""
        outbox = self._outbox()

        async with Bus() as bus, Bridge(bus, outbox, deliver=False) as bridge:
            await bridge.add(fast())
            await self._emit_one(bus, "order.paid", "before")
            child = os.fork()

            if child == 0:
                os._exit(await self._told(bus))

            deadline = time.monotonic() + ENDS

            while not (found := _ended(child))[0]:
                assert time.monotonic() < deadline
                await anyio.sleep(0.01)

            await self._emit_one(bus, "order.paid", "after")
            assert os.waitstatus_to_exitcode(found[1]) == 0

    async def _told(self, bus: Bus) -> int:
        """Return 0 if an emission in the child is refused aloud."""
        try:
            await self._emit_one(bus, "order.paid", "child")
        except OutboxError as error:
            return 0 if "was forked" in str(error) else 2

        return 1

    async def _emit(self, *, deliver: bool) -> None:
        async with (
            Bus() as bus,
            Bridge(
                bus, self._outbox(), transport=self.transport, deliver=deliver
            ) as bridge,
        ):
            await bridge.add(fast())
            await bridge.add(ordered())

            async with anyio.create_task_group() as group:
                for number in range(EMITTERS):
                    group.start_soon(self._emit_on, bus, f"{number}")

    async def _emit_on(self, bus: Bus, task: str) -> None:
        for number in itertools.count():
            if number == self.orders.limit:
                await anyio.sleep_forever()

            name = "order.paid" if number % SLOW_EVERY else "slow.paid"
            await self._emit_one(bus, name, f"{task}-{number}")

    async def _emit_through(self, bus: Bus, task: str, *, until: int) -> int:
        """Emit 150 events, or until so many were refused; return how many were."""
        failures = 0

        for number in range(150):
            try:
                await self._emit_one(bus, "order.paid", f"{task}-{number}", size=5000)
            except OutboxError:
                failures += 1

            if failures == until:
                break

        return failures

    async def _emit_one(self, bus: Bus, name: str, key: str, size: int = 0) -> None:
        key = f"{self.orders.name}-{key}"
        await bus.aemit(name, {"key": key, "filler": "x" * size}, id=key)
        self.accepted.add(key)

    def _outbox(self) -> Outbox:
        return Outbox(self.orders.url, processes=self.orders.processes)


def fast() -> Endpoint:
    """Make the endpoint of most events."""
    return _endpoint("fast", "order.*", concurrency=20)


def ordered() -> Endpoint:
    """Make the endpoint that gets its events in their order."""
    return _endpoint("ordered", "slow.*", ordered=True)


def _endpoint(name: str, events: str, **options: Any) -> Endpoint:
    return Endpoint(
        id=name,
        url=f"https://{name}.example/",
        events=events,
        secret=SECRET,
        schedule=SCHEDULE,
        **options,
    )


def _ended(child: int) -> tuple[int, int]:
    """Return its number and its status, or zeros if it lives. It does not wait."""
    return os.waitpid(child, os.WNOHANG)


async def _is_done(outbox: Outbox) -> bool:
    counts = await outbox.writer.perform(outbox.store.counts)
    return counts.waiting == counts.claimed == 0


def _limit(most_bytes: int | None) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    soft = hard if most_bytes is None else most_bytes
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _set_synchronous(value: str) -> None:
    """Have all stores ask for less, or more, of the disk."""
    set_up: Callable[[SqliteStore], None] = SqliteStore._set_up

    def set_up_so(self: SqliteStore) -> None:
        set_up(self)
        self._driver().execute(f"PRAGMA synchronous = {value}")

    SqliteStore._set_up = set_up_so  # type: ignore[method-assign]


# --- the launcher ---


def be(orders: Orders) -> int:
    """Do as told, and return the exit status."""
    # One file per process: what it says is shown if it should not have said it.
    log = os.open(
        f"{orders.directory}/log-{orders.name}", os.O_WRONLY | os.O_CREAT, 0o600
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    logging.basicConfig(level=logging.WARNING)

    if orders.synchronous is not None:
        _set_synchronous(orders.synchronous)

    work: Callable[[], Awaitable[None]] = getattr(Victim.of(orders), orders.role)

    try:
        anyio.run(work, backend=orders.loop)
    except BaseException:  # noqa: BLE001 (written down)
        traceback.print_exc()
        return 1

    return 0


def start(orders: Orders) -> int:
    """Start a process and return its number."""
    child = os.fork()

    if child == 0:
        os._exit(be(orders))

    return child


def wait(child: int) -> int:
    """Return the exit status of one that ends by itself; it is killed if not."""
    deadline = time.monotonic() + 2 * ENDS

    while not (found := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)

        time.sleep(0.005)

    return os.waitstatus_to_exitcode(found[1])


def kill(children: Sequence[int]) -> int:
    """Kill some, in the middle of whatever they do."""
    for child in children:
        os.kill(child, signal.SIGKILL)

    statuses = [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children]
    return sum(status != -signal.SIGKILL for status in statuses)


def launch() -> None:
    """Take orders until there are no more."""
    living: set[int] = set()

    try:
        for line in sys.stdin:
            verb, given = json.loads(line)

            if verb == "start":
                answer = start(Orders(**given))
                living.add(answer)
            elif verb == "wait":
                living.discard(given)
                answer = wait(given)
            else:
                living.difference_update(given)
                answer = kill(given)

            print(answer, flush=True)  # noqa: T201 (it is the answer)
    finally:
        kill(sorted(living))


if __name__ == "__main__":
    launch()
