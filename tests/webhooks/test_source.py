"""A source says early what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.webhooks.signed import GITHUB, STANDARD

from upcall.errors import OptionError
from upcall.webhooks.receiver import Source


def test_a_source_is_a_record_that_hides_its_secret() -> None:
    """It shows and compares like one, and keeps the secret to itself."""
    source = Source("/github", scheme="github", secret=GITHUB)

    assert source == Source("/github", scheme="github", secret=GITHUB)
    assert "/github" in repr(source)
    assert GITHUB not in repr(source)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"path": "github"}, "begin it with a slash"),
        ({"path": ""}, "begin it with a slash"),
        ({"path": "/a?b=c"}, "leave out a query"),
        ({"path": 3}, "begin it with a slash"),
        ({"path": None}, "begin it with a slash"),
        ({"scheme": "paypal"}, "give one of 'standard', 'svix', 'github', 'stripe'"),
        ({"scheme": 3}, "give one of"),
        ({"scheme": []}, "give one of"),
        ({"scheme": "none"}, "takes no secret"),
        ({"secret": 3}, "secret"),
        ({"secret": [3]}, "secret"),
        ({"secret": None}, "give secret="),
        ({"secret": ""}, "secret"),
        ({"secret": []}, "secret"),
        ({"scheme": "standard", "secret": "whsec_short"}, "secret"),
        ({"name": "a b"}, "letters, digits"),
        ({"name": ""}, "letters, digits"),
        ({"name": "a..b"}, "letters, digits"),
        ({"name": "*"}, "letters, digits"),
        ({"name": "a" * 101}, "at most 100"),
        ({"name": "webhook"}, "give another name"),
        ({"name": "webhook.in"}, "give another name"),
        ({"name": 3}, "letters, digits"),
        ({"max_body": 0}, "1 byte or more"),
        ({"max_body": 1.5}, "1 byte or more"),
        ({"max_body": True}, "1 byte or more"),
        ({"format": "xml"}, "give 'cloudevents'"),
        ({"format": ["cloudevents"]}, "give 'cloudevents'"),
        ({"invalid": "drop"}, "give 'accept' or 'refuse'"),
        ({"rate": 0}, "requests a second"),
        ({"rate": True}, "requests a second"),
        ({"rate": "10"}, "requests a second"),
        ({"rate": float("nan")}, "requests a second"),
        ({"rate": float("inf")}, "requests a second"),
        ({"encodings": "gzip"}, "give a tuple of 'gzip', 'deflate'"),
        ({"encodings": ["br"]}, "give a tuple of"),
        ({"encodings": [["gzip"]]}, "give a tuple of"),
        ({"encodings": None}, "give a tuple of"),
        ({"url": "https://example.com/"}, "signs no URL"),
        ({"scheme": "twilio", "url": "example.com"}, "without a query"),
        ({"scheme": "twilio", "url": "https://example.com/?a"}, "without a query"),
        ({"scheme": "twilio", "url": 3}, "without a query"),
        ({"replays": "drop"}, "give 'accept' or 'refuse'"),
        ({"scheme": "standard", "secret": STANDARD, "tolerance": -1}, "tolerance"),
        ({"tolerance": "300"}, "tolerance"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(
    options: dict[str, Any], says: str
) -> None:
    """Each mistake has a text that says what to do, and shows no secret."""
    given = {"path": "/github", "scheme": "github", "secret": GITHUB, **options}

    with pytest.raises(OptionError, match=says) as caught:
        Source(given.pop("path"), **given)

    assert GITHUB not in str(caught.value)


@pytest.mark.parametrize("name", ["acme", "acme.eu", "a-b_c.1"])
def test_a_name_is_dotted_segments(name: str) -> None:
    """Names begin the names of events, so they look like them."""
    assert Source("/a", scheme="github", secret=GITHUB, name=name).name == name


def test_the_scheme_none_is_asked_for_by_name_and_has_no_secret() -> None:
    """Nobody ends up without verification by leaving something out."""
    assert Source("/open", scheme="none").secret is None

    with pytest.raises(TypeError, match="scheme"):
        Source("/open")  # type: ignore[call-arg]
