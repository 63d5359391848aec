"""Whatever comes in, a clean status goes out."""

from __future__ import annotations

import json
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.webhooks.asgi import Answered, request
from tests.webhooks.signed import GITHUB, NOW, STANDARD, github

from upcall import Bus, Envelope
from upcall.testing import ManualClock
from upcall.webhooks._proto.schemes import scheme
from upcall.webhooks._receive.refusal import TEXTS
from upcall.webhooks.receiver import Receiver, Source

HEADERS = (
    "content-type",
    "content-length",
    "content-encoding",
    "x-github-event",
    "x-github-delivery",
    "x-hub-signature-256",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
)
TEXT = st.text(st.characters(max_codepoint=255), max_size=60)
VALUES = TEXT | st.sampled_from(["application/json", "push", "0", "1700000000", "v1,"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "data", "timestamp"]) | st.text(max_size=5), inner
        )
    ),
    max_leaves=8,
)


def post(path: str, body: bytes, headers: Any) -> tuple[Answered, list[Envelope[Any]]]:
    """Make one request of a fresh receiver; return the answer and what was heard."""
    heard: list[Envelope[Any]] = []
    bus = Bus()
    bus.on("**", heard.append, envelope=True)
    receiver = Receiver(
        bus,
        [
            Source("/github", scheme="github", secret=GITHUB),
            Source("/acme", scheme="standard", secret=STANDARD, name="acme"),
        ],
        clock=ManualClock(NOW),
    )

    async def main() -> Answered:
        return await request(receiver, path, body, headers=headers)

    return anyio.run(main), heard


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(["/github", "/acme"]) | st.text(max_size=10),
    body=st.binary(max_size=60) | JSON.map(lambda data: json.dumps(data).encode()),
    headers=st.lists(st.tuples(st.sampled_from(HEADERS) | TEXT, VALUES), max_size=12),
)
def test_any_request_gets_a_clean_answer_and_is_no_event(
    path: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    """Nobody can guess a signature, so nothing is heard, whatever is sent."""
    answered, heard = post(path, body, headers)

    assert answered.status in TEXTS
    assert answered.status != 500
    assert answered.body == f"{TEXTS[answered.status]}\n".encode()
    assert heard == []


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=60) | JSON.map(lambda data: json.dumps(data).encode()),
    event=TEXT,
    guid=TEXT,
)
def test_any_body_of_github_is_an_event_or_malformed(
    body: bytes, event: str, guid: str
) -> None:
    """Signed as it should be, the rest of the request is anything at all."""
    answered, heard = post("/github", body, github(body, event=event, guid=guid))

    assert answered.status in (202, 400)
    assert len(heard) == (answered.status == 202)


@settings(max_examples=150, deadline=None)
@given(data=JSON, kind=st.text(max_size=20) | st.from_regex(r"[a-z]+([./][a-z]+)*"))
def test_any_standard_body_is_an_event_or_malformed(data: Any, kind: str) -> None:
    """With a type that may be a name the payload is what was sent, to the last bit."""
    body = json.dumps({"type": kind, "timestamp": "", "data": data}).encode()
    signed = scheme("standard", STANDARD).sign(body, id="msg_1", timestamp=NOW)

    answered, heard = post(
        "/acme", body, {"content-type": "application/json", **signed}
    )

    assert answered.status in (202, 400)

    for envelope in heard:
        assert envelope.name == "acme." + kind.replace("/", ".")
        assert envelope.payload == json.loads(body)["data"]
