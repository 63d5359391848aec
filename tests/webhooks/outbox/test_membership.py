"""Checks of a worker's place on the list."""

from __future__ import annotations

__all__ = ()

import sqlite3
from pathlib import Path

from upcall.testing import ManualClock
from upcall.webhooks import Outbox
from upcall.webhooks.outbox.membership import Membership


async def test_who_was_struck_off_enters_anew_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    """Under another number; the lock file of the old one is gone."""
    path = tmp_path / "outbox.db"
    outbox = Outbox(f"sqlite:///{path}")
    await outbox.open()
    member = Membership(outbox, clock=ManualClock(), lost=lambda: None)

    try:
        await member.enter()
        first = member.number
        await member.confirm()
        assert member.number == first

        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM upcall_worker")

        connection.close()
        await member.confirm()
        assert member.number != first
        assert locks_in(tmp_path) == [f"outbox.db-worker-{member.number}"]
        await member.leave()
        assert locks_in(tmp_path) == []
    finally:
        await outbox.close()


def locks_in(directory: Path) -> list[str]:
    """Return the names of the workers' lock files."""
    return [found.name for found in directory.glob("*-worker-*")]
