"""Copies of a request: one event, however often and however closely they come."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from tests.webhooks.asgi import Client, request, scope_of
from tests.webhooks.signed import GITHUB, NOW, STANDARD, github, sources, standard

from upcall import Bus
from upcall.testing import ManualClock
from upcall.webhooks._receive.seen import Seen
from upcall.webhooks.receiver import Receiver, Source

DAY = 24 * 3600.0
BODY = b'{"type":"a","timestamp":"now","data":1}'


class Counted:
    """A receiver whose callback counts, and can be told to wait or to fail."""

    def __init__(self, *given: Source) -> None:
        self.calls = 0
        self.fails = False
        self.go_on = anyio.Event()
        self.go_on.set()
        self.begun = anyio.Event()
        self.clock = ManualClock(NOW)
        self.bus = Bus()
        self.bus.on("**", self.count)
        self.receiver = Receiver(self.bus, given or sources(), clock=self.clock)

    async def count(self, payload: object) -> None:
        self.calls += 1
        self.begun.set()
        await self.go_on.wait()

        if self.fails:
            raise RuntimeError

    async def github(self, body: bytes = BODY, *, guid: str = "guid-1") -> int:
        headers = github(body, guid=guid)
        return (await request(self.receiver, "/github", body, headers=headers)).status

    async def standard(self, body: bytes = BODY, *, message: str = "msg_1") -> int:
        headers = standard(body, message=message, now=self.clock.now())
        return (await request(self.receiver, "/acme", body, headers=headers)).status


async def test_a_copy_is_taken_and_not_emitted() -> None:
    """The sender hears the same answer; the callbacks hear nothing."""
    counted = Counted()

    assert [await counted.github() for _ in range(3)] == [202, 202, 202]
    assert [await counted.standard() for _ in range(3)] == [202, 202, 202]
    assert counted.calls == 2


async def test_a_signed_id_is_enough_to_know_a_copy() -> None:
    """With Standard Webhooks the id is signed: it alone names the event."""
    counted = Counted()

    await counted.standard()
    await counted.standard(BODY + b" ")

    assert counted.calls == 1


async def test_an_unsigned_id_counts_only_with_the_body() -> None:
    """Who cannot sign must not be able to make an event of others look seen."""
    counted = Counted()

    await counted.github()
    await counted.github(BODY + b" ")

    assert counted.calls == 2


async def test_an_unsigned_id_that_comes_with_another_body_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A fault of the sender, or somebody who puts the ids of others on his copies."""
    counted = Counted()

    for body in (BODY, BODY + b" ", BODY + b" ", BODY):
        await counted.github(body)

    await counted.github(BODY + b"  ", guid="guid-2")

    (warning,) = (each for each in caplog.records if "other content" in each.message)
    assert warning.levelname == "WARNING"
    assert "its sender's id 'guid-1' came before" in warning.message
    assert vars(warning)["upcall_event"] == "github.push"


async def test_100_copies_at_once_make_one_emission() -> None:
    """While the first is handled the others wait for how it ends."""
    counted = Counted()
    counted.go_on = anyio.Event()
    statuses: list[int] = []

    async def post() -> None:
        statuses.append(await counted.github())

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(post)

        await counted.begun.wait()
        await anyio.wait_all_tasks_blocked()
        assert statuses == []
        counted.go_on.set()

    assert statuses == [202] * 100
    assert counted.calls == 1


async def test_copies_share_a_failure_and_the_next_is_tried() -> None:
    """A failure answers all that waited, and frees the id."""
    counted = Counted()
    counted.go_on = anyio.Event()
    counted.fails = True
    statuses: list[int] = []

    async def post() -> None:
        statuses.append(await counted.github())

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(post)

        await anyio.wait_all_tasks_blocked()
        counted.go_on.set()

    counted.fails = False
    assert statuses == [500] * 5
    assert await counted.github() == 202
    assert counted.calls == 2


async def test_a_cancelled_request_frees_the_id() -> None:
    """A host that gives up on a request leaves nothing behind."""
    counted = Counted()
    counted.go_on = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(counted.github)
        await counted.begun.wait()
        group.cancel_scope.cancel()

    counted.go_on.set()
    assert await counted.github() == 202
    assert counted.calls == 2


async def test_nothing_is_remembered_of_what_was_not_verified() -> None:
    """A forged copy that comes first does not take the place of the honest one."""
    counted = Counted()
    headers = github(BODY, secret="another")

    forged = await request(counted.receiver, "/github", BODY, headers=headers)

    assert forged.status == 401
    assert await counted.github() == 202
    assert counted.calls == 1


@pytest.mark.parametrize("kind", ["github", "standard"])
async def test_ids_are_kept_as_long_as_the_sender_may_retry(kind: str) -> None:
    """Three days for GitHub, four for Standard Webhooks; then they are forgotten."""
    counted = Counted()
    post: Callable[[], object] = getattr(counted, kind)
    days = {"github": 3, "standard": 4}[kind]

    for seconds in (0, days * DAY - 1, 2):
        counted.clock.advance(seconds)
        await post()  # type: ignore[misc]

    assert counted.calls == 2


async def test_a_replay_under_another_id_is_taken_and_on_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """GitHub signs no id, and two honest events may be equal."""
    caplog.set_level("INFO", "upcall")
    counted = Counted()

    assert [await counted.github(guid=guid) for guid in ("a", "b", "a")] == [
        202,
        202,
        202,
    ]

    assert counted.calls == 2
    marks = [vars(record)["upcall_replayed"] for record in caplog.records]
    assert marks == [False, True, False]


async def test_a_replay_can_be_refused() -> None:
    """Also while the first is still being handled; its own copies stay welcome."""
    counted = Counted(
        Source("/github", scheme="github", secret=GITHUB, replays="refuse")
    )
    counted.go_on = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(counted.github)
        await counted.begun.wait()
        assert await counted.github(guid="other") == 401
        counted.go_on.set()

    assert await counted.github(guid="other") == 401
    assert await counted.github() == 202
    assert counted.calls == 1


async def test_a_failed_event_does_not_make_a_replay_of_another() -> None:
    """What was not handled was not seen: its bytes are free again."""
    counted = Counted(
        Source("/github", scheme="github", secret=GITHUB, replays="refuse")
    )
    counted.fails = True
    assert await counted.github() == 500
    counted.fails = False

    assert await counted.github(guid="other") == 202


async def test_a_replay_that_fails_leaves_the_first_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The bytes were handled once: they stay seen, whatever becomes of a replay."""
    counted = Counted()
    await counted.github(guid="first")
    counted.fails = True
    await counted.github(guid="second")
    counted.fails = False
    caplog.set_level("INFO", "upcall")

    await counted.github(guid="third")

    assert vars(caplog.records[-1])["upcall_replayed"] is True


async def test_equal_bytes_under_signed_ids_are_no_replay() -> None:
    """Who signs the id has made another event."""
    counted = Counted(
        Source(
            "/acme", scheme="standard", secret=STANDARD, name="acme", replays="refuse"
        )
    )

    assert [await counted.standard(message=each) for each in "ab"] == [202, 202]
    assert counted.calls == 2


async def test_sources_of_one_name_share_what_they_have_seen() -> None:
    """Two paths of one sender: an event that comes by both is one."""
    counted = Counted(
        Source("/github", scheme="github", secret=GITHUB),
        Source("/old", scheme="github", secret=GITHUB),
        Source("/other", scheme="github", secret=GITHUB, name="other"),
    )

    for path in ("/github", "/old", "/other"):
        await request(counted.receiver, path, BODY, headers=github(BODY))

    assert counted.calls == 2


async def test_a_client_that_hangs_up_is_not_answered() -> None:
    """Half a body is no request, and there is nobody to tell."""
    counted = Counted()
    client = Client([BODY[:5]], then="gone")
    scope = scope_of("/github", headers=github(BODY))

    await counted.receiver(scope, client.receive, client.send)

    assert client.sent == []
    assert counted.calls == 0


async def test_seen_is_bounded_in_number() -> None:
    """The oldest id goes when there is one too many."""
    seen = Seen(keep=100.0, capacity=2)
    done: list[str] = []

    async def work() -> None:
        done.append("")

    firsts = [await seen.once(key, work, now=lambda: 0.0) for key in "abcba"]

    assert firsts == [True, True, True, False, True]


async def test_seen_forgets_what_is_over() -> None:
    """Ids whose time is over do not take up room until it is needed."""
    seen = Seen(keep=10.0)

    async def work() -> None:
        pass

    clock = ManualClock(NOW)

    for number in range(100):
        await seen.once(str(number), work, now=clock.now)
        clock.advance(1)

    assert len(seen._done.entries) == 10
