"""Locks that end with the process that holds them, however it ends."""

# We use flock(2): it belongs to the open file, so two outboxes in one process are apart
# as two processes are, and closing another file of the same name does not release it.

from __future__ import annotations

__all__ = ("FileLock",)

import contextlib
import os
import sys
from pathlib import Path
from typing import Self

from upcall.webhooks._proto.errors import OutboxError

if sys.platform != "win32":
    import fcntl


class FileLock:
    """A lock on a file beside the database. Made by `take`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path, *, shared: bool = False) -> Self | None:
        """Take the lock, or return None if somebody has it. Never waits.

        Args:
            path: the file; made, readable by its owner alone, if it is not there.
            shared: whether others may hold it too, shared as well.

        Raises:
            OutboxError: if the file cannot be opened, or the system has no such locks.
        """
        if sys.platform == "win32":
            raise OutboxError(
                "SQLite outboxes in files need the file locks of POSIX systems: use "
                "'sqlite://' (in memory) here"
            )

        descriptor = _open(path)

        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise OutboxError(
                f"{path} cannot be locked ({error.strerror}): put the outbox on a "
                "local file system"
            ) from error

        return cls(path, descriptor)

    def release(self, *, remove: bool = False) -> None:
        """Release the lock, and remove its file if it is of no more use."""
        if remove:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

        os.close(self._descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutboxError(
            f"{path} cannot be opened ({error.strerror}): the directory of the outbox "
            "must exist, and this process must be allowed to write in it"
        ) from error
