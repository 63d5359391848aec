"""What becomes of an emission that fails, or is interrupted."""

from __future__ import annotations

__all__ = ()

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.webhooks.inbox.stored import Stored, until
from tests.webhooks.signed import NOW

from upcall import Bus
from upcall.webhooks import Outbox
from upcall.webhooks._proto.delivery import State
from upcall.webhooks._receive.failure import told


async def test_a_failure_is_tried_again_with_the_same_id(url: str) -> None:
    """By the schedule; what was raised is on record, and goes to ``on_error``."""
    stored = Stored(url)
    stored.fails = True

    async with stored.bus, stored.receiver:
        await stored.post()
        found = await stored.failed()
        stored.fails = False
        await stored.advance(4)
        assert len(stored.heard) == 1
        await stored.advance(1)
        await stored.in_state("delivered")
        first, second = await stored.receiver.attempts(found)

    assert len(set(stored.ids)) == 1
    assert stored.heard == [{"n": 1}] * 2
    assert found.due.timestamp() == NOW + 5
    assert "ValueError: it is told to fail" in (found.reason or "")
    assert first.error == found.reason
    assert "Stored.hear" in (first.error or "")
    assert second.error is None
    assert len(stored.failures) == 1


async def test_the_end_of_the_schedule_is_dead_and_can_be_replayed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is told aloud; a replay has the whole schedule again."""
    stored = Stored(schedule=[0, 5])
    stored.fails = True

    async with stored.bus, stored.receiver:
        await stored.post()
        await stored.failed()
        await stored.advance(5)
        (dead,) = await stored.in_state("dead")
        stored.fails = False
        made = await stored.receiver.replay(dead)
        await stored.in_state("delivered")
        attempts = await stored.receiver.attempts(dead.id)

    assert (made.id, made.state) == (dead.id, State.WAITING)
    assert [each.error is None for each in attempts] == [False, False, True]
    assert len(set(stored.ids)) == 1
    assert "webhook given up: event github.push" in caplog.text


async def test_what_was_being_emitted_is_made_again_later(tmp_path: Path) -> None:
    """A receiver that is cancelled leaves it to the next one, and loses nothing."""
    url = f"sqlite:///{tmp_path}/inbox.db"
    first = Stored(url)
    first.go_on = anyio.Event()

    async with anyio.create_task_group() as group, first.bus, first.receiver:
        await first.post()

        while not first.heard:
            await anyio.lowlevel.checkpoint()

        group.cancel_scope.cancel()

    second = Stored(url)

    async with second.bus, second.receiver:
        (found,) = await second.receiver.requests()
        assert found.state is State.WAITING
        await second.advance(5)
        (found,) = await second.in_state("delivered")

    assert second.ids == first.ids == [found.envelope]
    assert found.attempts == 2


async def test_a_callback_may_take_long(file_url: str) -> None:
    """Its lease is renewed for as long as its worker lives."""
    stored = Stored(file_url)
    stored.go_on = anyio.Event()

    async with stored.bus, stored.receiver:
        await stored.post()

        for _ in range(50):
            await stored.advance(2)

        assert len(stored.heard) == 1
        stored.go_on.set()
        (found,) = await stored.in_state("delivered")

    assert found.attempts == 1


async def test_an_outcome_that_is_not_written_is_made_up_for(tmp_path: Path) -> None:
    """The store failed just then: the lease ends, though the worker lives."""
    stored = Stored(f"sqlite:///{tmp_path}/inbox.db")

    async with stored.bus, stored.receiver:
        with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
            connection.execute(
                "CREATE TRIGGER no BEFORE INSERT ON upcall_request_attempt "
                "BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
            await stored.post()
            await until(partial(_has, stored.failures))
            connection.execute("DROP TRIGGER no")

        for _ in range(40):
            await stored.advance(2)

        (found,) = await stored.in_state("delivered")

    assert (found.attempts, len(stored.heard)) == (2, 2)


async def _has(things: list[Any]) -> bool:
    await anyio.lowlevel.checkpoint()
    return bool(things)


async def test_what_is_long_over_is_forgotten(file_url: str) -> None:
    """When neither the record nor the id need be kept: three days, with GitHub."""
    stored = Stored(Outbox(file_url, keep=60))
    days = 24 * 3600.0

    async with stored.bus, stored.receiver:
        await stored.post()
        await stored.in_state("delivered")
        await stored.advance(3 * days - 200)
        await stored.advance(100)
        assert len(await stored.receiver.requests()) == 1
        await stored.advance(200)

        async def gone() -> bool:
            return not await stored.receiver.requests()

        await until(gone)
        assert (await stored.post()).status == 202
        await stored.in_state("delivered")

    assert len(stored.heard) == 2


async def test_leaving_waits_for_what_is_being_emitted() -> None:
    """As the bus does, as long as its ``grace`` lets it."""
    stored = Stored()
    stored.go_on = anyio.Event()
    ended: list[str] = []

    async def end(_: object) -> None:
        await anyio.wait_all_tasks_blocked()
        ended.append("callback")

    stored.bus.on("github.push", end)

    async with stored.bus:
        async with stored.receiver:
            await stored.post()

            while not stored.heard:
                await anyio.lowlevel.checkpoint()

            stored.go_on.set()

        ended.append("receiver")

    assert ended == ["callback", "receiver"]


async def test_grace_of_the_bus_bounds_leaving(tmp_path: Path) -> None:
    """What is cancelled then is made again, by whoever is next."""
    url = f"sqlite:///{tmp_path}/inbox.db"
    stored = Stored(url, bus=Bus(grace=0.0))
    stored.go_on = anyio.Event()

    async with stored.bus, stored.receiver:
        await stored.post()

        while not stored.heard:
            await anyio.lowlevel.checkpoint()

    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        states = connection.execute("SELECT state FROM upcall_request").fetchall()

    assert states == [("waiting",)]


async def test_no_more_are_emitted_at_once_than_there_are_slots() -> None:
    """With one, they are emitted one after the other."""
    stored = Stored(slots=1)
    running: list[int] = [0, 0]

    async def count(_: object) -> None:
        running[0] += 1
        running[1] = max(running)
        await anyio.lowlevel.checkpoint()
        running[0] -= 1

    stored.bus.on("**", count)

    async with stored.bus, stored.receiver:
        for number in range(5):
            await stored.post(guid=f"g{number}")

        await stored.in_state("delivered", 5)

    assert running == [0, 1]


def test_failures_fit_on_record() -> None:
    """Each with its callback; not without end."""
    error = ValueError("x" * 5000)
    group = ExceptionGroup("several", [KeyError("k"), ExceptionGroup("more", [error])])
    error.add_note("in callback f")

    text = told(group)

    assert text.startswith("KeyError: 'k'\nValueError: xxx")
    assert len(text) == 4001


class UntellableError(Exception):
    """An error that fails when it is to say what it is."""

    def __str__(self) -> str:
        raise KeyError


def test_failure_without_words_fits_on_record_too() -> None:
    """Errors of strangers end no worker."""
    assert told(UntellableError()) == "UntellableError, whose text is a KeyError"
