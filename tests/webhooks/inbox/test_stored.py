"""A receiver with a store: what it answers for is on disk, and is emitted."""

from __future__ import annotations

__all__ = ()

import json
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from tests.webhooks.asgi import request
from tests.webhooks.inbox.stored import Stored
from tests.webhooks.signed import GITHUB, github, standard

from upcall import event
from upcall.webhooks import Outbox
from upcall.webhooks.receiver import Source

# --- taken, and emitted ---


async def test_it_answers_before_the_callbacks_and_calls_them(url: str) -> None:
    """What is answered is on disk, as it came; then it is heard."""
    stored = Stored(url)
    stored.go_on = anyio.Event()

    async with stored.bus, stored.receiver:
        answered = await stored.post()
        (found,) = await stored.receiver.requests()
        stored.go_on.set()
        (delivered,) = await stored.in_state("delivered")

    assert answered.status == 202
    assert (found.event, found.source, found.sender_id) == (
        "github.push",
        "github",
        "guid-1",
    )
    assert (found.body, found.size) == (b'{"n":1}', 7)
    assert stored.heard == [{"n": 1}]
    assert stored.ids == [found.envelope]
    assert delivered.attempts == 1


async def test_nothing_secret_is_stored(tmp_path: Path) -> None:
    """Neither a signature nor a token nor a cookie: only what is needed to read it."""
    stored = Stored(f"sqlite:///{tmp_path}/inbox.db")
    body = b'{"n":1}'
    headers = github(body) | {"Authorization": "Bearer hidden", "Cookie": "a=hidden"}

    async with stored.bus, stored.receiver:
        await request(stored.receiver, "/github", body, headers=headers)
        (found,) = await stored.in_state("delivered")

    assert {name for name, _ in found.headers} == {
        "content-type",
        "x-github-event",
        "x-github-delivery",
    }
    written = (tmp_path / "inbox.db").read_bytes()
    signature = headers["X-Hub-Signature-256"].removeprefix("sha256=")
    assert b"hidden" not in written
    assert signature.encode() not in written
    assert GITHUB.encode() not in written


async def test_100_copies_at_once_make_one_emission(url: str) -> None:
    """All are answered alike."""
    stored = Stored(url)
    statuses: list[int] = []

    async def post() -> None:
        statuses.append((await stored.post()).status)

    async with stored.bus, stored.receiver:
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(post)

        await stored.in_state("delivered")
        assert (await stored.post()).status == 202
        assert len(await stored.receiver.requests()) == 1

    assert statuses == [202] * 100
    assert stored.heard == [{"n": 1}]


async def test_many_requests_share_commits(tmp_path: Path) -> None:
    """100 senders at once do not wait for 100 commits."""
    outbox = Outbox(f"sqlite:///{tmp_path}/inbox.db")
    stored = Stored(outbox)

    async with stored.bus, stored.receiver:
        before = outbox.writer.commits

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(partial(stored.post, guid=f"g{number}"))

        assert outbox.writer.commits - before <= 20
        await stored.in_state("delivered", 100)

    assert len(set(stored.ids)) == 100


async def test_what_is_forged_is_neither_answered_nor_stored() -> None:
    """And does not take the place of the honest one."""
    stored = Stored()
    headers = github(b"{}", secret="another")

    async with stored.bus, stored.receiver:
        forged = await request(stored.receiver, "/github", b"{}", headers=headers)
        assert await stored.receiver.requests() == []
        assert (await stored.post(b"{}")).status == 202

    assert forged.status == 401


async def test_a_replay_is_taken_and_on_record() -> None:
    """GitHub signs no id, and two honest events may be equal."""
    stored = Stored()

    async with stored.bus, stored.receiver:
        statuses = [(await stored.post(guid=guid)).status for guid in "aba"]
        found = await stored.in_state("delivered", 2)

    assert statuses == [202] * 3
    assert {each.sender_id: each.replayed for each in found} == {"a": False, "b": True}


async def test_a_replay_can_be_refused() -> None:
    """Its own copies stay welcome."""
    source = Source("/github", scheme="github", secret=GITHUB, replays="refuse")
    stored = Stored(given=[source])

    async with stored.bus, stored.receiver:
        statuses = [(await stored.post(guid=guid)).status for guid in "aba"]
        found = await stored.in_state("delivered")

    assert statuses == [202, 401, 202]
    assert len(found) == 1


async def test_an_id_belongs_to_the_name_of_a_source() -> None:
    """Two paths of one name share what they have seen; another name does not."""
    stored = Stored(
        given=[
            Source("/github", scheme="github", secret=GITHUB),
            Source("/old", scheme="github", secret=GITHUB),
            Source("/other", scheme="github", secret=GITHUB, name="other"),
        ]
    )

    async with stored.bus, stored.receiver:
        for path in ("/github", "/old", "/other"):
            await request(stored.receiver, path, b"{}", headers=github(b"{}"))

        found = await stored.in_state("delivered", 2)

    assert {each.event for each in found} == {"github.push", "other.push"}


async def test_each_event_of_a_batch_is_on_record_alone() -> None:
    """One is emitted again without the others."""
    stored = Stored(
        given=[
            Source(
                "/ce", scheme="bearer", secret="t" * 32, format="cloudevents", name="ce"
            )
        ]
    )
    events = [
        {"specversion": "1.0", "id": f"{n}", "source": "/a", "type": "b", "data": n}
        for n in (1, 2, 1)
    ]
    headers = {
        "content-type": "application/cloudevents-batch+json",
        "authorization": "Bearer " + "t" * 32,
    }

    async with stored.bus, stored.receiver:
        answered = await request(
            stored.receiver, "/ce", json.dumps(events).encode(), headers=headers
        )
        found = await stored.in_state("delivered", 2)

    assert answered.status in {200, 202, 204}
    assert sorted(stored.heard) == [1, 2]
    assert {json.loads(each.body)["data"] for each in found} == {1, 2}


async def test_signed_ids_and_times_are_enough_to_read_it_again() -> None:
    """The headers of Standard Webhooks, without the signature."""
    stored = Stored()
    body = b'{"type":"paid","timestamp":"now","data":1}'

    async with stored.bus, stored.receiver:
        await request(stored.receiver, "/acme", body, headers=standard(body))
        (found,) = await stored.in_state("delivered")

    assert stored.heard == [1]
    assert "webhook-signature" not in dict(found.headers)


# --- typed ---


@event("github.inbox_star")
class Star:
    """An event class for what GitHub sends."""

    n: int


async def test_a_payload_is_built_when_it_is_emitted() -> None:
    """As its event class, that is known in this process."""
    stored = Stored()

    async with stored.bus, stored.receiver:
        await stored.post(event="inbox_star")
        await stored.in_state("delivered")

    assert stored.heard == [Star(n=1)]


async def test_a_payload_that_does_not_fit_is_dead_with_its_reason() -> None:
    """Where its source accepts it; a later version of the class may take a replay."""
    source = Source("/github", scheme="github", secret=GITHUB, invalid="accept")
    stored = Stored(given=[source])
    told: list[Any] = []
    stored.bus.on("webhook.invalid", told.append)

    async with stored.bus, stored.receiver:
        answered = await stored.post(b'{"n":"one"}', event="inbox_star")
        (dead,) = await stored.in_state("dead")

    assert answered.status == 202
    assert "n" in (dead.reason or "")
    assert [each.event for each in told] == ["github.inbox_star"]
    assert dead.attempts == 1
    assert stored.failures == []


async def test_what_a_source_reads_otherwise_now_is_dead(tmp_path: Path) -> None:
    """The name has been given to another sender meanwhile."""
    url = f"sqlite:///{tmp_path}/inbox.db"
    first = Stored(url, schedule=[100.0])

    async with first.bus, first.receiver:
        await first.post(b'{"type":"a","n":1}')

    second = Stored(
        url, given=[Source("/x", scheme="none", name="github")], schedule=[0.0]
    )
    second.clock.advance(200)

    async with second.bus, second.receiver:
        (dead,) = await second.in_state("dead")

    assert "scheme='github'" in (dead.reason or "")
    assert second.heard == []
