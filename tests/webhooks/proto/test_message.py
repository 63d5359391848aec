"""Checks of the body in the format "standard"."""

from __future__ import annotations

__all__ = ()

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.message import Message, standard_body

TIME = datetime(2026, 11, 23, 11, 0, 0, 123456, tzinfo=UTC)


def test_standard_body_is_type_timestamp_data() -> None:
    """To the byte, as receivers that compare bytes would see it."""
    message = Message(id="m", name="order.paid", time=TIME, data=b'{"n":1}')

    assert standard_body(message) == (
        b'{"type":"order.paid","timestamp":"2026-11-23T11:00:00.123Z","data":{"n":1}}'
    )


@given(
    name=st.text(min_size=1, max_size=40),
    payload=st.recursive(st.none() | st.integers() | st.text(), st.lists),
)
def test_standard_body_is_json_whatever_is_in_it(name: str, payload: object) -> None:
    """A name with quotes in it breaks nothing."""
    message = Message(
        id="m", name=name, time=TIME, data=json.dumps(payload).encode("utf-8")
    )

    found = json.loads(standard_body(message))

    assert found == {
        "type": name,
        "timestamp": "2026-11-23T11:00:00.123Z",
        "data": payload,
    }
