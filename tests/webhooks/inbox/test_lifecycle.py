"""When a receiver with a store is open: by hand, by its host, by its first request."""

from __future__ import annotations

__all__ = ()

import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.webhooks.asgi import lifespan
from tests.webhooks.inbox.stored import Stored, until

from upcall import Bus
from upcall.webhooks import Outbox
from upcall.webhooks._proto.errors import OutboxError


def is_open(outbox: Outbox) -> bool:
    """Tell whether somebody uses it."""
    return "open>" in repr(outbox)


# --- by hand ---


async def test_it_is_open_while_its_block_runs(file_url: str) -> None:
    """And may be opened again, like a bus."""
    outbox = Outbox(file_url)
    stored = Stored(outbox)

    for number in (1, 2):
        async with stored.bus, stored.receiver as receiver:
            assert receiver is stored.receiver
            assert is_open(outbox)
            assert (await stored.post(guid=f"g{number}")).status == 202
            await stored.in_state("delivered", number)

        assert not is_open(outbox)

    assert len(stored.heard) == 2


async def test_opened_twice_it_is_open_until_the_outer_end(file_url: str) -> None:
    """An application opens it, and the host's lifespan reaches it too."""
    outbox = Outbox(file_url)
    stored = Stored(outbox)

    async with stored.bus, stored.receiver:
        assert (await lifespan(stored.receiver))[-1] == "lifespan.shutdown.complete"
        assert is_open(outbox)
        assert (await stored.post()).status == 202

    assert not is_open(outbox)


async def test_after_its_block_it_takes_nothing(file_url: str) -> None:
    """Who opened it by hand has said when it ends: senders come again."""
    stored = Stored(file_url)

    async with stored.bus, stored.receiver:
        pass

    answered = await stored.post()

    assert (answered.status, answered.headers["retry-after"]) == (503, "10")

    with pytest.raises(OutboxError, match="the receiver is closed: open it again"):
        await stored.receiver.requests()


async def test_while_it_is_left_it_takes_nothing(file_url: str) -> None:
    """What is being emitted finishes; what comes then comes again."""
    stored = Stored(file_url)
    stored.go_on = anyio.Event()
    statuses: list[int] = []

    async def late() -> None:
        await anyio.wait_all_tasks_blocked()
        statuses.append((await stored.post(guid="late")).status)
        stored.go_on.set()

    async with stored.bus, anyio.create_task_group() as group, stored.receiver:
        await stored.post()

        while not stored.heard:
            await anyio.lowlevel.checkpoint()

        group.start_soon(late)

    assert statuses == [503]
    assert len(stored.heard) == 1


async def test_an_error_of_the_block_comes_out_bare(file_url: str) -> None:
    """Without waiting for callbacks."""
    stored = Stored(file_url)
    stored.go_on = anyio.Event()

    with pytest.raises(ZeroDivisionError):
        async with stored.receiver:
            await stored.post()

            while not stored.heard:
                await anyio.lowlevel.checkpoint()

            raise ZeroDivisionError


async def test_what_waits_is_emitted_when_it_is_opened(file_url: str) -> None:
    """Without any request."""
    first = Stored(file_url, schedule=[1.0])

    async with first.bus, first.receiver:
        await first.post()

    second = Stored(file_url)
    second.clock.advance(1)

    async with second.bus, second.receiver:
        await second.in_state("delivered")

    assert (first.heard, second.heard) == ([], [{"n": 1}])


# --- by the host ---


def hosted(
    stored: Stored, during: Callable[[], Awaitable[None]]
) -> tuple[Callable[[], Awaitable[None]], list[dict[str, Any]]]:
    """Make a host that sends a lifespan, and does something in between."""
    sent: list[dict[str, Any]] = []
    steps = iter(["startup", "shutdown"])

    async def receive() -> dict[str, Any]:
        step = next(steps)

        if step == "shutdown":
            await during()

        return {"type": f"lifespan.{step}"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def host() -> None:
        await stored.receiver({"type": "lifespan"}, receive, send)

    return host, sent


async def test_the_lifespan_opens_and_closes_it(file_url: str) -> None:
    """As a block does."""
    outbox = Outbox(file_url)
    stored = Stored(outbox)
    opened: list[bool] = []

    async def during() -> None:
        opened.append(is_open(outbox))
        await stored.post()
        await stored.in_state("delivered")

    host, sent = hosted(stored, during)
    await host()

    assert opened == [True]
    assert [each["type"] for each in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert not is_open(outbox)


async def test_a_start_that_fails_is_told_to_the_host(tmp_path: Path) -> None:
    """It ends then, with the reason."""
    stored = Stored(f"sqlite:///{tmp_path}/missing/inbox.db")

    async def during() -> None:
        raise AssertionError("it has not started")

    host, sent = hosted(stored, during)
    await host()

    (failed,) = sent
    assert failed["type"] == "lifespan.startup.failed"
    assert "must exist" in failed["message"]


# --- by its first request ---


async def test_the_first_request_opens_it_where_nobody_else_does(
    file_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, however many come at once; and it says so."""
    stored = Stored(file_url)
    statuses: list[int] = []

    async def post(number: int) -> None:
        statuses.append((await stored.post(guid=f"g{number}")).status)

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(post, number)

    await stored.in_state("delivered", 10)

    assert statuses == [202] * 10
    assert len(stored.heard) == 10
    assert caplog.text.count("the inbox was opened by its first request") == 1


async def test_a_block_may_follow_the_first_request(file_url: str) -> None:
    """It is open already, and stays so."""
    stored = Stored(file_url)
    await stored.post(guid="g1")

    async with stored.receiver:
        await stored.post(guid="g2")

    await stored.post(guid="g3")
    await stored.in_state("delivered", 3)


async def test_an_open_bus_can_be_left_and_drained(file_url: str) -> None:
    """Its work belongs to the loop, so that no bus waits for it."""
    stored = Stored(file_url)

    with anyio.fail_after(20):
        async with stored.bus:
            await stored.post()
            await stored.in_state("delivered")
            await stored.bus.drain()


async def test_what_cannot_be_opened_is_503_and_tried_again(tmp_path: Path) -> None:
    """By the next request."""
    stored = Stored(f"sqlite:///{tmp_path}/later/inbox.db")
    first = await stored.post()
    (tmp_path / "later").mkdir()
    second = await stored.post()

    assert (first.status, second.status) == (503, 202)
    await stored.in_state("delivered")


def test_each_loop_opens_it_anew(file_url: str, anyio_backend: tuple[str, Any]) -> None:
    """As test clients do: a loop for each request."""
    outbox = Outbox(file_url)
    stored = Stored(outbox, clock=None)
    name, options = anyio_backend

    async def post(number: int) -> None:
        assert (await stored.post(guid=f"g{number}")).status in {202, 401}
        await until(lambda: _heard(stored, number))

    for number in (1, 2, 3):
        anyio.run(post, number, backend=name, backend_options=options)
        gc.collect()
        assert not is_open(outbox)


async def _heard(stored: Stored, number: int) -> bool:
    await anyio.lowlevel.checkpoint()
    return len(stored.heard) >= number


async def test_it_needs_no_open_bus(file_url: str) -> None:
    """`aemit` needs none, and neither does it."""
    stored = Stored(file_url, bus=Bus())

    async with stored.receiver:
        await stored.post()
        await stored.in_state("delivered")

    assert stored.heard == [{"n": 1}]
