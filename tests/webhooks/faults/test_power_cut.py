"""What a loss of power leaves: what was accepted is on the disk.

A small library, loaded into the processes, remembers every file as it was when it was
last synchronised. The processes are killed, the files put back, and what was accepted
is looked for. The same without `synchronous=FULL` shows that it can be missing.
"""

from __future__ import annotations

__all__ = ()

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.webhooks.faults.crew import ROUNDS, Crew, count, open_store, stored_ids

from upcall.webhooks.outbox.sqlite import Processes

CUTS = max(2, ROUNDS // 2)

pytestmark = [
    pytest.mark.skipif(
        not sys.platform.startswith("linux"),
        reason="the library that remembers files is written for Linux",
    ),
    pytest.mark.timeout(300 + 30 * CUTS),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the library."""
    compiler = shutil.which("cc")

    if compiler is None:
        pytest.skip("there is no C compiler (cc) to make a loss of power with")

    source = Path(__file__).with_name("powercut.c")
    output = tmp_path_factory.mktemp("powercut") / "powercut.so"
    files = [str(output), str(source)]
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", *files, "-ldl"]
    subprocess.run(command, check=True, timeout=120)
    return output


class Disk:
    """A directory with an outbox, and the same as it is on the disk."""

    def __init__(self, root: Path, library: Path) -> None:
        self.directory = root / "seen"
        self.kept = root / "kept"
        self.journals = root / "journals"
        self.path = self.directory / "outbox.db"
        self.environment = {
            "LD_PRELOAD": str(library),
            "POWERCUT_DIR": str(self.directory),
            "POWERCUT_KEPT": str(self.kept),
        }

        for each in (self.directory, self.kept, self.journals):
            each.mkdir()

    def crew(self, processes: Processes) -> Crew:
        """Make a crew that works on it."""
        return Crew(
            self.journals,
            f"sqlite:///{self.path}",
            processes=processes,
            environment=self.environment,
        )

    def cut(self) -> None:
        """Lose all that was not synchronised."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()

        for path in self.kept.glob("outbox.db*"):
            if not path.suffix[1:].isdigit():  # one that was being written
                shutil.copyfile(path, self.directory / path.name)


@pytest.fixture
def disk(tmp_path: Path, library: Path) -> Iterator[Disk]:
    """Give a disk; it must have been one that remembers."""
    disk = Disk(tmp_path, library)
    yield disk
    assert (disk.kept / "outbox.db").exists(), "nothing was synchronised"


@pytest.mark.parametrize("processes", ["many", "one"])
def test_what_was_accepted_survives(disk: Disk, processes: Processes) -> None:
    """Power is cut at random points; all that was accepted is delivered after it."""
    dice = Random()

    with disk.crew(processes) as crew:
        for number in range(CUTS):
            role = "both" if processes == "one" or number % 2 else "store"
            living = [crew.start(role)]

            if processes == "many":
                living.append(crew.start("work"))

            crew.grow("accepted", dice.randrange(1, 150))
            crew.kill(*living)
            disk.cut()

        crew.drain()
        figures = count(crew)
        print(f"{CUTS} cuts, {processes}: {figures}")  # noqa: T201


@pytest.mark.parametrize(("synchronous", "loses"), [("FULL", False), ("NORMAL", True)])
@pytest.mark.parametrize("processes", ["many", "one"])
def test_less_than_full_loses_what_was_accepted(
    disk: Disk, processes: Processes, synchronous: str, loses: bool
) -> None:
    """The last commit of an emitter is on the disk, or only seems to be."""
    with disk.crew(processes) as crew:
        child = crew.start("store", limit=10, synchronous=synchronous)
        crew.grow("accepted", 50)
        crew.kill(child)
        disk.cut()
        accepted = {key for (key,) in crew.lines("accepted")}

    with open_store(f"sqlite:///{disk.path}", processes) as store:
        lost = accepted - set(stored_ids(store))

    print(f"{processes}, {synchronous}: {len(lost)} of {len(accepted)}")  # noqa: T201
    assert bool(lost) is loses
