"""What becomes of a stored request that is given up, and who hears of it."""

from __future__ import annotations

__all__ = ()

from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.webhooks.inbox.stored import Stored, until

from upcall.webhooks import Dead
from upcall.webhooks._proto.delivery import State


async def test_the_bus_hears_of_what_is_dead(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, when it is on record; sync and async callbacks."""
    stored = Stored(url, schedule=[0, 5])
    stored.fails = True
    told: list[Dead] = []

    async def tell(dead: Dead) -> None:
        await anyio.lowlevel.checkpoint()
        told.append(dead)

    stored.bus.on("webhook.dead", told.append)
    stored.bus.on("webhook.dead", tell)

    async with stored.bus, stored.receiver:
        await stored.post()
        await stored.failed()
        assert told == []
        await stored.advance(5)
        (dead,) = await stored.in_state("dead")
        await until(partial(has, told, 2))

    assert told == [told[0]] * 2
    assert told[0] == Dead(
        source="github",
        event="github.push",
        envelope=dead.envelope,
        request=dead.id,
        attempts=2,
        reason=dead.reason or "",
    )
    assert caplog.text.count("webhook given up: event github.push") == 1


async def has(things: list[Any], number: int) -> bool:
    """Tell whether there are so many of them."""
    await anyio.lowlevel.checkpoint()
    return len(things) >= number


async def test_the_bus_hears_of_what_no_attempt_is_left_for(file_url: str) -> None:
    """The last attempt was interrupted: nobody knows what it would have come to."""
    stored = Stored(file_url, schedule=[0])
    stored.go_on = anyio.Event()
    told: list[Dead] = []
    stored.bus.on("webhook.dead", told.append)

    async with anyio.create_task_group() as group, stored.receiver:
        await stored.post()

        while not stored.heard:
            await anyio.lowlevel.checkpoint()

        group.cancel_scope.cancel()

    (dead,) = told
    assert (dead.event, dead.envelope, dead.attempts) == (
        "github.push",
        stored.ids[0],
        1,
    )
    assert "no attempt left of 1" in dead.reason


async def test_who_fails_to_hear_of_it_ends_nothing() -> None:
    """What it raised goes to ``on_error``, as everything that has no caller."""
    stored = Stored(schedule=[0])
    stored.fails = True

    def fail(_: Dead) -> None:
        raise ZeroDivisionError

    stored.bus.on("webhook.dead", fail)

    async with stored.bus, stored.receiver:
        await stored.post()
        await stored.in_state("dead")
        await until(partial(has, stored.failures, 2))
        stored.fails = False
        await stored.post(guid="another")
        await stored.in_state("delivered")

    of_callback, of_news = stored.failures
    assert isinstance(of_callback, ExceptionGroup)
    assert of_callback.subgroup(ValueError) is not None
    assert isinstance(of_news, ExceptionGroup)
    assert of_news.subgroup(ZeroDivisionError) is not None


# --- sent again ---


async def test_what_is_dead_and_comes_again_waits_again(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its sender was asked to send it again: somebody wants it tried once more."""
    caplog.set_level("INFO", "upcall")
    stored = Stored(url, schedule=[0])
    stored.fails = True

    async with stored.bus, stored.receiver:
        await stored.post()
        (dead,) = await stored.in_state("dead")
        stored.fails = False
        assert (await stored.post()).status == 202
        (delivered,) = await stored.in_state("delivered")
        attempts = await stored.receiver.attempts(dead)
        assert (await stored.post()).status == 202
        assert len(await stored.receiver.requests(state=State.DELIVERED)) == 1

    assert delivered.id == dead.id
    assert (delivered.attempts, delivered.reason) == (2, None)
    assert [each.error is None for each in attempts] == [False, True]
    assert len(set(stored.ids)) == 1
    assert len(stored.ids) == 2
    assert caplog.text.count("it was dead, and its sender sent it again") == 1


async def test_it_has_its_whole_schedule_again() -> None:
    """And is as dead as before when that has ended."""
    stored = Stored(schedule=[0, 5])
    stored.fails = True
    told: list[Dead] = []
    stored.bus.on("webhook.dead", told.append)

    async with stored.bus, stored.receiver:
        for number in (1, 2):
            await stored.post()
            found = await stored.failed()
            assert found.attempts == 2 * number - 1
            await stored.advance(5)
            await until(partial(has, told, number))

    assert [dead.attempts for dead in told] == [2, 4]


# --- an id that comes with other content ---


async def test_an_id_that_comes_with_other_content_is_told(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was signed decides: it is an event of its own; the log is told, once."""
    stored = Stored(url)

    async with stored.bus, stored.receiver:
        for body in (b'{"n":1}', b'{"n":2}', b'{"n":2}', b'{"n":1}'):
            assert (await stored.post(body)).status == 202

        await stored.post(b'{"n":3}', guid="another")
        await stored.in_state("delivered", 3)

    (warning,) = (each for each in caplog.records if "other content" in each.message)
    assert warning.levelname == "WARNING"
    assert "its sender's id 'guid-1' came before" in warning.message
    assert vars(warning)["upcall_sender_id"] == "guid-1"
    assert sorted(each["n"] for each in stored.heard) == [1, 2, 3]
