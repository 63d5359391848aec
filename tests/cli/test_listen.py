"""What `upcall listen` does with a request: verified, answered, posted on, shown."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest
from tests.webhooks.fakes import FakeTransport

from upcall.cli import listening
from upcall.cli.forwarding import Forwarder, loopback
from upcall.cli.listening import Listener, Manner
from upcall.cli.received import Received
from upcall.cli.sending import Draft, Request
from upcall.webhooks import Answer, TransportError, new_secret, scheme
from upcall.webhooks._proto.addresses import parse_url

BODY = b'{"type":"order.paid","id":"evt_1"}'
SECRET = new_secret()
SEED = base64.b64encode(bytes(range(32))).decode()
SECRETS = {
    "standard": SECRET,
    "svix": SECRET,
    "github": "It's a Secret",
    "stripe": "whsec_abc",
    "slack": "8f742231b10e",
    "shopify": "hush",
    "discord": bytes(range(32)).hex(),
    "twilio": "12345",
    "bearer": "a-token",
}
PUBLIC = {"discord": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"}
"""What verifies, where it is not what signs: the public key of 0, 1, 2, ... 31."""


def manner(**options: Any) -> Manner:
    """Return how to answer; by default nothing is verified."""
    return Manner(**{"max_body": 1000} | options)


def signed(name: str, /, **options: Any) -> Request:
    """Return what `upcall send` would post."""
    made: dict[str, Any] = {
        "url": "http://127.0.0.1:8400/hooks",
        "data": BODY,
        "scheme": scheme(name, SECRETS.get(name)),
        "format": "raw",
        "source": "",
        "id": "m1",
        "name": "order.paid",
        "headers": (),
        "timestamp": None,
    }
    return Draft(**made | options).sign()


PLAIN = signed("none")


class Listened:
    """A listener, and what it has shown."""

    def __init__(self, listener_manner: Manner, **options: Any) -> None:
        self.shown: list[Received] = []
        self.app = Listener(listener_manner, show=self.shown.append, **options)

    async def answer(
        self,
        request: Request = PLAIN,
        *,
        method: str = "POST",
        pieces: Sequence[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Let it answer a request, and return the answer; empty if there is none."""
        target = parse_url(request.url)
        path, _, query = target.path.partition("?")
        headers = [("host", target.host_header), *request.headers]
        messages = list(pieces or [{"type": "http.request", "body": request.body}])
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not messages:
                await anyio.sleep_forever()

            await anyio.lowlevel.checkpoint()
            return messages.pop(0)

        async def send(message: Any) -> None:
            await anyio.lowlevel.checkpoint()
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(n.lower().encode(), v.encode()) for n, v in headers],
        }

        with anyio.fail_after(50):
            await self.app(scope, receive, send)

        if not sent:
            return {}

        start, body = sent
        told = {n.decode(): v.decode() for n, v in start["headers"]}
        return {"status": start["status"], "headers": told, "body": body["body"]}

    async def status(self, request: Request = PLAIN, **options: Any) -> int:
        """Let it answer a request, and return the status."""
        answer = await self.answer(request, **options)
        status: int = answer["status"]
        return status


# --- verified or not ---


@pytest.mark.parametrize("name", SECRETS)
async def test_what_send_signs_is_verified(name: str) -> None:
    """By the scheme's own rules, with the id that it carries."""
    verifying = scheme(name, PUBLIC.get(name, SECRETS[name]))
    listened = Listened(manner(scheme=verifying))

    assert await listened.status(signed(name)) == 204

    received = listened.shown[0]
    assert (received.verified, received.type) == (True, "order.paid")
    assert received.id == "m1"


@pytest.mark.parametrize("name", SECRETS)
async def test_what_another_secret_signed_is_not(name: str) -> None:
    """The sender learns no more than a receiver would tell; the line has the reason."""
    wrong = scheme(name, bytes(range(1, 33)).hex())
    verifying = scheme(name, PUBLIC.get(name, SECRETS[name]))
    listened = Listened(manner(scheme=verifying))

    answer = await listened.answer(signed(name, scheme=wrong))

    assert answer["status"] == 401
    assert answer["body"] == b"the signature is missing, wrong or stale\n"
    assert listened.shown[0].verified is False
    assert "NOT VERIFIED (" in listened.shown[0].line()


async def test_ed25519_is_verified_by_the_public_key() -> None:
    """The sender has whsk_, the listener whpk_."""
    public = base64.b64encode(bytes.fromhex(PUBLIC["discord"])).decode()
    listened = Listened(manner(scheme=scheme("standard", f"whpk_{public}")))

    request = signed("standard", scheme=scheme("standard", f"whsk_{SEED}"))

    assert await listened.status(request) == 204


async def test_a_form_of_twilio_is_verified_behind_a_tunnel() -> None:
    """What is signed is the URL that the sender knows."""
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    url = "https://tunnel.example/sms?a=1"
    sent = signed("twilio", url=url, data=b"From=1&Body=hi", headers=form)
    here = attrs.evolve(sent, url="http://127.0.0.1:8400/sms?a=1")
    verifying = scheme("twilio", SECRETS["twilio"])

    with_url = Listened(manner(scheme=verifying, url="https://tunnel.example/"))
    without = Listened(manner(scheme=verifying))

    assert sent.url == url
    assert await with_url.status(here) == 204
    assert await without.status(here) == 401


async def test_a_stale_request_says_how_stale() -> None:
    """So that nobody has to compare clocks."""
    listened = Listened(manner(scheme=scheme("standard", SECRET)))
    request = signed(
        "standard", scheme=scheme("standard", SECRET), timestamp=time.time() - 86_400
    )

    assert await listened.status(request) == 401
    assert "s old: 300 s are allowed" in listened.shown[0].line()


async def test_without_a_scheme_nothing_is_verified() -> None:
    """And that is what the line says."""
    listened = Listened(manner())

    assert await listened.status(signed("standard")) == 204
    assert "  unverified  order.paid  m1  34 B  -> 204" in listened.shown[0].line()


# --- refused ---


@pytest.mark.parametrize(
    ("options", "asked", "status", "reason"),
    [
        ({}, {"method": "GET"}, 405, "GET is not POST"),
        ({"path": "/other"}, {}, 404, "the path is not /other"),
        ({"max_body": 33}, {}, 413, "more than the 33 bytes allowed came"),
    ],
)
async def test_what_is_refused_is_shown(
    options: dict[str, Any], asked: dict[str, Any], status: int, reason: str
) -> None:
    """With the status, and why."""
    listened = Listened(manner(**options))

    assert await listened.status(**asked) == status
    assert f"refused ({reason})" in listened.shown[0].line()


@pytest.mark.parametrize(
    ("declared", "status"), [("1001", 413), ("35", 400), ("many", 400)]
)
async def test_a_length_has_to_be_true(declared: str, status: int) -> None:
    """What is declared too large is refused before it comes."""
    listened = Listened(manner())
    lying = attrs.evolve(PLAIN, headers=(("Content-Length", declared),))

    assert await listened.status(lying) == status


async def test_a_slow_body_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest never comes, and nobody waits for it."""
    monkeypatch.setattr(listening, "SECONDS", 0.01)
    listened = Listened(manner())
    first = {"type": "http.request", "body": b"{", "more_body": True}

    assert await listened.status(pieces=[first]) == 408


async def test_a_sender_that_hangs_up_is_shown() -> None:
    """There is nobody to answer."""
    listened = Listened(manner())

    assert await listened.answer(pieces=[{"type": "http.disconnect"}]) == {}
    assert "(the sender hung up)  -  -  -  -> no answer" in listened.shown[0].line()


# --- failures ---


async def test_the_first_attempts_of_each_message_fail() -> None:
    """Each message for itself, with a hint when to come again."""
    listened = Listened(manner(fail=503, times=2, retry_after=7))
    one, two = signed("standard"), signed("standard", id="m2")

    statuses = [await listened.status(each) for each in (one, one, two, one, two, two)]
    hinting = await listened.answer(signed("standard", id="m3"))

    assert statuses == [503, 503, 503, 204, 503, 204]
    assert hinting["headers"]["retry-after"] == "7"


async def test_all_attempts_fail_without_a_number() -> None:
    """For schedules that are to come to their end."""
    listened = Listened(manner(fail=500))

    assert [await listened.status() for _ in range(4)] == [500] * 4
    assert "retry-after" not in (await listened.answer())["headers"]


async def test_what_is_not_verified_is_no_attempt() -> None:
    """It is refused, and counts for nothing."""
    listened = Listened(manner(scheme=scheme("standard", SECRET), fail=503, times=1))
    good = signed("standard")

    assert await listened.status() == 401
    assert [await listened.status(good), await listened.status(good)] == [503, 204]


async def test_it_does_not_remember_failures_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of very many messages, the oldest are forgotten."""
    monkeypatch.setattr(listening, "_MOST_KNOWN", 2)
    listened = Listened(manner(fail=503, times=1))

    for id_ in ("m1", "m2", "m3"):
        assert await listened.status(signed("standard", id=id_)) == 503

    assert await listened.status(signed("standard", id="m3")) == 204
    assert await listened.status(signed("standard", id="m1")) == 503


# --- posted on ---


@asynccontextmanager
async def forwarding(
    answers: list[Any], **options: Any
) -> AsyncGenerator[tuple[Listened, FakeTransport]]:
    """Give a listener that posts on to an app which answers like this."""
    transport = FakeTransport({"http://127.0.0.1:9/in": answers})
    forwarder = Forwarder("http://127.0.0.1:9/in", transport=transport)
    yield Listened(manner(**options), forwarder=forwarder), transport
    await forwarder.aclose()


async def test_it_is_posted_on_as_it_came() -> None:
    """The body and the headers, but for those of the connection; also if unverified."""
    told = (("x-app", "1"), ("transfer-encoding", "chunked"), ("x-bad", "a\x01"))
    answer = Answer(status=418, headers=told, body=b"tea")
    sent = signed("standard", headers=(("X-A", "b"),))
    sent = attrs.evolve(sent, headers=(*sent.headers, ("Connection", "keep-alive")))
    other = scheme("standard", new_secret())

    async with forwarding([answer], scheme=other) as (listened, transport):
        got = await listened.answer(sent)

    posted = transport.sent[0]
    names = set(posted.headers)
    assert posted.body == BODY
    assert {"webhook-signature", "x-a", "content-type"} <= names
    assert not {"connection", "host", "content-length"} & names
    assert (got["status"], got["body"]) == (418, b"tea")
    assert got["headers"] == {
        "x-app": "1",
        "content-length": "3",
        "connection": "close",
    }
    assert listened.shown[0].verified is False


async def test_no_answer_of_the_app_is_a_502() -> None:
    """And the line says why."""
    async with forwarding([TransportError("connect", "refused")]) as (listened, _):
        assert await listened.status() == 502

    assert "unverified (not forwarded: connect: refused)" in listened.shown[0].line()


async def test_failures_are_not_posted_on() -> None:
    """The app is as if it were down."""
    ok = Answer(status=200)

    async with forwarding([ok], fail=503, times=1) as (listened, transport):
        assert [await listened.status(), await listened.status()] == [503, 200]

    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://localhost", "http://127.0.0.1"),
        ("https://LOCALHOST:80/a?b", "https://127.0.0.1:80/a?b"),
        ("http://localhost.example/", "http://localhost.example/"),
        ("http://example.com/localhost", "http://example.com/localhost"),
    ],
)
def test_localhost_is_this_machine(url: str, wanted: str) -> None:
    """Though it is no address, which the guard wants for such."""
    assert loopback(url) == wanted


# --- shown ---


async def test_nothing_secret_is_shown() -> None:
    """Neither in the line nor in the JSON: headers and query may have secrets."""
    listened = Listened(manner())
    secret = (("Authorization", "Bearer hush"), ("X-Api-Key", "hush"))
    url = "http://127.0.0.1:8400/hooks?token=hush"

    await listened.status(signed("standard", url=url, headers=secret))

    received = listened.shown[0]
    plain = received.plain()
    assert "hush" not in received.line() + json.dumps(plain)
    assert plain["path"] == "/hooks?token=***"
    assert plain["headers"]["webhook-signature"] == "***"
    assert plain["headers"]["webhook-id"] == "m1"
    assert plain["body"] == BODY.decode()


@pytest.mark.parametrize("body", [b"\xff\x00", b"[1]", b'{"type":3}', b"", b"[" * 900])
async def test_any_body_can_be_shown(body: bytes) -> None:
    """Text as it is, anything else in base64; the type is what is there of it."""
    listened = Listened(manner())

    assert await listened.status(signed("none", data=body, name="")) == 204

    plain = listened.shown[0].plain()
    text, encoded = plain["body"], plain["body_base64"]
    assert body == (base64.b64decode(encoded) if text is None else text.encode())
    assert plain["type"] is None
    assert plain["size"] == len(body)


async def test_a_stranger_writes_no_more_than_a_line() -> None:
    """And nothing that a terminal would obey."""
    listened = Listened(manner(max_body=9000))
    data = json.dumps({"type": "a\x1b[31m\nb" + "c" * 5000}).encode()

    assert await listened.status(signed("none", data=data, name="")) == 204
    line = listened.shown[0].line()

    assert line.isprintable()
    assert len(line) < 400


async def test_an_error_in_showing_is_handed_on() -> None:
    """To whoever can end it all; the sender is answered all the same."""

    def show(_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    listened = Listened(manner())
    listened.app = Listener(manner(), show=show)

    assert await listened.status() == 204

    with anyio.fail_after(50), pytest.raises(BrokenPipeError):
        await listened.app.wait_mute()


async def test_what_is_under_way_is_answered_at_the_end() -> None:
    """With 503, at once, and so is what still comes."""
    listened = Listened(manner(delay=3600.0))

    async with anyio.create_task_group() as group:
        statuses: list[int] = []

        async def ask() -> None:
            statuses.append(await listened.status())

        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        listened.app.stop()

    assert [*statuses, await listened.status()] == [503, 503]
