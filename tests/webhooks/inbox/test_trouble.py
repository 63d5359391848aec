"""A store in trouble, and what makes no sense."""

from __future__ import annotations

__all__ = ()

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.webhooks.inbox.stored import Stored
from tests.webhooks.signed import GITHUB

from upcall import Bus
from upcall.errors import OptionError
from upcall.webhooks import Bridge, Outbox
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.receiver import Receiver, Source

# --- the store in trouble ---


async def test_a_store_that_cannot_write_is_503(tmp_path: Path) -> None:
    """The sender comes again; nothing was taken, and then it is."""
    stored = Stored(f"sqlite:///{tmp_path}/inbox.db")

    async with stored.bus, stored.receiver:
        with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
            connection.execute(
                "CREATE TRIGGER no BEFORE INSERT ON upcall_request "
                "BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
            failed = await stored.post()
            connection.execute("DROP TRIGGER no")

        again = await stored.post()
        await stored.in_state("delivered")

    assert (failed.status, failed.headers["retry-after"]) == (503, "10")
    assert b"room" not in failed.body
    assert again.status == 202
    assert len(stored.heard) == 1


async def test_a_store_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    """Bare, with what to do."""
    stored = Stored(f"sqlite:///{tmp_path}/missing/inbox.db")

    async with stored.bus:
        with pytest.raises(OutboxError, match="must exist"):
            async with stored.receiver:
                pass


# --- with a bridge, and what makes no sense ---


async def test_a_bridge_may_have_the_same_outbox(tmp_path: Path) -> None:
    """What comes in goes out, from one file."""
    outbox = Outbox(f"sqlite:///{tmp_path}/both.db")
    stored = Stored(outbox)

    async with (
        stored.bus,
        Bridge(stored.bus, outbox, deliver=False),
        stored.receiver,
    ):
        await stored.post()
        await stored.in_state("delivered")

    assert stored.heard == [{"n": 1}]


async def test_without_a_store_there_is_nothing_to_look_at() -> None:
    """And it says what to give."""
    receiver = Receiver(Bus(), [Source("/github", scheme="github", secret=GITHUB)])

    async with receiver:
        with pytest.raises(OutboxError, match="give it a store="):
            await receiver.requests()


async def test_done_needs_no_store_and_uses_none(tmp_path: Path) -> None:
    """It answers after the callbacks, whatever else is given."""
    stored = Stored(f"sqlite:///{tmp_path}/inbox.db", answer="done")
    stored.fails = True

    async with stored.receiver:
        answered = await stored.post()

    assert answered.status == 500
    assert not (tmp_path / "inbox.db").exists()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"answer": "stored"}, "give store="),
        ({"answer": "later"}, "answer='later' is unknown"),
        ({"store": 5}, "give a database URL"),
        ({"store": "sqlite://", "slots": 0}, "slots=0"),
        ({"store": "sqlite://", "schedule": []}, "a schedule of 0 delays"),
        ({"store": "sqlite://", "clock": 5}, "clock=5"),
    ],
)
def test_what_makes_no_sense_is_refused_early(
    options: dict[str, Any], match: str
) -> None:
    """With what to do."""
    source = Source("/github", scheme="github", secret=GITHUB)

    with pytest.raises(OptionError, match=match):
        Receiver(Bus(), [source], **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"state": "done"}, "give one of"),
        ({"limit": 0}, "limit=0"),
        ({"before": "yesterday"}, "the number of one"),
    ],
)
async def test_what_cannot_be_looked_for_is_told(
    options: dict[str, Any], match: str
) -> None:
    """With what can be."""
    stored = Stored()

    async with stored.bus, stored.receiver:
        with pytest.raises(OptionError, match=match):
            await stored.receiver.requests(**options)
