"""What each sender's requests become: name, payload, id, and the answer."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from tests.webhooks.receive.taking import (
    FORM,
    JSON,
    SECRETS,
    Taking,
    form,
    sign,
    source_of,
    twilio,
)

EVENT = {"type": "app_mention", "user": "U1"}
CASES: list[tuple[str, Any, str, int]] = [
    ("standard", {"type": "order.paid", "n": 1}, "standard.order.paid", 202),
    ("svix", {"type": "order.paid", "n": 1}, "svix.order.paid", 202),
    ("github", {"action": "opened"}, "github.push", 202),
    (
        "stripe",
        {"id": "evt_1", "object": "event", "type": "invoice.paid", "data": {}},
        "stripe.invoice.paid",
        200,
    ),
    (
        "stripe",
        {"id": "evt_2", "object": "v2.core.event", "type": "v1.billing.meter.no"},
        "stripe.v1.billing.meter.no",
        200,
    ),
    ("shopify", {"id": 1}, "shopify.orders.create", 200),
    (
        "slack",
        {"type": "event_callback", "event_id": "Ev1", "event": EVENT},
        "slack.app_mention",
        200,
    ),
    ("slack", {"type": "app_rate_limited"}, "slack.app_rate_limited", 200),
    ("discord", {"id": "1", "type": 2}, "discord.application_command", 200),
    ("discord", {"id": "1", "type": 3}, "discord.message_component", 200),
    ("discord", {"id": "1", "type": 5}, "discord.modal_submit", 200),
    ("discord", {"id": "1", "type": 77}, "discord.interaction_77", 200),
    (
        "discord",
        {"type": 1, "event": {"type": "APPLICATION_AUTHORIZED", "data": {}}},
        "discord.application_authorized",
        204,
    ),
    ("bearer", {"type": "order.paid"}, "bearer.order.paid", 202),
    ("none", {"type": "order.paid"}, "none.order.paid", 202),
]


@pytest.mark.parametrize(("scheme", "data", "name", "status"), CASES)
async def test_json_becomes_an_event(
    scheme: str, data: Any, name: str, status: int
) -> None:
    """The payload is all of the body, and the answer is as the sender likes it."""
    taking = Taking(source_of(scheme))

    answered = await taking.signed(scheme, json.dumps(data).encode())

    assert answered.status == status
    assert taking.heard == [(name, data)]


@pytest.mark.parametrize("scheme", ["bearer", "none", "stripe", "slack", "discord"])
async def test_a_body_in_the_standard_format_gives_its_data(scheme: str) -> None:
    """Bridges send it with any scheme; it is like no body of the scheme's own."""
    taking = Taking(source_of(scheme))
    body = b'{"type":"order.paid","timestamp":"now","data":{"n":1}}'

    await taking.signed(scheme, body, upcall_id="m1")

    assert taking.heard == [(f"{scheme}.order.paid", {"n": 1})]


@pytest.mark.parametrize("scheme", ["bearer", "none", "stripe", "slack", "standard"])
async def test_a_raw_body_has_its_name_in_a_header(scheme: str) -> None:
    """So do bridges that send the payload and nothing else."""
    taking = Taking(source_of(scheme))

    await taking.signed(scheme, b"[1]", upcall_event="caf%C3%A9.open", upcall_id="1")

    assert taking.heard == [(f"{scheme}.café.open", [1])]


async def test_a_header_does_not_rename_what_names_itself() -> None:
    """Whoever has caught a request may add headers to it; the body is signed."""
    taking = Taking(source_of("stripe"))
    data = {"id": "evt_1", "object": "event", "type": "invoice.paid"}

    await taking.signed(
        "stripe", json.dumps(data).encode(), upcall_event="invoice.voided"
    )

    assert [name for name, _ in taking.heard] == ["stripe.invoice.paid"]


@pytest.mark.parametrize("scheme", ["bearer", "none", "stripe", "slack", "discord"])
@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b'{"id":"x"}', b'{"type":null}'])
async def test_a_body_without_a_type_is_malformed(scheme: str, body: bytes) -> None:
    """There would be no name for the event."""
    taking = Taking(source_of(scheme))

    assert (await taking.signed(scheme, body)).status == 400
    assert taking.heard == []


PAYLOADS = files("upcall.cli") / "payloads"


@pytest.mark.parametrize(
    "name",
    sorted(each.name for each in PAYLOADS.iterdir() if each.name[:2].isdigit()),
)
@pytest.mark.parametrize("media_type", [JSON, FORM])
async def test_real_payloads_of_github_come_through(name: str, media_type: str) -> None:
    """To the last member, as JSON and in a form."""
    taking = Taking(source_of("github", pings="emit"))
    text = (PAYLOADS / name).read_text(encoding="utf-8")
    event = name.split("-", 1)[1].split(".", maxsplit=1)[0]
    body = text.encode() if media_type == JSON else form({"payload": text})

    answered = await taking.signed("github", body, media_type, x_github_event=event)

    assert answered.status == 202
    assert taking.heard == [(f"github.{event}", json.loads(text))]


# --- forms ---


async def test_github_sends_forms_too() -> None:
    """The JSON is in a field then, and the form is what was signed."""
    taking = Taking(source_of("github"))

    answered = await taking.signed("github", form({"payload": '{"a": 1}'}), FORM)

    assert answered.status == 202
    assert taking.heard == [("github.push", {"a": 1})]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"command": "/deploy", "text": "now"}, "slack.command.deploy"),
        ({"command": "/a/b"}, "slack.command.a.b"),
    ],
)
async def test_a_command_of_slack_becomes_an_event(
    fields: dict[str, str], name: str
) -> None:
    """Its name is that of the command, its payload the form; the answer is empty."""
    taking = Taking(source_of("slack"))

    answered = await taking.signed("slack", form(fields), FORM)

    assert (answered.status, answered.body) == (200, b"")
    assert taking.heard == [(name, fields)]


async def test_an_action_of_slack_becomes_an_event() -> None:
    """Its JSON is in a field of a form."""
    taking = Taking(source_of("slack"))
    data = {"type": "block_actions", "actions": []}

    await taking.signed("slack", form({"payload": json.dumps(data)}), FORM)

    assert taking.heard == [("slack.block_actions", data)]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"MessageSid": "SM1", "SmsStatus": "received"}, "message.received"),
        ({"SmsStatus": "sent", "MessageStatus": "delivered"}, "message.delivered"),
        ({"CallSid": "CA1", "CallStatus": "in-progress"}, "call.in-progress"),
        (
            {"CallStatus": "completed", "RecordingStatus": "completed"},
            "recording.completed",
        ),
        ({"EventType": "task.created"}, "task.created"),
        ({"Digits": "1"}, "request"),
    ],
)
async def test_a_form_of_twilio_says_what_it_is(
    fields: dict[str, str], name: str
) -> None:
    """There is no type: the status of something is one."""
    taking = Taking(source_of("twilio"))

    answered = await taking.signed("twilio", form(fields), FORM)

    assert (answered.status, answered.body) == (204, b"")
    assert "content-length" not in answered.headers
    assert taking.heard == [(f"twilio.{name}", fields)]


async def test_a_field_that_is_there_twice_is_a_list() -> None:
    """Nothing of a form is left out."""
    taking = Taking(source_of("twilio"))

    await taking.signed("twilio", b"a=1&a=2&b=", FORM)

    assert taking.heard == [("twilio.request", {"a": ["1", "2"], "b": ""})]


@pytest.mark.parametrize(
    ("scheme", "body"),
    [
        ("github", b"a=1"),
        ("github", b"payload={"),
        ("github", b"payload={}&payload={}"),
        ("github", b"payload=%ff"),
        ("github", b"payload=\xff"),
        ("github", b"a=1&" * 1001),
        ("slack", b"a=1"),
        ("slack", b"command=/"),
        ("slack", b"command=%2Fa%20b"),
        ("slack", b"payload=[]"),
        ("slack", b"payload="),
        ("twilio", b"CallStatus=a&CallStatus=b"),
        ("twilio", b"CallStatus=**"),
    ],
)
async def test_a_form_that_says_too_little_is_malformed(
    scheme: str, body: bytes
) -> None:
    """Signed as it should be, and of no use: 400."""
    taking = Taking(source_of(scheme))
    headers = {"Host": "example.com", "X-GitHub-Event": "push"}

    if scheme == "github" and body.endswith(b"\xff"):
        headers |= _github_of_bytes(body)
    else:
        headers |= sign(scheme, body, media_type=FORM)

    assert (await taking.post(f"/{scheme}", body, headers)).status == 400


def _github_of_bytes(body: bytes) -> dict[str, str]:
    return {**sign("github", body), "Content-Type": FORM}


@pytest.mark.parametrize("scheme", sorted(set(SECRETS) - {"github", "slack", "twilio"}))
async def test_forms_are_taken_from_nobody_else(scheme: str) -> None:
    """Who sends JSON has no business with them."""
    taking = Taking(source_of(scheme))

    assert (await taking.signed(scheme, b"a=1", FORM)).status == 415


# --- Shopify's headers ---


async def test_shopify_may_leave_out_the_x() -> None:
    """Newer requests have the same headers without it."""
    taking = Taking(source_of("shopify"))
    headers = {n.removeprefix("X-"): v for n, v in sign("shopify", b"{}").items()}

    answered = await taking.post("/shopify", b"{}", headers)

    assert answered.status == 200
    assert [name for name, _ in taking.heard] == ["shopify.orders.create"]


async def test_shopify_with_both_is_refused() -> None:
    """One signature, and two topics to choose from: that is nobody's request."""
    taking = Taking(source_of("shopify"))

    answered = await taking.signed("shopify", b"{}", shopify_topic="orders/delete")

    assert answered.status == 400


async def test_shopify_without_the_id_of_an_event_has_that_of_the_webhook() -> None:
    """Older requests have no other."""
    taking = Taking(source_of("shopify"))
    headers = sign("shopify", b"{}")
    del headers["X-Shopify-Event-Id"]

    assert (await taking.post("/shopify", b"{}", headers)).status == 200

    del headers["X-Shopify-Webhook-Id"]
    assert (await taking.post("/shopify", b"{}", headers)).status == 400


async def test_one_event_of_a_shop_may_be_of_several_topics() -> None:
    """They have one id and one body, and are two events for us."""
    taking = Taking(source_of("shopify"))

    for topic in ("orders/create", "orders/paid", "orders/paid"):
        await taking.signed("shopify", b"{}", x_shopify_topic=topic)

    names = [name for name, _ in taking.heard]
    assert names == ["shopify.orders.create", "shopify.orders.paid"]


# --- what a copy is ---


@pytest.mark.parametrize(
    ("scheme", "first", "second", "events"),
    [
        # The id is in the body, which is signed: it alone counts.
        (
            "stripe",
            {"id": "1", "object": "event", "type": "a", "pending_webhooks": 1},
            {"id": "1", "object": "event", "type": "a", "pending_webhooks": 2},
            1,
        ),
        (
            "stripe",
            {"id": "1", "object": "event", "type": "a", "account": "acct_1"},
            {"id": "1", "object": "event", "type": "a", "account": "acct_2"},
            2,
        ),
        (
            "slack",
            {"type": "event_callback", "event_id": "1", "event": EVENT, "n": 1},
            {"type": "event_callback", "event_id": "1", "event": EVENT, "n": 2},
            1,
        ),
        ("discord", {"id": "1", "type": 2, "n": 1}, {"id": "1", "type": 2, "n": 2}, 1),
        # The id is in a header, which is not.
        ("shopify", {"n": 1}, {"n": 2}, 2),
        ("shopify", {"n": 1}, {"n": 1}, 1),
        # Nothing is signed: the id is all there is.
        ("none", {"type": "a", "n": 1}, {"type": "a", "n": 2}, 1),
    ],
)
async def test_what_is_a_copy_depends_on_what_is_signed(
    scheme: str, first: Any, second: Any, events: int
) -> None:
    """The table of all schemes says it; here are two requests each."""
    taking = Taking(source_of(scheme))

    answers = [
        await taking.signed(scheme, json.dumps(data).encode())
        for data in (first, second)
    ]

    assert answers[0] == answers[1]
    assert len(taking.heard) == events


async def test_a_command_is_the_same_only_with_its_time() -> None:
    """It has no id; sent by Slack a second later, it was given a second time."""
    taking = Taking(source_of("slack"))
    body = form({"command": "/deploy"})

    for seconds in (0, 0, 1):
        taking.clock.advance(seconds)
        await taking.signed("slack", body, FORM)

    assert len(taking.heard) == 2


async def test_twilio_is_the_same_with_its_url_and_fields() -> None:
    """A field that has changed is another request; another id is a replay."""
    taking = Taking(source_of("twilio", replays="refuse"))
    body = form({"CallStatus": "ringing"})

    answers = [
        await taking.signed("twilio", body, FORM),
        await taking.signed("twilio", body, FORM),
        await taking.signed("twilio", body + b"&a=1", FORM),
        await taking.signed("twilio", body, FORM, i_twilio_idempotency_token="2"),
    ]

    assert [answer.status for answer in answers] == [204, 204, 204, 401]
    assert len(taking.heard) == 2


async def test_without_an_id_the_body_is_one() -> None:
    """A sender that gives none is not cut off: equal bodies are one event."""
    taking = Taking(source_of("none"))

    for body in (b'{"type":"a"}', b'{"type":"a"}', b'{"type":"a" }'):
        await taking.post("/none", body, {"Content-Type": "application/json"})

    assert len(taking.heard) == 2


# --- where Twilio's requests come in ---


@pytest.mark.parametrize(
    ("options", "scope", "path", "signed"),
    [
        ({}, {}, "/twilio", "https://example.com/twilio"),
        ({}, {"query_string": b"a=%20"}, "/twilio", "https://example.com/twilio?a=%20"),
        ({}, {"scheme": "http"}, "/twilio", "http://example.com/twilio"),
        ({}, {"root_path": "/in"}, "/twilio", "https://example.com/in/twilio"),
        ({}, {"root_path": "/in"}, "/in/twilio", "https://example.com/in/twilio"),
        (
            {},
            {"root_path": "/in", "raw_path": b"/in/twilio"},
            "/in/twilio",
            "https://example.com/in/twilio",
        ),
        ({}, {}, "/twilio", "https://example.com:443/twilio"),
        (
            {"url": "https://public.example/x"},
            {"scheme": "http", "query_string": b"b=1"},
            "/twilio",
            "https://public.example/x?b=1",
        ),
    ],
)
async def test_twilio_signs_the_url_as_it_knows_it(
    options: dict[str, Any], scope: dict[str, Any], path: str, signed: str
) -> None:
    """It is made of the request, or given where a proxy has changed that."""
    taking = Taking(source_of("twilio", **options))
    body = form({"CallStatus": "ringing"})
    headers = {
        "Host": "example.com",
        "Content-Type": FORM,
        "X-Twilio-Signature": twilio(signed, body, "12345"),
    }

    right = await taking.post(path, body, headers, **scope)
    other = await taking.post(path, body, {**headers, "Host": "else.example"}, **scope)

    assert right.status == 204
    assert other.status == (204 if options else 401)


# --- all of them ---


@pytest.mark.parametrize("scheme", [name for name in SECRETS if name != "none"])
async def test_forged_requests_are_all_told_the_same(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Missing, wrong, or of another body: one answer, and the reason on record."""
    taking = Taking(source_of(scheme))
    body = json.dumps({"type": "a"}).encode()
    good = {"Host": "example.com", **sign(scheme, body)}
    (signature,) = [
        name
        for name in good
        if name.lower().endswith(("signature", "256", "ed25519", "authorization"))
    ]
    missing = {name: value for name, value in good.items() if name != signature}
    wrong = {**good, signature: good[signature][:-4] + "beef"}

    answers = [
        await taking.post(f"/{scheme}", body, headers) for headers in (missing, wrong)
    ]

    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert taking.heard == []
    told = [record.getMessage() for record in caplog.records]
    assert len(set(told)) == 2
    assert (SECRETS[scheme] or "") not in caplog.text


@pytest.mark.parametrize(("scheme", "data", "name", "status"), CASES)
async def test_what_is_kept_is_read_again_without_a_difference(
    scheme: str, data: Any, name: str, status: int
) -> None:
    """Stored and read again after a crash, a request gives the same, id included."""
    from upcall.webhooks._receive.intake import intakes_of
    from upcall.webhooks._receive.request import Request

    (intake,) = intakes_of([source_of(scheme)]).values()
    body = json.dumps(data).encode()
    headers = {n.lower(): v for n, v in sign(scheme, body).items()}
    kept = intake.kept(Request(headers={**headers, "cookie": "c"}, body=body))

    again = intake.read(Request(headers=dict(kept.headers), body=kept.body))

    assert again == intake.read(kept)
    assert [each.name for each in again] == [name]
    assert intake.reply(again).status == status
    assert not {"cookie", "authorization", "webhook-signature"} & set(kept.headers)
