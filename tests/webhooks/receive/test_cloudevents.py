"""CloudEvents, written by the library of the specification's own project."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from tests.webhooks.receive.taking import SECRETS, Taking, sign, source_of

DATA = {"order": 1, "note": "é"}
ONE = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.paid"}
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json"


def event_of(id: str = "1", kind: str = "com.example/order.paid") -> CloudEvent:
    """Make an event."""
    return CloudEvent(
        attributes={
            "id": id,
            "source": "/shop é %",
            "type": kind,
            "specversion": "1.0",
            "datacontenttype": "application/json",
        },
        data=DATA,
    )


def taking_of(scheme: str = "none", **options: Any) -> Taking:
    """Make a receiver of CloudEvents."""
    return Taking(source_of(scheme, format="cloudevents", **options))


@pytest.mark.parametrize("write", [to_structured_event, to_binary_event])
@pytest.mark.parametrize("scheme", sorted(SECRETS))
async def test_an_event_comes_in_json_or_in_headers(write: Any, scheme: str) -> None:
    """With any scheme; its payload is its data."""
    taking = taking_of(scheme)
    message = write(event_of())
    signed = sign(scheme, message.body)
    names = {name.lower() for name in message.headers}
    own = {name: value for name, value in signed.items() if name.lower() not in names}

    if scheme == "twilio":
        own |= _twilio_of_json(message.body)

    path = {"query_string": own.pop("query", "").encode()}
    answered = await taking.post(
        f"/{scheme}",
        message.body,
        {"Host": "example.com", **own, **message.headers},
        **path,
    )

    assert answered.status == 202
    assert taking.heard == [(f"{scheme}.com.example.order.paid", DATA)]


def _twilio_of_json(body: bytes) -> dict[str, str]:
    import hashlib

    from tests.webhooks.receive.taking import URL, twilio

    query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    mac = twilio(f"{URL}?{query}", b"", SECRETS["twilio"] or "")
    return {"query": query, "X-Twilio-Signature": mac}


async def test_source_and_id_make_the_event() -> None:
    """Two sources may have one id; one event may come in two modes."""
    taking = taking_of()

    for write in (to_structured_event, to_binary_event):
        message = write(event_of())
        await taking.post("/none", message.body, message.headers)

    other = json.dumps(ONE).encode()
    await taking.post("/none", other, {"Content-Type": STRUCTURED})

    assert len(taking.heard) == 2


async def test_headers_that_are_not_signed_count_with_the_body() -> None:
    """In binary mode a scheme signs nothing of what names the event."""
    taking = taking_of("github", replays="refuse")

    async def post(id: str) -> int:
        message = to_binary_event(event_of(id))
        headers = {**sign("github", message.body), **message.headers}
        headers.pop("Content-Type", None)
        return (await taking.post("/github", message.body, headers)).status

    assert [await post("1"), await post("1"), await post("2")] == [202, 202, 401]
    assert len(taking.heard) == 1


async def test_a_batch_is_several_events() -> None:
    """Each is one of its own; those that were handled before are not again."""
    taking = taking_of()

    async def post(*ids: str) -> int:
        body = json.dumps([{**ONE, "id": each, "data": each} for each in ids]).encode()
        answered = await taking.post("/none", body, {"Content-Type": BATCH})
        return answered.status

    assert await post("1", "2") == 202
    assert await post("2", "3") == 202
    assert await post() == 202
    assert [payload for _, payload in taking.heard] == ["1", "2", "3"]
    assert len({envelope.id for envelope in taking.envelopes}) == 3


async def test_a_batch_is_taken_whole_or_not() -> None:
    """One that is no event, and nothing is emitted."""
    taking = taking_of()
    body = json.dumps([ONE, {**ONE, "id": ""}]).encode()

    answered = await taking.post("/none", body, {"Content-Type": BATCH})

    assert answered.status == 400
    assert taking.heard == []


async def test_a_batch_that_fails_halfway_comes_again() -> None:
    """What was handled is not handled twice, and what failed is."""
    taking = taking_of()
    fails = [True, False]

    def callback(payload: object) -> None:
        if payload == 2 and fails.pop(0):
            raise RuntimeError

    taking.bus.on("none.**", callback)
    body = json.dumps([{**ONE, "id": str(n), "data": n} for n in (1, 2, 3)]).encode()

    answers = [
        await taking.post("/none", body, {"Content-Type": BATCH}) for _ in range(2)
    ]

    assert [answer.status for answer in answers] == [500, 202]
    assert [payload for _, payload in taking.heard] == [1, 2, 2, 3]


async def test_data_may_be_bytes_or_nothing() -> None:
    """In JSON bytes are in base64."""
    taking = taking_of()

    for more in ({"id": "1", "data_base64": "AAH/"}, {"id": "2"}):
        body = json.dumps({**ONE, **more}).encode()
        await taking.post("/none", body, {"Content-Type": STRUCTURED})

    assert [payload for _, payload in taking.heard] == [b"\0\1\xff", None]


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (STRUCTURED, b""),
        (STRUCTURED, b"[]"),
        (STRUCTURED, b"{}"),
        (STRUCTURED, json.dumps({**ONE, "specversion": "0.3"}).encode()),
        (STRUCTURED, json.dumps({**ONE, "id": 1}).encode()),
        (STRUCTURED, json.dumps({**ONE, "type": ""}).encode()),
        (STRUCTURED, json.dumps({**ONE, "type": "a b"}).encode()),
        (STRUCTURED, json.dumps({**ONE, "source": None}).encode()),
        (STRUCTURED, json.dumps({**ONE, "data": 1, "data_base64": "AA=="}).encode()),
        (STRUCTURED, json.dumps({**ONE, "data_base64": "A"}).encode()),
        (STRUCTURED, json.dumps({**ONE, "data_base64": "é"}).encode()),
        (STRUCTURED, json.dumps({**ONE, "data_base64": 1}).encode()),
        (BATCH, json.dumps(ONE).encode()),
        (BATCH, b"[1]"),
        ("application/json", json.dumps(ONE).encode()),
    ],
)
async def test_what_is_no_cloudevent_is_malformed(media_type: str, body: bytes) -> None:
    """Whatever is missing or has another type."""
    taking = taking_of()

    answered = await taking.post("/none", body, {"Content-Type": media_type})

    assert answered.status == 400
    assert taking.heard == []


@pytest.mark.parametrize("value", ["%C0%A0", "%ff", "\u00e9", "%ED%A0%80"])
async def test_a_header_that_is_no_text_is_malformed(value: str) -> None:
    """Overlong, cut off, half a pair: each would be a second face of some id."""
    taking = taking_of()
    headers = {f"ce-{name}": text for name, text in ONE.items()}

    answered = await taking.post(
        "/none", b"1", {"Content-Type": "application/json", **headers, "ce-id": value}
    )

    assert answered.status == 400


@pytest.mark.parametrize(
    "media_type", ["application/cloudevents+avro", "text/plain", ""]
)
async def test_other_formats_are_not_taken(media_type: str) -> None:
    """JSON is what we read."""
    taking = taking_of()

    answered = await taking.post("/none", b"{}", {"Content-Type": media_type})

    assert answered.status == 415
