"""Slack's scheme: version, time and body, each after a colon."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, scheme

NOW = 1_760_000_000
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BODY = b"token=x&command=%2Fweather"
MADE = scheme("slack", SECRET)


class _Fixed(Clock):
    """A clock that stands."""

    def now(self) -> float:
        """Return the one time."""
        return NOW


def test_the_time_is_vouched_for_and_no_id() -> None:
    """The id of an event is in its body; commands have none."""
    headers = MADE.sign(BODY, id="x", timestamp=NOW + 0.9)

    assert headers["X-Slack-Request-Timestamp"] == str(NOW)
    assert MADE.verify(headers, BODY, now=NOW) == Verified(timestamp=NOW)


@pytest.mark.parametrize(
    "change",
    [
        *("{}0", "{} ", " {}", "{}\n", "{},{}", "{}\x00", "\ud800{}", "v0={}"),
        *("", "v0=", "v0", "v0=\u00e9", "v0=" + "g" * 64, "v0=" + "\u0661" * 64),
    ],
)
def test_a_signature_has_one_form(change: str) -> None:
    """What `bytes.fromhex` forgives is refused before it."""
    headers = MADE.sign(BODY, id="x", timestamp=NOW)
    changed = change.format(*[headers["X-Slack-Signature"]] * 2)

    with pytest.raises(SignatureError, match="v0= and 64 digits in hex"):
        MADE.verify({**headers, "X-Slack-Signature": changed}, BODY, now=NOW)


@pytest.mark.parametrize("text", ["", "1760000000.0", "01760000000", "1760000000:x"])
def test_a_timestamp_is_whole_seconds(text: str) -> None:
    """With a colon in it, it could trade characters with the body."""
    headers = MADE.sign(BODY, id="x", timestamp=NOW)

    with pytest.raises(SignatureError, match="whole Unix seconds"):
        MADE.verify({**headers, "X-Slack-Request-Timestamp": text}, BODY, now=NOW)


@settings(deadline=None)
@given(body=st.text(), secret=st.from_regex(r"\A[0-9a-f]{32}\Z"))
def test_the_library_of_slack_and_we_agree(body: str, secret: str) -> None:
    """Each verifies what the other signs."""
    raw = body.encode(errors="replace")
    made, judge = scheme("slack", secret), SignatureVerifier(secret, _Fixed())

    assert judge.is_valid_request(raw, made.sign(raw, id="x", timestamp=NOW))

    theirs = judge.generate_signature(timestamp=str(NOW), body=raw)
    assert theirs is not None
    headers = {"X-Slack-Request-Timestamp": str(NOW), "X-Slack-Signature": theirs}
    made.verify(headers, raw, now=NOW)
