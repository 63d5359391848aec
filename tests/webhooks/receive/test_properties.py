"""Whatever comes in, from whichever sender, a clean status goes out, and soon."""

from __future__ import annotations

import gzip
import json
from typing import Any, Literal
from urllib.parse import urlencode

import anyio
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.webhooks.asgi import Answered, request
from tests.webhooks.receive.taking import FORM, JSON, SECRETS, Taking, sign, source_of
from tests.webhooks.signed import NOW

from upcall import keys
from upcall.webhooks._proto.headers import Lowered
from upcall.webhooks._proto.schemes import signature_headers
from upcall.webhooks._receive.encodings import unpacked
from upcall.webhooks._receive.intake import intakes_of
from upcall.webhooks._receive.parts import parted
from upcall.webhooks._receive.refusal import TEXTS, Refusal
from upcall.webhooks._receive.request import Request

KINDS: list[tuple[str, Literal["cloudevents"] | None]] = [
    (scheme, None) for scheme in SECRETS
] + [
    ("none", "cloudevents"),
    ("standard", "cloudevents"),
]
INTAKES = {
    (each.scheme, each.format): intakes_of(each)[each.path]
    for each in (
        source_of(kind[0], format=kind[1], encodings=("gzip",)) for kind in KINDS
    )
}
OWN = sorted(
    {"content-type", "content-length", "content-encoding", "host", "ce-id", "ce-type"}
    | {"ce-source", "ce-specversion", "webhook-request-origin"}
    | {name for intake in INTAKES.values() for name in intake._kept}
    | {name for scheme in SECRETS for name in signature_headers(scheme)}
)
TYPES = st.sampled_from(
    [JSON, FORM, "application/cloudevents+json", "application/cloudevents-batch+json"]
)
TEXT = st.text(st.characters(max_codepoint=255), max_size=40)
VALUES = (
    TEXT | TYPES | st.sampled_from(["push", "0", "1.0", "1700000000", "%ff", "gzip"])
)
HEADERS = st.lists(st.tuples(st.sampled_from(OWN) | TEXT, VALUES), max_size=12)
NAMES = st.sampled_from(
    [
        "type",
        "data",
        "timestamp",
        "id",
        "object",
        "event",
        "event_id",
        "specversion",
        "source",
        "challenge",
        "data_base64",
        "account",
        "payload",
        "command",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 80)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(["1.0", "event", "event_callback", "url_verification", "a.b"])
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, PLAIN, max_size=7)
FIELDS = st.sampled_from(
    ["payload", "command", "SmsStatus", "CallStatus", "EventType", "ssl_check"]
)
FORMS = st.lists(
    st.tuples(FIELDS | TEXT, TEXT | OBJECTS.map(json.dumps)), max_size=6
).map(urlencode)
BODIES = (
    st.binary(max_size=60)
    | (PLAIN | OBJECTS).map(json.dumps).map(str.encode)
    | FORMS.map(str.encode)
)


def post(taking: Taking, path: str, body: bytes, headers: Any) -> Answered:
    """Make one request."""

    async def main() -> Answered:
        return await request(
            taking.receiver, path, body, headers=headers, scheme="https"
        )

    return anyio.run(main)


@pytest.mark.parametrize("scheme", [name for name in SECRETS if name != "none"])
@settings(max_examples=60, deadline=None)
@given(body=BODIES, headers=HEADERS)
def test_what_nobody_signed_is_no_event(
    scheme: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    """Nobody can guess a signature, whatever is sent."""
    taking = Taking(source_of(scheme, encodings=("gzip",)))

    answered = post(taking, f"/{scheme}", body, headers)

    assert answered.status in TEXTS
    assert answered.status != 500
    assert answered.body == f"{TEXTS[answered.status]}\n".encode()
    assert taking.heard == []


@pytest.mark.parametrize("scheme", ["github", "stripe", "slack", "discord", "none"])
@settings(max_examples=60, deadline=None)
@given(plain=PLAIN | OBJECTS)
def test_what_was_signed_is_taken_or_malformed(scheme: str, plain: Any) -> None:
    """With any JSON at all in it."""
    taking = Taking(source_of(scheme))
    body = json.dumps(plain).encode()

    answered = post(taking, f"/{scheme}", body, sign(scheme, body))

    assert answered.status in (200, 202, 204, 400)
    assert len(taking.heard) <= 1
    assert not (taking.heard and answered.status == 400)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=100, deadline=None)
@given(body=BODIES, media_type=TYPES, headers=HEADERS)
def test_reading_raises_nothing_but_refusals_and_makes_good_names(
    kind: tuple[str, Literal["cloudevents"] | None],
    body: bytes,
    media_type: str,
    headers: list[tuple[str, str]],
) -> None:
    """A pure function of what is kept: the same again gives the same again."""
    intake = INTAKES[kind]
    pairs = {name.lower(): value for name, value in headers}
    whole = Request(headers={**pairs, "content-type": media_type}, body=body)
    pairs.pop("content-encoding", None)
    request_ = Request(headers={**pairs, "content-type": media_type}, body=body)

    try:
        arrivals = intake.read(intake.kept(request_))
    except Refusal as refusal:
        assert refusal.status in (400, 413)
    else:
        assert arrivals == intake.read(request_)

        for each in arrivals:
            assert keys.check_name(each.name).startswith(f"{intake.name}.")
            assert len(each.name) <= 200
            assert len(each.id) <= 200
            assert set(each.id).isdisjoint(". ")

    try:
        intake.check_head("POST", whole.headers)
        intake.greet(whole)
    except Refusal as refusal:
        assert refusal.status in TEXTS


@settings(max_examples=100, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.text(min_size=1, max_size=5), PLAIN, st.booleans()),
        min_size=2,
        max_size=4,
        unique_by=lambda each: each[0],
    ),
    packed=st.booleans(),
)
def test_each_event_of_a_batch_reads_the_same_alone(
    events: list[tuple[str, Any, bool]], packed: bool
) -> None:
    """A store keeps each by itself, and reads it again after a crash."""
    intake = INTAKES["none", "cloudevents"]
    same = {"specversion": "1.0", "source": "/a", "type": "b"}
    text = json.dumps(
        [
            same | {"id": id_} | ({"data_base64": "YQ=="} if binary else {"data": data})
            for id_, data, binary in events
        ]
    )
    assume("Infinity" not in text)  # no JSON
    body = text.encode()
    headers = {"content-type": "application/cloudevents-batch+json"}
    whole = Request(
        headers=headers | ({"content-encoding": "gzip"} if packed else {}),
        body=gzip.compress(body) if packed else body,
    )

    arrivals = intake.read(intake.kept(whole))
    parts = parted(intake.kept(whole), len(arrivals), limit=intake.max_body)

    assert [each for part in parts for each in intake.read(part)] == arrivals
    assert len(arrivals) == len(events)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from([kind for kind in KINDS if kind[0] != "none"]),
    body=BODIES,
    headers=HEADERS,
    url=st.text(max_size=30),
)
def test_verifying_raises_nothing_but_refusals(
    kind: tuple[str, Literal["cloudevents"] | None],
    body: bytes,
    headers: list[tuple[str, str]],
    url: str,
) -> None:
    """Whatever stands where a signature should."""
    request_ = Request(headers=Lowered((n.lower(), v) for n, v in headers), body=body)

    with pytest.raises(Refusal) as refused:
        INTAKES[kind].verify(request_, now=NOW, url=url)

    assert refused.value.status == 401


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=200), limit=st.integers(1, 300))
def test_unpacking_gives_no_more_than_the_limit(body: bytes, limit: int) -> None:
    """Any bytes at all: so much and no more, or a refusal."""
    for encoding in ("gzip", "deflate"):
        packed = Request(headers={"content-encoding": encoding}, body=body)

        try:
            assert len(unpacked(packed, limit=limit).body) <= limit
        except Refusal as refusal:
            assert refusal.status in (400, 413)
