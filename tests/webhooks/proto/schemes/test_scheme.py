"""Finding a scheme by its name, and what every scheme does alike."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, new_secret, scheme

NAMES = ("github", "standard", "svix")
NOW = 1_760_000_000
SECRETS = {
    "github": "It's a Secret to Everybody",
    "standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "svix": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def test_new_secret_is_32_random_bytes() -> None:
    """Long enough for HMAC-SHA256, and another one each time."""
    first, second = new_secret(), new_secret()

    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_verifies_what_it_signed(name: str) -> None:
    """The whole way round, with names of headers in another case."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(b'{"a": 1}', id="msg_1", timestamp=NOW + 0.7)

    found = made.verify(
        {key.upper(): value for key, value in headers.items()}, b'{"a": 1}', now=NOW
    )

    signed = name != "github"
    assert found == (Verified(id="msg_1", timestamp=NOW) if signed else Verified())
    assert made.name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_verifies_with_any_of_its_secrets(name: str) -> None:
    """While a secret is rotated out, requests signed with either one are good."""
    old, new = SECRETS[name], new_secret()
    headers = scheme(name, old).sign(b"x", id="1", timestamp=NOW)

    scheme(name, [new, old]).verify(headers, b"x", now=NOW)

    with pytest.raises(SignatureError):
        scheme(name, (new,)).verify(headers, b"x", now=NOW)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"x" * 300_000])
def test_a_scheme_signs_bytes_whatever_they_are(name: str, body: bytes) -> None:
    """Nothing decodes the body, so it need not be text."""
    made = scheme(name, SECRETS[name])

    made.verify(made.sign(body, id="1", timestamp=NOW), body, now=NOW)


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_refuses_a_body_of_one_other_bit(name: str) -> None:
    """The reason for it all."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(b"amount=1", id="1", timestamp=NOW)

    with pytest.raises(SignatureError, match="match"):
        made.verify(headers, b"amount=3", now=NOW)


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_never_shows_its_secrets(name: str) -> None:
    """Neither in its own text nor in that of its parts."""
    made = scheme(name, [SECRETS[name], new_secret()])
    shown = f"{made} {made!r} {[getattr(made, part) for part in ('_keys',)]!r}"

    assert "2 secret" in repr(made)
    assert SECRETS[name] not in shown
    assert base64.b64decode(SECRETS["standard"][6:]).hex() not in shown


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("standard", ""),
        ("standard", []),
        ("standard", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""]),
        ("standard", "sk_live_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("standard", "whsec_"),
        ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"),
        ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
        ("standard", "whsec_MfKQ9r8GKYqr-wjUPD8ILPZIo2LaLaSw"),
        ("standard", "whsec_\u00e9\u00e9"),
        ("standard", "whsec_" + base64.b64encode(b"a" * 23).decode()),
        ("standard", "whsec_" + base64.b64encode(b"a" * 65).decode()),
        ("standard", "whsk_" + base64.b64encode(b"a" * 31).decode()),
        ("standard", "whsk_" + base64.b64encode(b"a" * 33).decode()),
        ("standard", "whsk_" + base64.b64encode(b"a" * 64).decode()),
        ("standard", "whpk_" + base64.b64encode(b"a" * 31).decode()),
        ("standard", "whpk_" + base64.b64encode(b"a" * 64).decode()),
        ("standard", b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("standard", [None]),
        ("github", ""),
        ("github", []),
        ("github", "\ud800hunter2"),
        ("svix", "hunter2"),
    ],
)
def test_scheme_refuses_a_bad_secret_without_showing_it(name: str, secret: Any) -> None:
    """At the making, where somebody can still do something about it."""
    with pytest.raises(OptionError, match="secret") as caught:
        scheme(name, secret)

    for each in secret if isinstance(secret, list) else [secret]:
        rest = str(each).removeprefix("whsec_")
        assert len(rest) < 5 or rest not in str(caught.value)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_scheme_names_the_known_ones() -> None:
    """A slip of the pen is seen at once."""
    with pytest.raises(OptionError, match="no scheme 'standart': use one of 'github'"):
        scheme("standart", SECRETS["standard"])


@pytest.mark.parametrize("tolerance", [-1.0, math.inf, math.nan])
def test_scheme_refuses_a_tolerance_that_is_no_duration(tolerance: float) -> None:
    """An infinite one would switch the check off in silence."""
    with pytest.raises(OptionError, match="tolerance"):
        scheme("standard", SECRETS["standard"], tolerance=tolerance)


HEADERS = st.sampled_from(
    [
        *("webhook-id", "Webhook-Timestamp", "webhook-signature"),
        *("svix-id", "svix-timestamp", "svix-signature", "X-Hub-Signature-256"),
    ]
)
VALUES = st.one_of(
    st.text(),
    st.none(),
    st.binary(),
    st.sampled_from([str(NOW), f"{NOW}.0", "v1,", "v1a,AAAA", "sha256=", "1" * 400]),
    st.from_regex(r"(v1a?,[A-Za-z0-9+/]{0,90}={0,2} ?){1,3}"),
    st.from_regex(r"\Asha256=[0-9a-f]{64}\Z"),
)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(
    headers=st.dictionaries(st.one_of(HEADERS, st.text()), VALUES),
    body=st.binary(max_size=64),
    now=st.floats(),
)
def test_a_scheme_raises_signature_errors_and_nothing_else(
    name: str, headers: Any, body: bytes, now: float
) -> None:
    """Nobody can guess a signature, so every one of these is refused."""
    keys = [SECRETS[name]]

    if name != "github":
        keys.append("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")

    with pytest.raises(SignatureError):
        scheme(name, keys).verify(headers, body, now=now)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(data=st.data())
def test_a_scheme_refuses_every_signature_that_was_touched(
    name: str, data: st.DataObject
) -> None:
    """One character of a signed header changed, dropped or doubled: refused."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(b"body", id="msg_1", timestamp=NOW)
    headers.pop("X-GitHub-Delivery", None)
    touched = data.draw(st.sampled_from(sorted(headers)))
    value = headers[touched]
    place = data.draw(st.integers(0, len(value) - 1))
    instead = data.draw(st.one_of(st.just(""), st.characters(), st.just(value[place:])))
    changed = value[:place] + instead + value[place + 1 :]

    if changed.strip(" ") in (value, f"{value} {value}"):
        return

    with pytest.raises(SignatureError):
        made.verify({**headers, touched: changed}, b"body", now=NOW)
