"""Checks of locks that end with their process."""

from __future__ import annotations

__all__ = ()

import fcntl
from pathlib import Path

import pytest

from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.outbox.locks import FileLock


def test_lock_is_held_by_one(tmp_path: Path) -> None:
    """Until it is released; two of one process are apart, too."""
    path = tmp_path / "lock"
    lock = FileLock.take(path)

    assert lock is not None
    assert FileLock.take(path) is None
    assert FileLock.take(path, shared=True) is None
    lock.release()
    again = FileLock.take(path)
    assert again is not None
    again.release()


def test_shared_lock_is_held_by_many(tmp_path: Path) -> None:
    """And keeps out whoever wants it alone."""
    path = tmp_path / "lock"
    locks = [FileLock.take(path, shared=True) for _ in range(2)]

    assert FileLock.take(path) is None

    for lock in locks:
        assert lock is not None
        lock.release()

    alone = FileLock.take(path)
    assert alone is not None
    alone.release()


def test_file_is_removed_when_it_is_of_no_more_use(tmp_path: Path) -> None:
    """Even if somebody else was faster."""
    path = tmp_path / "lock"
    one, two = FileLock.take(path), FileLock.take(tmp_path / "other")
    assert one is not None
    assert two is not None

    one.release(remove=True)
    (tmp_path / "other").unlink()
    two.release(remove=True)

    assert list(tmp_path.iterdir()) == []


def test_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some network file systems are."""

    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    before = open_files()

    with pytest.raises(OutboxError, match=r"cannot be locked .*local file system"):
        FileLock.take(tmp_path / "lock")

    assert open_files() == before


def open_files() -> int:
    """Count the files that this process has open, where the system tells."""
    found = Path("/proc/self/fd")
    return len(list(found.iterdir())) if found.is_dir() else 0
