"""Checks of one attempt: what is sent, and what is written down."""

from __future__ import annotations

__all__ = ()

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.webhooks.fakes import FakeTransport, Middle, accepts, make_endpoint
from tests.webhooks.proto.schemes.keys import SECRETS

from upcall.testing import ManualClock
from upcall.webhooks._deliver.send import Sender
from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks._proto.delivery import Move
from upcall.webhooks._proto.errors import BlockedError
from upcall.webhooks._proto.formats import standard_body
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.schemes import names, scheme
from upcall.webhooks.outbox.contract import Claim, Outcome

NOON = 1_700_000_000.0
URL = "https://one.example/hooks"

MESSAGE = Message(
    id="m1",
    name="order.paid",
    time=datetime.fromtimestamp(NOON, UTC),
    data=b'{"n":1}',
)


def make_claim(*, attempt: int = 1, **changes: Any) -> Claim:
    """Make a claim of a message for an endpoint."""
    return Claim(
        delivery=5,
        fence=attempt,
        attempt=attempt,
        worker=7,
        proven=True,
        message=MESSAGE,
        format="standard",
        endpoint=make_endpoint(**({"schedule": (0, 10)} | changes)),
    )


async def attempt(transport: FakeTransport, claim: Claim | None = None) -> Outcome:
    """Make an attempt at noon."""
    sender = Sender(transport, clock=ManualClock(NOON), random=Middle())
    return await sender.attempt(claim or make_claim())


async def test_attempt_sends_a_signed_body_with_all_headers() -> None:
    """Those of the endpoint too, and its timeout."""
    transport = FakeTransport()

    await attempt(transport, make_claim(headers={"X-Tenant": "blue"}, timeout=3.0))

    (sent,) = transport.sent
    assert accepts(sent, now=NOON)
    assert (sent.url, sent.timeout) == (URL, 3.0)
    assert sent.body == standard_body(MESSAGE)
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["user-agent"] == "Upcall"
    assert sent.headers["x-tenant"] == "blue"


async def test_attempt_signs_as_github_does() -> None:
    """With the name of the event where a receiver for GitHub looks for it."""
    transport = FakeTransport()

    await attempt(transport, make_claim(scheme="github", secret="s3cret"))

    (sent,) = transport.sent
    scheme("github", secret="s3cret").verify(sent.headers, sent.body, now=NOON)
    assert sent.headers["x-github-event"] == "order.paid"


async def test_attempt_records_what_happened() -> None:
    """The answer, with secrets masked on both sides."""
    answer = Answer(
        status=503,
        headers=(("retry-after", "30"), ("set-cookie", "session=hidden")),
        body=b"busy",
        address="192.0.2.7",
    )

    outcome = await attempt(
        FakeTransport({URL: [answer]}), make_claim(headers={"X-Tenant": "hidden"})
    )

    record = outcome.attempt
    assert (record.number, record.worker, record.status) == (1, 7, 503)
    assert (record.address, record.error) == ("192.0.2.7", None)
    assert record.started == datetime.fromtimestamp(NOON, UTC)
    assert (record.response, record.truncated) == (b"busy", False)
    assert ("set-cookie", "***") in record.response_headers
    assert ("X-Tenant", "***") in record.request_headers
    assert "hidden" not in repr(record.request_headers + record.response_headers)
    assert outcome.decision.move is Move.RETRY
    assert outcome.decision.hint == 30.0
    assert outcome.decision.due == NOON + 30


@pytest.mark.parametrize(("size", "truncated"), [(4096, False), (4097, True)])
async def test_attempt_keeps_the_first_4_kib(size: int, truncated: bool) -> None:
    """Of the body; and of the headers as many as fit."""
    answer = Answer(
        status=200,
        body=b"x" * size,
        headers=tuple((f"h{n}", "v" * 998) for n in range(10)),
    )

    outcome = await attempt(FakeTransport({URL: [answer]}))

    assert len(outcome.attempt.response) == 4096
    assert outcome.attempt.truncated is truncated
    assert len(outcome.attempt.response_headers) == 4


async def test_attempt_without_an_answer_records_the_error() -> None:
    """And where it had been connected to."""
    error = TransportError("timeout", "no answer in 20 s", address="192.0.2.7")

    outcome = await attempt(FakeTransport({URL: [error]}))

    assert outcome.attempt.status is None
    assert outcome.attempt.error == "timeout: no answer in 20 s"
    assert outcome.attempt.address == "192.0.2.7"
    assert outcome.decision.move is Move.RETRY


async def test_attempt_that_is_blocked_is_buried() -> None:
    """It would be blocked again."""
    outcome = await attempt(FakeTransport({URL: [BlockedError("it is private")]}))

    assert outcome.decision.move is Move.BURY
    assert outcome.decision.reason == "blocked: it is private"
    assert outcome.attempt.error == "it is private"


async def test_last_attempt_that_fails_is_buried() -> None:
    """By the schedule of the endpoint."""
    outcome = await attempt(FakeTransport(default=500), make_claim(attempt=2))

    assert outcome.decision.move is Move.BURY


async def test_attempt_that_cannot_be_signed_is_buried() -> None:
    """With the reason; nothing was sent."""
    transport = FakeTransport()

    outcome = await attempt(transport, make_claim(secret="whsec_broken"))

    assert transport.sent == []
    assert outcome.decision.move is Move.BURY
    assert str(outcome.decision.reason).startswith("it cannot be signed: ")
    assert str(outcome.attempt.error).startswith("it cannot be signed: ")


async def test_transport_that_breaks_its_contract_is_a_failed_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Logged with its traceback: it must not end the worker."""
    outcome = await attempt(FakeTransport({URL: [ZeroDivisionError("oops")]}))

    assert outcome.decision.move is Move.RETRY
    assert outcome.attempt.error == "broken: ZeroDivisionError: oops"
    assert "the transport failed" in caplog.text


async def test_texts_on_record_are_what_a_database_takes() -> None:
    """Half a surrogate pair or a NUL would make the outcome unwritable, for ever."""
    error = TransportError("broken", "\ud800\0" + "x" * 5000)

    outcome = await attempt(FakeTransport({URL: [error]}))

    for text in (outcome.attempt.error, outcome.decision.reason):
        assert text is not None
        assert len(text.encode()) <= 1000
        assert text.startswith("broken: ??xxx")


@pytest.mark.parametrize("name", [each for each in names() if each != "twilio"])
async def test_request_of_every_scheme_is_what_its_verification_takes(
    name: str,
) -> None:
    """And says the id of the message somewhere."""
    secret = SECRETS.get(name, ())
    transport = FakeTransport()
    await attempt(transport, make_claim(scheme=name, secret=secret))

    (sent,) = transport.sent
    scheme(name, secret or None).verify(sent.headers, sent.body, now=NOON)
    assert "m1" in sent.headers.values()
    assert len(sent.headers) == len({each.lower() for each in sent.headers})


async def test_twilio_signs_the_url_that_it_is_sent_to() -> None:
    """With the digest of the body, which is no form, in the query."""
    transport = FakeTransport()
    await attempt(transport, make_claim(scheme="twilio", secret="0123456789abcdef"))

    (sent,) = transport.sent
    assert "bodySHA256=" in sent.url
    scheme("twilio", "0123456789abcdef").verify(
        sent.headers, sent.body, now=NOON, url=sent.url
    )


async def test_shopify_has_the_name_of_the_event_as_its_topic() -> None:
    """Once."""
    transport = FakeTransport()
    await attempt(transport, make_claim(scheme="shopify", secret="0123456789abcdef"))

    assert transport.sent[0].headers["x-shopify-topic"] == "order.paid"
