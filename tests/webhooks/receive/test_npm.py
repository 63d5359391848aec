"""Round trips with the senders' libraries for Node: who signs here verifies there."""

from __future__ import annotations

__all__ = ()

import json
import time
from typing import Any

import pytest
from tests.webhooks.receive.node import Judge, install
from tests.webhooks.receive.taking import (
    FORM,
    JSON,
    KEY,
    SECRETS,
    URL,
    Taking,
    form,
    source_of,
)
from tests.webhooks.signed import NOW

from upcall.webhooks import scheme

pytestmark = pytest.mark.timeout(400)  # npm and node have less, and then it is skipped

TYPED = {"type": "order.paid", "timestamp": "2026-01-01T00:00:00Z", "data": "naïve ✓"}
EVENT = {"id": "evt_1", "object": "event", "type": "invoice.paid"}
CALLBACK = {"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}}
COMMAND = {"id": "1", "type": 2, "data": {"name": "grüße"}}
SMS = form({"SmsStatus": "received", "From": "+1 5", "Body": "a=b & c", "Empty": ""})

BODIES: dict[str, tuple[bytes, str]] = {
    "standard": (json.dumps(TYPED).encode(), "standard.order.paid"),
    "svix": (json.dumps(TYPED, ensure_ascii=False).encode(), "svix.order.paid"),
    "github": (json.dumps(TYPED, ensure_ascii=False).encode(), "github.push"),
    "stripe": (json.dumps(EVENT, indent=2).encode(), "stripe.invoice.paid"),
    "slack": (json.dumps(CALLBACK).encode(), "slack.message"),
    "shopify": (
        json.dumps(TYPED, ensure_ascii=False).encode(),
        "shopify.orders.create",
    ),
    "discord": (
        json.dumps(COMMAND, ensure_ascii=False).encode(),
        "discord.application_command",
    ),
    "twilio": (SMS, "twilio.message.received"),
}
"""What each sends, and what event that is."""

NOT_SIGNED = {
    "X-GitHub-Event": "push",
    "X-GitHub-Delivery": "guid-1",
    "X-Shopify-Topic": "orders/create",
    "X-Shopify-Event-Id": "event-1",
    "Host": "example.com",
}

EVERY_SCHEME = pytest.mark.parametrize("name", sorted(BODIES))


def changed(body: bytes) -> bytes:
    """Return a body of the same length with one letter another."""
    return body.replace(b"e", b"E", 1)


def signing_secret(name: str) -> str:
    """Return what a sender signs with: of Discord's pair, the half that is secret."""
    return KEY.encode().hex() if name == "discord" else SECRETS[name] or ""


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Give the senders' libraries, or skip the test."""
    return install(tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def signed(judge: Judge) -> dict[str, dict[str, str]]:
    """Give the headers that each sender signs its body with."""
    questions = [
        {
            "do": "sign",
            "scheme": name,
            "secret": signing_secret(name),
            "id": "msg_1",
            "time": int(NOW),
            "url": URL,
            "body": body.decode(),
        }
        for name, (body, _) in BODIES.items()
    ]
    answers = judge.ask(questions)
    return {name: each["headers"] for name, each in zip(BODIES, answers, strict=True)}


@pytest.fixture(scope="module")
def verdicts(judge: Judge) -> dict[str, tuple[Any, Any]]:
    """Give what each says to what we have signed, and to that with a letter changed."""
    questions: list[dict[str, object]] = []

    for name, (body, _) in BODIES.items():
        headers = scheme(name, secret=signing_secret(name)).sign(
            body, id="msg_1", timestamp=time.time(), url=URL
        )
        questions += [
            {
                "do": "verify",
                "scheme": name,
                "secret": SECRETS[name],
                "url": URL,
                "body": each.decode(),
                "headers": {key.lower(): value for key, value in headers.items()},
            }
            for each in (body, changed(body))
        ]

    answers = judge.ask(questions)
    return dict(zip(BODIES, zip(answers[::2], answers[1::2], strict=True), strict=True))


@EVERY_SCHEME
async def test_what_they_sign_is_taken(
    name: str, signed: dict[str, dict[str, str]]
) -> None:
    """And one letter changed is not."""
    body, event = BODIES[name]
    media_type = FORM if name == "twilio" else JSON
    headers = {"Content-Type": media_type, **NOT_SIGNED, **signed[name]}
    taking = Taking(source_of(name))

    refused = await taking.post(f"/{name}", changed(body), headers)
    taken = await taking.post(f"/{name}", body, headers)

    assert refused.status == 401
    assert taken.status in {200, 202, 204}
    assert [heard for heard, _ in taking.heard] == [event]


@EVERY_SCHEME
def test_what_we_sign_they_verify(
    name: str, verdicts: dict[str, tuple[Any, Any]]
) -> None:
    """And one letter changed they do not; their clock is the real one."""
    whole, forged = verdicts[name]

    assert whole == {"verified": True, "reason": ""}
    assert forged["verified"] is False
