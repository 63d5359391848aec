"""What bounds a source: its rate, what is packed, what is there twice, what is late."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import anyio.lowlevel
import pytest
from tests.webhooks.receive.taking import Taking, sign, source_of
from tests.webhooks.signed import NOW, github

from upcall.webhooks._receive.encodings import unpacked
from upcall.webhooks._receive.limit import Limit
from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import Request

TYPED = b'{"type":"a"}'


# --- rate ---


async def test_requests_beyond_the_rate_are_sent_away_for_a_while() -> None:
    """As many as a second allows may come at once; then there is room bit by bit."""
    taking = Taking(source_of("github", rate=4))

    async def post(number: int) -> tuple[int, str | None]:
        body = b"%d" % number
        answered = await taking.post("/github", body, github(body))
        return answered.status, answered.headers.get("retry-after")

    assert [await post(n) for n in range(4)] == [(202, None)] * 4
    assert await post(5) == (429, "1")
    taking.clock.advance(0.25)
    assert await post(5) == (202, None)
    assert (await post(6))[0] == 429
    taking.clock.advance(10)
    assert [(await post(n))[0] for n in range(6, 11)] == [202, 202, 202, 202, 429]


async def test_a_low_rate_says_how_long_to_wait() -> None:
    """One in ten seconds: the next has to wait for what is left of them."""
    taking = Taking(source_of("github", rate=0.1))

    await taking.post("/github", b"1", github(b"1"))
    taking.clock.advance(2.5)
    answered = await taking.post("/github", b"2", github(b"2"))

    assert (answered.status, answered.headers["retry-after"]) == (429, "8")
    assert answered.body == b"too many requests: send them again later\n"


async def test_forged_requests_take_nothing_from_the_rate() -> None:
    """Or any stranger could keep the sender out."""
    taking = Taking(source_of("github", rate=1))

    for _ in range(10):
        forged = await taking.post("/github", b"{}", github(b"{}", secret="other"))
        assert forged.status == 401

    assert (await taking.post("/github", b"{}", github(b"{}"))).status == 202


def test_a_clock_that_is_turned_back_locks_nobody_out() -> None:
    """What was counted in the future counts no more."""
    limit = Limit(1.0)

    limit.spend(now=NOW)
    limit.spend(now=NOW - 3600)

    with pytest.raises(Refusal, match="429"):
        limit.spend(now=NOW - 3600)


# --- content encodings ---


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(b'{"a":1}')), ("deflate", zlib.compress(b'{"a":1}'))],
)
async def test_what_is_packed_is_unpacked_if_asked_for(
    encoding: str, packed: bytes
) -> None:
    """The signature is over what was sent: the packed bytes."""
    taking = Taking(source_of("github", encodings=("gzip", "deflate")))

    answered = await taking.signed("github", packed, content_encoding=encoding)

    assert answered.status == 202
    assert taking.heard == [("github.push", {"a": 1})]


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"{}", 400),
        ("gzip", gzip.compress(b"{}")[:-1], 400),
        ("gzip", gzip.compress(b"{}") + b"x", 400),
        ("gzip", gzip.compress(b"{}") * 2, 400),
        ("gzip", gzip.compress(b" " * 98 + b"{}"), 202),
        ("gzip", gzip.compress(b" " * 99 + b"{}"), 413),
        ("gzip", gzip.compress(b"", mtime=0), 400),
        ("deflate", b"{}", 415),
        ("br", b"{}", 415),
        ("gzip, gzip", b"{}", 415),
        ("GZIP", gzip.compress(b"{}"), 202),
    ],
)
async def test_packing_is_bounded(encoding: str, body: bytes, status: int) -> None:
    """Half a body, one and a half, too long a one, one packed in another way."""
    taking = Taking(source_of("github", encodings=("gzip",), max_body=100))

    answered = await taking.signed("github", body, content_encoding=encoding)

    assert answered.status == status

    if status == 415:
        assert answered.headers["accept-encoding"] == "gzip, identity"


def test_a_bomb_is_not_unpacked() -> None:
    """No more than the limit is made of it, and little besides."""
    bomb = gzip.compress(b"\0" * (32 << 20))
    packed = Request(headers={"content-encoding": "gzip"}, body=bomb)
    tracemalloc.start()

    try:
        with pytest.raises(Refusal, match="413"):
            unpacked(packed, limit=1 << 20)

        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 << 20


async def test_what_is_not_signed_is_not_unpacked() -> None:
    """Strangers cannot make us work."""
    taking = Taking(source_of("github", encodings=("gzip",)))
    headers = {**github(b"other"), "Content-Encoding": "gzip"}

    assert (await taking.post("/github", b"no gzip", headers)).status == 401


# --- headers that are there twice ---


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        ("github", "Content-Type"),
        ("github", "Content-Length"),
        ("github", "X-GitHub-Delivery"),
        ("github", "X-GitHub-Event"),
        ("github", "X-Hub-Signature-256"),
        ("standard", "webhook-id"),
        ("standard", "webhook-timestamp"),
        ("standard", "webhook-signature"),
        ("stripe", "Stripe-Signature"),
        ("shopify", "X-Shopify-Topic"),
        ("slack", "X-Slack-Signature"),
        ("bearer", "Authorization"),
        ("twilio", "X-Twilio-Signature"),
        ("discord", "X-Signature-Timestamp"),
    ],
)
async def test_a_header_that_counts_is_there_once(scheme: str, name: str) -> None:
    """Nobody reads the first value where somebody else read the second."""
    taking = Taking(source_of(scheme))
    headers = {"Content-Length": "12", **sign(scheme, TYPED)}
    pairs = [*headers.items(), (name, headers[name])]

    answered = await taking.post(f"/{scheme}", TYPED, pairs)

    assert answered.status == 400
    assert taking.heard == []


async def test_other_headers_may_be_there_twice() -> None:
    """Proxies add theirs."""
    taking = Taking(source_of("standard"))
    pairs = [*sign("standard", TYPED).items(), ("Via", "a"), ("via", "b")]

    assert (await taking.post("/standard", TYPED, pairs)).status == 202


# --- answers that come too late ---


async def test_an_answer_that_comes_too_late_is_on_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Slack waits three seconds: it has given up, and will send it again."""
    taking = Taking(source_of("slack"))

    async def work(payload: object) -> None:
        await anyio.lowlevel.checkpoint()
        taking.clock.advance(3.5)

    taking.bus.on("slack.**", work)

    answered = await taking.signed("slack", TYPED)
    again = await taking.signed("slack", TYPED)

    assert (answered.status, again.status) == (200, 200)
    (late,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "after 3.5 s: its sender waits 3 s" in late.getMessage()
