"""Questions whether somebody is there: answered after the signature, and no events."""

from __future__ import annotations

import json
import logging

import pytest
from tests.webhooks.asgi import request
from tests.webhooks.receive.taking import FORM, Taking, form, source_of

from upcall.errors import OptionError

CHALLENGE = {"type": "url_verification", "token": "t", "challenge": "3eZbrw1aB"}


async def test_slack_gets_its_challenge_back() -> None:
    """As plain text, when the URL of an app is set."""
    taking = Taking(source_of("slack"))

    answered = await taking.signed("slack", json.dumps(CHALLENGE).encode())

    assert (answered.status, answered.body) == (200, b"3eZbrw1aB")
    assert answered.headers["content-type"] == "text/plain; charset=utf-8"
    assert taking.heard == []


async def test_slack_may_look_after_the_certificate() -> None:
    """It sends a form for that now and then, to the URLs of commands."""
    taking = Taking(source_of("slack"))

    answered = await taking.signed("slack", form({"ssl_check": "1"}), FORM)

    assert answered.status == 200
    assert taking.heard == []


async def test_an_event_may_speak_of_a_challenge() -> None:
    """Only the type of the whole makes it one."""
    taking = Taking(source_of("slack"))
    event = {"type": "message", "text": "url_verification"}
    data = {"type": "event_callback", "event_id": "Ev1", "event": event}

    await taking.signed("slack", json.dumps(data).encode())

    assert [name for name, _ in taking.heard] == ["slack.message"]


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        ({"type": 1}, 200, b'{"type":1}'),
        ({"id": "1", "type": 1, "version": 1}, 200, b'{"type":1}'),
        ({"version": 1, "application_id": "1", "type": 0}, 204, b""),
    ],
)
async def test_discord_is_answered_its_ping(
    data: dict[str, object], status: int, body: bytes
) -> None:
    """Those of interactions and of webhook events differ."""
    taking = Taking(source_of("discord"))

    answered = await taking.signed("discord", json.dumps(data).encode())

    assert (answered.status, answered.body) == (status, body)
    assert taking.heard == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (2, b'{"type":5}'),
        (3, b'{"type":5}'),
        (4, b'{"type":8,"data":{"choices":[]}}'),
        (5, b'{"type":5}'),
    ],
)
async def test_an_interaction_is_answered_as_deferred(kind: int, body: bytes) -> None:
    """A callback answers it later; suggestions cannot wait, and there are none."""
    taking = Taking(source_of("discord"))
    data = json.dumps({"id": "1", "type": kind}).encode()

    answers = [await taking.signed("discord", data) for _ in range(2)]

    assert [answer.body for answer in answers] == [body, body]
    assert answers[0].headers["content-type"] == "application/json"
    assert len(taking.heard) == 1


async def test_a_ping_of_github_is_answered() -> None:
    """It comes when a hook is made, and again whenever somebody asks for it."""
    taking = Taking(source_of("github", rate=1e-6))

    answers = [
        await taking.signed("github", b'{"zen":"x"}', x_github_event="ping")
        for _ in range(3)
    ]

    assert [(each.status, each.body) for each in answers] == [(200, b"")] * 3
    assert taking.heard == []


async def test_a_ping_of_github_may_be_an_event_too() -> None:
    """Who keeps a list of hooks wants what is in it."""
    taking = Taking(source_of("github", pings="emit"))

    answered = await taking.signed("github", b'{"zen":"x"}', x_github_event="ping")

    assert (answered.status, answered.body) == (202, b"")
    assert taking.heard == [("github.ping", {"zen": "x"})]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"scheme": "github", "pings": "drop"}, "give 'answer' or 'emit'"),
        ({"scheme": "slack", "pings": "emit"}, "no use with scheme='slack'"),
    ],
)
def test_pings_that_make_no_sense_are_refused(
    options: dict[str, str], match: str
) -> None:
    """Only GitHub's wants the answer of an event."""
    with pytest.raises(OptionError, match=match):
        source_of(**options)


@pytest.mark.parametrize(
    ("scheme", "body"),
    [
        ("slack", json.dumps(CHALLENGE).encode()),
        ("discord", b'{"type":1}'),
        ("github", b'{"zen":"x"}'),
    ],
)
async def test_a_question_that_is_not_signed_is_not_answered(
    scheme: str, body: bytes
) -> None:
    """Discord asks so on purpose, to see whether we verify."""
    taking = Taking(source_of(scheme))
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "ping"}

    answered = await taking.post(f"/{scheme}", body, headers)

    assert answered.status == 401


@pytest.mark.parametrize("scheme", ["slack", "discord"])
async def test_a_question_that_is_no_json_is_malformed(scheme: str) -> None:
    """Signed or not, it has to be one."""
    taking = Taking(source_of(scheme))

    answered = await taking.signed(scheme, b'{"url_verification"')

    assert answered.status == 400


async def test_a_handshake_is_on_record(caplog: pytest.LogCaptureFixture) -> None:
    """Who sets up a sender sees that it came through."""
    caplog.set_level(logging.INFO, "upcall")
    taking = Taking(source_of("discord"))

    await taking.signed("discord", b'{"type":1}')

    (record,) = caplog.records
    assert record.getMessage() == "webhook answered at '/discord': a handshake"
    assert vars(record)["upcall_status"] == 200


# --- CloudEvents ---


@pytest.mark.parametrize(("rate", "granted"), [(None, "*"), (2.0, "120"), (0.001, "1")])
async def test_a_sender_of_cloudevents_may_ask_first(
    rate: float | None, granted: str
) -> None:
    """The permission is for whoever asks, for as many as the source takes."""
    taking = Taking(source_of("none", format="cloudevents", rate=rate))
    headers = {
        "WebHook-Request-Origin": "eventemitter.example.com",
        "WebHook-Request-Rate": "120",
        "WebHook-Request-Callback": "https://169.254.169.254/",
    }

    answered = await request(
        taking.receiver, "/none", method="OPTIONS", headers=headers
    )

    assert (answered.status, answered.body) == (200, b"")
    assert answered.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert answered.headers["webhook-allowed-rate"] == granted
    assert answered.headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"WebHook-Request-Origin": ""},
        {"WebHook-Request-Origin": "a b"},
        {"WebHook-Request-Origin": "a\r\nb"},
        {"WebHook-Request-Origin": "a" * 256},
        {"WebHook-Request-Origin": "a", "WebHook-Request-Rate": "0"},
        {"WebHook-Request-Origin": "a", "WebHook-Request-Rate": "many"},
    ],
)
async def test_a_question_that_says_too_little_gets_no_permission(
    headers: dict[str, str],
) -> None:
    """The specification wants the name of the one who asks."""
    taking = Taking(source_of("none", format="cloudevents"))

    answered = await request(
        taking.receiver, "/none", method="OPTIONS", headers=headers
    )

    assert answered.status == 400
    assert "webhook-allowed-origin" not in answered.headers


async def test_other_sources_have_no_options() -> None:
    """It is a method like any other that is not POST."""
    taking = Taking(source_of("none"))
    headers = {"WebHook-Request-Origin": "example.com"}

    answered = await request(
        taking.receiver, "/none", method="OPTIONS", headers=headers
    )

    assert answered.status == 405
