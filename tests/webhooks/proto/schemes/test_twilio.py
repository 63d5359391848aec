"""Twilio's scheme: the URL and the fields of a form, or the digest in the URL."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, scheme, sent_to

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = b"b=2&a=1&B=3&empty="
JSON = b'{"a": "b=c&d"}'
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
MADE = scheme("twilio", TOKEN)


def _sign(body: bytes, url: str = URL) -> dict[str, str]:
    return MADE.sign(body, id="msg_1", timestamp=0, url=url)


def _verify(headers: Any, body: bytes, url: Any = URL) -> Verified:
    return MADE.verify(headers, body, now=0, url=url)


def test_the_id_is_sent_beside_the_signature_and_not_vouched_for() -> None:
    """In the header that Twilio has for it."""
    headers = _sign(FORM)

    assert headers["I-Twilio-Idempotency-Token"] == "msg_1"
    assert _verify(headers | FORM_TYPE, FORM) == Verified()


@pytest.mark.parametrize(
    "same",
    [
        *(b"a=1&b=2&B=3&empty=", b"a=1&b=2&b=2&B=3&empty=", b"&a=1&&b=2&B=3&empty"),
        b"%61=%31&b=2&B=3&empty=",
    ],
)
def test_a_form_is_signed_by_its_fields(same: bytes) -> None:
    """Neither their order, nor copies, nor how they are written make a difference."""
    _verify(_sign(FORM), same)


@pytest.mark.parametrize(
    "other", [b"", b"b=2&a=1&B=3", b"b=2&a=1&B=3&empty=1", b"a=2&b=1&B=3&empty="]
)
def test_other_fields_have_another_signature(other: bytes) -> None:
    """One left out, one more, two that were swapped."""
    with pytest.raises(SignatureError, match="match"):
        _verify(_sign(FORM), other)


@pytest.mark.parametrize(
    ("signed", "received"),
    [
        ("https://example.com/x", "https://example.com:443/x"),
        ("https://example.com:443/x", "https://example.com/x"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com/x", "http://example.com:80/x"),
        ("https://example.com/x", "https://example.com:8443/x"),
        ("https://u:p@example.com/x?y", "https://u:p@example.com:443/x?y"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
        ("HTTPS://example.com#a", "HTTPS://example.com:443#a"),
    ],
)
def test_the_port_may_be_there_or_not(signed: str, received: str) -> None:
    """Twilio writes it now and then, and whoever asks cannot know."""
    _verify(_sign(FORM, signed), FORM, received)


@pytest.mark.parametrize(
    "received",
    [
        *("https://example.com/y", "http://example.com/x", "https://example.org/x"),
        *("https://example.com/x?", "https://example.com/x/", "https://example.com"),
        *("https://example.com/X", "https://u@example.com/x", "https://EXAMPLE.com/x"),
    ],
)
def test_another_url_has_another_signature(received: str) -> None:
    """It is compared as it is written."""
    headers = _sign(FORM, "https://example.com/x")

    with pytest.raises(SignatureError, match="match"):
        _verify(headers, FORM, received)


@pytest.mark.parametrize(
    "url",
    [
        *(None, 3, b"https://example.com", "", "example.com/x", "ftp://example.com/x"),
        *("https://", "https:///x", "https://[::1", "https://a:b:c/", "https://a:x/"),
        *("https://example.com:123456/", "http\u017f://a/", "https://\ud800/"),
        *("https://a/\ud800", "https://a/\nx", " https://a/", "https://[zz]/"),
    ],
)
def test_what_is_no_url_is_refused(url: Any) -> None:
    """To verify it is bad input: receivers make it of headers. To sign, a slip."""
    with pytest.raises(SignatureError, match="whole URL"):
        _verify(_sign(FORM), FORM, url)

    with pytest.raises(OptionError, match="Twilio's scheme signs the URL"):
        _sign(FORM, url)


def test_a_body_that_is_no_form_is_signed_by_its_digest() -> None:
    """The URL that it is sent to has it, and the signature has the URL."""
    url = sent_to("twilio", URL, JSON)

    assert url == f"{URL}&bodySHA256={hashlib.sha256(JSON).hexdigest()}"
    assert sent_to("twilio", url, JSON) == url
    _verify({**_sign(JSON, url), "Content-Type": "application/json"}, JSON, url)

    with pytest.raises(SignatureError, match="not the digest"):
        _verify(_sign(JSON, url), JSON + b" ", url)

    with pytest.raises(OptionError, match="not the digest"):
        _sign(JSON + b" ", url)


@pytest.mark.parametrize(
    ("url", "longer"),
    [
        ("https://a.example", "https://a.example?bodySHA256="),
        ("https://a.example/x#y", "https://a.example/x?bodySHA256=#y"),
        ("https://a.example/x?", "https://a.example/x?&bodySHA256="),
        ("https://a.example/?bodysha256=1", None),
        ("https://a.example/#?bodySHA256=1", None),
    ],
)
def test_the_digest_goes_into_the_query(url: str, longer: str | None) -> None:
    """Before a fragment, after what there is."""
    digest = hashlib.sha256(JSON).hexdigest()

    found = sent_to("twilio", url, JSON)

    assert f"bodySHA256={digest}" in found.partition("#")[0].partition("?")[2]
    assert longer in (None, found.replace(digest, ""))
    _verify(_sign(JSON, found), JSON, found)


def test_a_second_digest_is_refused() -> None:
    """Libraries read the first or the last."""
    url = sent_to("twilio", URL, b"evil") + "&bodySHA256=" + "0" * 64

    with pytest.raises(OptionError, match="is there 2 times"):
        _sign(b"evil", url)

    with pytest.raises(SignatureError, match="is there 2 times"):
        _verify(_sign(FORM), b"evil", url)


@pytest.mark.parametrize(
    "kind", ["application/json", "", "text/plain", "multipart/form-data", None, 3]
)
def test_a_body_that_nothing_vouches_for_is_refused(kind: Any) -> None:
    """As a form, it may have the same fields as another JSON text."""
    with pytest.raises(SignatureError, match="no form, and the URL has no bodySHA256"):
        _verify({**_sign(JSON), "content-type": kind}, JSON)

    _verify({**_sign(b""), "content-type": kind}, b"")


@pytest.mark.parametrize(
    "change", ["", "=", "{}=", " {}", "{}\n", "{},{}", "\u00e9", "\ud800", "\x00" * 28]
)
def test_a_signature_has_one_form(change: str) -> None:
    """Base64 decoders differ in what they forgive; we forgive nothing."""
    given = _sign(FORM)["X-Twilio-Signature"]

    for changed in (change.format(given, given), given[:-2] + "x="):
        with pytest.raises(SignatureError, match=r"base64|match"):
            _verify({"X-Twilio-Signature": changed}, FORM)


FIELDS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=3),
)
ADDRESSES = st.from_regex(r"\Ahttps?://[a-z]{1,9}\.com(:[1-9][0-9]{0,3})?/[a-z]*\Z")


class _Fields(dict[str, list[str]]):
    """A form as the library reads it off a web framework."""

    def getlist(self, name: str) -> list[str]:
        """Return the values of a field."""
        return self[name]


@settings(deadline=None)
@given(fields=FIELDS, url=ADDRESSES, token=st.from_regex(r"\A[0-9a-f]{32}\Z"))
def test_the_library_of_twilio_and_we_agree_on_forms(
    fields: dict[str, list[str]], url: str, token: str
) -> None:
    """Each verifies what the other signs."""
    library = pytest.importorskip("twilio.request_validator")
    made, judge = scheme("twilio", token), library.RequestValidator(token)
    body = urlencode(fields, doseq=True).encode()

    ours = made.sign(body, id="x", timestamp=0, url=url)["X-Twilio-Signature"]
    assert judge.validate(url, _Fields(fields), ours)

    theirs = judge.compute_signature(url, _Fields(fields))
    made.verify({"X-Twilio-Signature": theirs} | FORM_TYPE, body, now=0, url=url)


@settings(deadline=None)
@given(text=st.text(st.characters(codec="utf-8")), url=ADDRESSES)
def test_the_library_of_twilio_and_we_agree_on_digests(text: str, url: str) -> None:
    """It wants the body as text; we take bytes."""
    library = pytest.importorskip("twilio.request_validator")
    judge = library.RequestValidator(TOKEN)
    longer = sent_to("twilio", url, text.encode())

    ours = _sign(text.encode(), longer)["X-Twilio-Signature"]
    assert judge.validate(longer, text, ours)
    assert not judge.validate(longer, text + " ", ours)

    theirs = judge.compute_signature(longer, {})
    _verify({"X-Twilio-Signature": theirs}, text.encode(), longer)
