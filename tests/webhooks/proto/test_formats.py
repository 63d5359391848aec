"""Checks of the formats: to the byte, and as other people's libraries read them."""

from __future__ import annotations

__all__ = ()

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.v1.http import CloudEvent, from_http
from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.formats import (
    FORMATS,
    needs_source,
    render,
    standard_body,
)
from upcall.webhooks._proto.message import Message

TIME = datetime(2026, 11, 23, 11, 0, 0, 123456, tzinfo=UTC)
STAMP = "2026-11-23T11:00:00.123Z"
PAYLOADS = st.recursive(st.none() | st.integers() | st.text(), st.lists)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)


def make_message(name: str = "order.paid", payload: object = None) -> Message:
    """Make a message."""
    data = json.dumps({"n": 1} if payload is None else payload).encode()
    return Message(id="m", name=name, time=TIME, data=data)


def read(message: Message, format: str) -> CloudEvent:
    """Read a CloudEvent with the library of those who specify it."""
    made = render(message, format=format, scheme="standard", source="https://a.example")
    return from_http({name.lower(): value for name, value in made.headers}, made.body)


def test_standard_body_is_type_timestamp_data() -> None:
    """To the byte, as receivers that compare bytes would see it."""
    assert standard_body(make_message()) == (
        b'{"type":"order.paid","timestamp":"%b","data":{"n": 1}}' % STAMP.encode()
    )


@given(name=st.text(min_size=1, max_size=40), payload=PAYLOADS)
def test_standard_body_is_json_whatever_is_in_it(name: str, payload: Any) -> None:
    """A name with quotes in it breaks nothing."""
    message = Message(id="m", name=name, time=TIME, data=json.dumps(payload).encode())

    assert json.loads(standard_body(message)) == {
        "type": name,
        "timestamp": STAMP,
        "data": payload,
    }


def test_raw_is_the_payload_and_nothing_else() -> None:
    """The name of the event is in a header."""
    made = render(make_message("größe.neu"), format="raw", scheme="standard")

    assert made.body == b'{"n": 1}'
    assert dict(made.headers) == {
        "Content-Type": "application/json",
        "Upcall-Event": "gr%C3%B6%C3%9Fe.neu",
        "User-Agent": "Upcall",
    }


def test_structured_cloudevent_is_one_object() -> None:
    """To the byte."""
    made = render(
        make_message(), format="cloudevents", scheme="standard", source="/shop"
    )

    assert made.body == (
        b'{"specversion":"1.0","id":"m","source":"/shop","type":"order.paid",'
        b'"time":"%b","datacontenttype":"application/json","data":{"n": 1}}'
        % STAMP.encode()
    )
    assert made.headers[0] == (
        "Content-Type",
        "application/cloudevents+json; charset=utf-8",
    )


def test_binary_cloudevent_has_its_attributes_in_headers() -> None:
    """Encoded as the binding says: quotes, per cent, blanks and what is not ASCII."""
    made = render(
        make_message('a "b".50%.ü'),
        format="cloudevents-binary",
        scheme="standard",
        source="/shop",
    )

    assert made.body == b'{"n": 1}'
    assert dict(made.headers) == {
        "Content-Type": "application/json",
        "User-Agent": "Upcall",
        "ce-id": "m",
        "ce-source": "/shop",
        "ce-specversion": "1.0",
        "ce-time": STAMP,
        "ce-type": "a%20%22b%22.50%25.%C3%BC",
    }


@pytest.mark.parametrize("format", ["cloudevents", "cloudevents-binary"])
@given(payload=st.dictionaries(st.text(), PAYLOADS))
def test_cloudevents_are_what_their_own_library_reads(
    format: str, payload: dict[str, Any]
) -> None:
    """Both modes give the same event."""
    found = read(make_message(payload=payload), format)

    assert found["id"] == "m"
    assert found["type"] == "order.paid"
    assert found["source"] == "https://a.example"
    assert found["time"] == STAMP
    assert found.data == payload


@given(name=NAMES)
def test_structured_cloudevent_takes_any_name(name: str) -> None:
    """Their library reads no encoded headers, so binary is not asked."""
    assert read(make_message(name), "cloudevents")["type"] == name


@given(name=NAMES, format=st.sampled_from(sorted(FORMATS)))
def test_headers_can_be_sent_whatever_the_name(name: str, format: str) -> None:
    """They are visible ASCII."""
    made = render(make_message(name), format=format, scheme="github", source="/é")

    for _, value in made.headers:
        assert value.isascii()
        assert value.isprintable()


def test_github_has_the_name_in_its_header() -> None:
    """In any format."""
    for each in FORMATS:
        made = render(make_message("push"), format=each, scheme="github", source="/")

        assert ("X-GitHub-Event", "push") in made.headers


def test_cloudevents_alone_need_a_source() -> None:
    """It is mandatory there."""
    assert [name for name in FORMATS if needs_source(name)] == [
        "cloudevents",
        "cloudevents-binary",
    ]
