"""A disk that is full: what was refused is not stored, all else is, and it goes on."""

from __future__ import annotations

__all__ = ()

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.webhooks.bridges import opened
from tests.webhooks.faults.crew import Crew, open_store, stored_ids
from tests.webhooks.outbox.conformance.verbs import do

from upcall import Bus
from upcall.webhooks import Outbox, OutboxError
from upcall.webhooks.outbox.sqlite import SqliteStore

SIZE = 5000

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="disks are of POSIX here"),
    pytest.mark.timeout(300),
]


class Emitter:
    """Emits large events and remembers what became of them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._number = 0
        self.accepted: set[str] = set()
        self.refused: list[str] = []

    async def emit(self) -> bool:
        """Emit one; tell whether it was accepted."""
        self._number += 1
        key = f"m{self._number}"

        try:
            await self._bus.aemit("order.paid", "x" * SIZE, id=key)
        except OutboxError as error:
            self.refused.append(str(error))
            return False

        self.accepted.add(key)
        return True

    async def emit_at_once(self, number: int) -> None:
        """Emit so many, of which some share a commit."""
        async with anyio.create_task_group() as group:
            for _ in range(number):
                group.start_soon(self.emit)

    async def fill(self) -> None:
        """Emit until one is refused."""
        for _ in range(3000):
            if not await self.emit():
                return

        raise AssertionError("there is room without end")


def check(path: Path, accepted: set[str]) -> None:
    """See that the file is whole, and has what was accepted and nothing else."""
    with open_store(f"sqlite:///{path}") as store:
        assert set(stored_ids(store)) == accepted
        assert do(store, store.check, now=time.time()) == []


async def test_pages_that_run_out(tmp_path: Path) -> None:
    """SQLITE_FULL: by a limit of SQLite's own."""
    path = tmp_path / "outbox.db"
    outbox = Outbox(f"sqlite:///{path}")

    async with opened(outbox=outbox, deliver=False) as (bus, _):
        emitter = Emitter(bus)
        await emitter.emit()
        await set_most_pages(outbox, 150)
        await emitter.fill()
        await emitter.emit_at_once(20)
        refused = len(emitter.refused)
        await set_most_pages(outbox, 100_000)
        await emitter.emit_at_once(20)

    assert len(emitter.refused) == refused
    assert all("has no room left" in text for text in emitter.refused)
    assert len(emitter.accepted) > 20
    check(path, emitter.accepted)


async def set_most_pages(outbox: Outbox, number: int) -> None:
    """Let the file have so many pages."""
    store = outbox.store
    assert isinstance(store, SqliteStore)
    limit = f"PRAGMA max_page_count = {number}"
    await outbox.writer.perform(lambda: store._driver().execute(limit).fetchall())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 2 MB; only root may."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]

    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk cannot be mounted here: that needs root")

    yield disk
    subprocess.run(["umount", str(disk)], check=True, timeout=60)


async def test_disk_that_runs_out(small_disk: Path) -> None:
    """It is as full as can be; then something else on it is deleted."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    path = small_disk / "outbox.db"

    async with opened(outbox=f"sqlite:///{path}", deliver=False) as (bus, _):
        emitter = Emitter(bus)
        await emitter.fill()
        await emitter.emit_at_once(20)
        refused = len(emitter.refused)
        ballast.unlink()
        await emitter.emit_at_once(20)

    assert len(emitter.refused) == refused
    assert len(emitter.accepted) > 20
    check(path, emitter.accepted)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_files_that_may_not_grow(tmp_path: Path, loop: str) -> None:
    """An error of writing (SQLITE_IOERR): by RLIMIT_FSIZE, in a process of its own."""
    path = tmp_path / "outbox.db"

    with Crew(tmp_path, f"sqlite:///{path}") as crew:
        crew.wait(
            crew.start("fill", loop=loop, most_bytes=os.sysconf("SC_PAGESIZE") * 150)
        )
        accepted = {key for (key,) in crew.lines("accepted")}

    assert len(accepted) > 150
    check(path, accepted)
