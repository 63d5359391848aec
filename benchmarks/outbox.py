"""The outbox: what group commit brings, and what durable delivery and claims cost."""

# Rates are taken by the clock on the wall: the loop, the writer's thread, the disk and
# the server all have a part in them. Costs are seconds of a processor: of both threads
# where there are two, and never of the server, which is another process.

from __future__ import annotations

__all__ = ("run",)

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import attrs
from benchmarks.measure import race
from benchmarks.results import Result, skipped
from benchmarks.serving import serving
from benchmarks.transport import HEADERS, LOCAL
from benchmarks.waiting import AT_A_TIME, claiming, in_memory, waiting

from upcall import Bus
from upcall.webhooks import Bridge, Endpoint, Outbox
from upcall.webhooks._proto.answer import Answer
from upcall.webhooks._proto.formats import standard_body
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.schemes import new_secret
from upcall.webhooks.outbox import writer
from upcall.webhooks.transport.post import PostTransport

EMITTERS = 100
ENDPOINTS = 10
AIOHTTP_LIMIT = 2.5
FSYNC_MICROSECONDS = 1000
SHIM = Path(__file__).with_name("slow_fsync.c")

IN_MEMORY = "durable aemit, 100 emitters, against one commit each (in memory)"
ON_DISK = "durable aemit, 100 emitters, against one commit each (1 ms fsync)"
GATHERED = "events per commit, 100 emitters (1 ms fsync)"
DELIVERY = "signed, durable deliveries, against the bare loop of the transport (rate)"
DELIVERY_CPU = "the same, CPU of one, against a bare POST of the transport"
DELIVERY_AIOHTTP = "CPU of a signed, durable delivery, against a bare POST of aiohttp"
FLOW = "the same, from aemit to the answer"
CLAIM = "claim, 1,000,000 waiting, 900,000 for a dead endpoint, against 1,000 waiting"


@attrs.frozen
class Emitted:
    """How fast events were accepted."""

    together: float
    """Per second, with group commit."""

    alone: float
    """Per second, with one commit each."""

    gathered: float
    """Events per commit, with group commit."""


def run(quick: bool) -> list[Result]:
    """Measure in memory, on a disk that takes 1 ms for a sync, and end to end."""
    return [
        _in_memory(quick=quick),
        *_on_slow_disk(quick=quick),
        *_delivery(quick=quick),
        _claims(quick=quick),
    ]


# --- accepting ---


def _in_memory(*, quick: bool) -> Result:
    number = 300 if quick else 5000
    found = [
        anyio.run(_emit_both, "sqlite://", number, number // 3)
        for _ in range(1 if quick else 5)
    ]
    together = max(each.together for each in found)
    alone = max(each.alone for each in found)
    note = f"{together:.0f}/s against {alone:.0f}/s"
    return Result(IN_MEMORY, together / alone, 4, better="higher", note=note)


async def _emit_both(url: str, number: int, number_alone: int) -> Emitted:
    async with Bus() as bus, Bridge(bus, url, deliver=False) as bridge:
        await bridge.add(_endpoint("https://example.com/", "order.paid"))
        await _emit(bus, number // 10)
        commits = bridge._outbox.writer.commits
        together = await _rate(_emit, bus, number)
        gathered = number / (bridge._outbox.writer.commits - commits)
        batch, writer.BATCH = writer.BATCH, 1

        try:
            alone = await _rate(_emit, bus, number_alone)
        finally:
            writer.BATCH = batch

    return Emitted(together, alone, gathered)


async def _emit(bus: Bus, number: int) -> None:
    left = iter(range(number))

    async def emitter() -> None:
        for each in left:
            await bus.aemit("order.paid", {"number": each, "note": "x" * 300})

    async with anyio.create_task_group() as group:
        for _ in range(EMITTERS):
            group.start_soon(emitter)


async def _rate(
    work: Callable[[Any, int], Awaitable[None]], on: Any, number: int
) -> float:
    start = time.perf_counter()
    await work(on, number)
    return number / (time.perf_counter() - start)


def _on_slow_disk(*, quick: bool) -> Sequence[Result]:
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        shim = _compile(Path(directory))

        if isinstance(shim, str):
            return [skipped(ON_DISK, shim, limit=15), skipped(GATHERED, shim, limit=10)]

        found = _emit_under(shim, Path(directory), quick=quick)

    note = f"{found.together:.0f}/s against {found.alone:.0f}/s"
    ratio = found.together / found.alone
    return [
        Result(ON_DISK, ratio, 15, better="higher", note=note),
        Result(GATHERED, found.gathered, 10, better="higher", unit=""),
    ]


def _compile(directory: Path) -> Path | str:
    """Return the shim, or why there is none."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

    if compiler is None or not sys.platform.startswith("linux"):
        return "needs a C compiler on Linux, to make a slow disk"

    target = directory / "slow_fsync.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(target), str(SHIM), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (
        target if done.returncode == 0 else f"the shim does not compile: {done.stderr}"
    )


def _emit_under(shim: Path, directory: Path, *, quick: bool) -> Emitted:
    """Emit in a process of its own, whose disk is slow."""
    numbers = ["1000", "40"] if quick else ["20000", "1000"]
    command = [sys.executable, "-m", "benchmarks.outbox"]
    done = subprocess.run(
        [*command, f"sqlite:///{directory}/outbox.db", *numbers],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env={
            **os.environ,
            "LD_PRELOAD": str(shim),
            "FSYNC_MICROSECONDS": str(FSYNC_MICROSECONDS),
        },
    )
    return Emitted(**json.loads(done.stdout))


# --- delivering ---


@attrs.frozen
class Delivered:
    """How fast requests were answered, per second."""

    bare: float
    """Of the transport alone, in a loop."""

    drained: float
    """Of deliveries that waited in the outbox."""

    flowing: float
    """Of events, from `aemit` to the answer, while they are emitted."""

    bare_cost: float
    """CPU seconds of one bare request."""

    their_cost: float | None
    """CPU seconds of one of aiohttp, if that is installed."""

    drained_cost: float
    """CPU seconds of one delivery that waited."""


def _delivery(*, quick: bool) -> list[Result]:
    number = 200 if quick else 4000

    with serving(1) as ports:
        found = [
            anyio.run(_deliver_all, ports[0], number) for _ in range(1 if quick else 5)
        ]

    bare = max(each.bare for each in found)
    drained = max(each.drained for each in found)
    flowing = max(each.flowing for each in found)
    pairs = ", ".join(f"{each.drained / each.bare:.2f}" for each in found)
    note = f"{drained:.0f}/s against {bare:.0f}/s; rounds {pairs}"
    bare_cost = min(each.bare_cost for each in found)
    cost = min(each.drained_cost for each in found)
    costs = f"{cost * 1e6:.0f} us against {bare_cost * 1e6:.0f} us"
    return [
        Result(DELIVERY, drained / bare, 0.5, better="higher", note=note),
        Result(DELIVERY_CPU, cost / bare_cost, note=costs),
        _against_aiohttp(cost, [each.their_cost for each in found]),
        Result(FLOW, flowing / bare, better="higher", note=f"{flowing:.0f}/s"),
    ]


def _against_aiohttp(cost: float, found: Sequence[float | None]) -> Result:
    """Judge what durability costs by a client that no work of ours makes cheaper."""
    theirs = min((each for each in found if each is not None), default=None)

    if theirs is None:
        reason = "needs aiohttp, which is not installed"
        return skipped(DELIVERY_AIOHTTP, reason, limit=AIOHTTP_LIMIT)

    note = f"{cost * 1e6:.0f} us against {theirs * 1e6:.0f} us"
    return Result(DELIVERY_AIOHTTP, cost / theirs, AIOHTTP_LIMIT, note=note)


async def _their_cost(url: str, number: int) -> float | None:
    """Return the CPU seconds of one bare POST of aiohttp."""
    if importlib.util.find_spec("aiohttp") is None:
        return None

    import aiohttp  # noqa: PLC0415 (only here, and only if it is there)

    connector = aiohttp.TCPConnector(limit=AT_A_TIME)
    left = iter(range(number))

    async with aiohttp.ClientSession(connector=connector) as session:

        async def poster() -> None:
            for _ in left:
                async with session.post(
                    url, data=b"x" * 1024, headers=dict(HEADERS)
                ) as answer:
                    await answer.read()

        start = time.process_time()

        async with anyio.create_task_group() as group:
            for _ in range(AT_A_TIME):
                group.start_soon(poster)

        return (time.process_time() - start) / number


async def _deliver_all(port: int, number: int) -> Delivered:
    url = f"http://127.0.0.1:{port}/hooks"

    async with PostTransport(LOCAL) as transport:
        await _post(transport, url, AT_A_TIME)
        start = time.process_time()
        bare = await _rate(_post_to(url), transport, number)
        bare_cost = (time.process_time() - start) / number
        counting = Counting(transport)
        outbox = Outbox("sqlite://")
        await outbox.open()

        try:
            flowing = await _flow(outbox, counting, url, number)
            drained, cost = await _drain(outbox, counting, number)
        finally:
            await outbox.close()

    theirs = await _their_cost(url, number)
    return Delivered(bare, drained, flowing, bare_cost, theirs, cost)


def _post_to(url: str) -> Callable[[PostTransport, int], Awaitable[None]]:
    return lambda transport, number: _post(transport, url, number)


async def _post(transport: PostTransport, url: str, number: int) -> None:
    left = iter(range(number))

    async def poster() -> None:
        for _ in left:
            await transport.post(url, headers=HEADERS, body=b"x" * 1024, timeout=20)

    async with anyio.create_task_group() as group:
        for _ in range(AT_A_TIME):
            group.start_soon(poster)


class Counting:
    """A transport that tells when so many answers have come."""

    def __init__(self, transport: PostTransport) -> None:
        self._transport = transport
        self._missing = 0
        self._done = anyio.Event()

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 (as the contract has it)
    ) -> Answer:
        """Post, and count."""
        answer = await self._transport.post(
            url, headers=headers, body=body, timeout=timeout
        )
        self._missing -= 1

        if self._missing == 0:
            self._done.set()

        return answer

    async def aclose(self) -> None:
        """Leave the transport open."""

    @contextmanager
    def expect(self, number: int) -> Iterator[anyio.Event]:
        """Give an event for so many answers from now on."""
        self._missing, self._done = number, anyio.Event()
        yield self._done


async def _flow(outbox: Outbox, counting: Counting, url: str, number: int) -> float:
    async with (
        Bus() as bus,
        Bridge(bus, outbox, transport=counting, guard=LOCAL) as bridge,
    ):
        for each in range(ENDPOINTS):
            await bridge.add(_endpoint(f"{url}/{each}", f"order.paid{each}"))

        # The windows grow in a first run, as they would in any program that goes on.
        await _emit_and_wait(bus, counting, ENDPOINTS * 20)
        start = time.perf_counter()
        await _emit_and_wait(bus, counting, number)
        return number / (time.perf_counter() - start)


async def _emit_and_wait(bus: Bus, counting: Counting, number: int) -> None:
    with counting.expect(number) as done:
        await _emit_padded(bus, number)
        await done.wait()


async def _drain(
    outbox: Outbox, counting: Counting, number: int
) -> tuple[float, float]:
    """Return deliveries per second, and the CPU seconds of one."""
    async with Bus() as bus, Bridge(bus, outbox, deliver=False):
        await _emit_padded(bus, number)

    bridge = Bridge(Bus(), outbox, transport=counting, guard=LOCAL)

    with counting.expect(number) as done:
        start, cost = time.perf_counter(), time.process_time()

        async with bridge:
            await done.wait()

    # Leaving the bridge has waited until the last outcome was written.
    seconds = time.perf_counter() - start
    return number / seconds, (time.process_time() - cost) / number


async def _emit_padded(bus: Bus, number: int) -> None:
    """Emit events whose bodies are as large as the bare loop's."""
    left = iter(range(number))
    payload = "x" * (1024 - _size_of_an_empty_one())

    async def emitter() -> None:
        for each in left:
            await bus.aemit(f"order.paid{each % ENDPOINTS}", payload)

    async with anyio.create_task_group() as group:
        for _ in range(AT_A_TIME):
            group.start_soon(emitter)


def _size_of_an_empty_one() -> int:
    empty = Message(id="m", name="order.paid0", time=datetime.now(UTC), data=b'""')
    return len(standard_body(empty))


def _endpoint(url: str, name: str) -> Endpoint:
    return Endpoint(url=url, events=[name], secret=new_secret(), concurrency=8)


# --- claiming ---


def _claims(*, quick: bool) -> Result:
    """Claim from a file with much in it, and from one with little, in turn."""
    much = 20_000 if quick else 1_000_000

    with (
        tempfile.TemporaryDirectory(dir=in_memory()) as directory,
        waiting(Path(directory) / "much.db", much) as full,
        waiting(Path(directory) / "little.db", 1000) as light,
    ):
        found = race({"much": claiming(full), "little": claiming(light)}, quick=quick)
        size = (Path(directory) / "much.db").stat().st_size
        result = found.result(CLAIM, "much", "little", 3)

    where = f"SQLite, {size / 2**20:.0f} MiB in {in_memory() or tempfile.gettempdir()}"
    return attrs.evolve(result, note=f"{result.note}; {much} in {where}")


if __name__ == "__main__":
    measured = anyio.run(_emit_both, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(attrs.asdict(measured)))
