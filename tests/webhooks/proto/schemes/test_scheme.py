"""Finding a scheme by its name, and what every scheme does alike."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.webhooks.proto.schemes.keys import OTHERS, SECRETS

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import (
    Verified,
    carries_several,
    names,
    new_secret,
    scheme,
    sent_to,
    signature_headers,
)

NOW = 1_760_000_000
URL = "https://example.com/hooks?a=1"
NAMES = tuple(name for name in names() if name != "none")
SIGNING = tuple(name for name in NAMES if name != "bearer")
UNSIGNED = {"X-GitHub-Delivery", "I-Twilio-Idempotency-Token"} | {
    f"X-Shopify-{name}" for name in ("Topic", "Webhook-Id", "Event-Id")
}
SIGNED_TIME = ("standard", "svix", "stripe", "slack", "discord")


def test_new_secret_is_32_random_bytes() -> None:
    """Long enough for HMAC-SHA256, and another one each time."""
    first, second = new_secret(), new_secret()

    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_verifies_what_it_signed(name: str) -> None:
    """The whole way round, with names of headers in another case."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(b'{"a": 1}', id="msg_1", timestamp=NOW + 0.7, url=URL)

    found = made.verify(
        {key.upper(): value for key, value in headers.items()},
        b'{"a": 1}',
        now=NOW,
        url=URL,
    )

    assert found == Verified(
        id="msg_1" if name in ("standard", "svix") else None,
        timestamp=NOW if name in SIGNED_TIME else None,
    )
    assert made.name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_verifies_with_any_of_its_secrets(name: str) -> None:
    """While a secret is rotated out, requests signed with either one are good."""
    old, new = SECRETS[name], OTHERS[name]
    headers = scheme(name, old).sign(b"x", id="1", timestamp=NOW, url=URL)

    scheme(name, [new, old]).verify(headers, b"x", now=NOW, url=URL)

    with pytest.raises(SignatureError, match="match"):
        scheme(name, (new,)).verify(headers, b"x", now=NOW, url=URL)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_secret_signs_and_the_others_where_there_is_room(name: str) -> None:
    """Which one it is, tells the sender who may be told when."""
    old, new = SECRETS[name], OTHERS[name]
    headers = scheme(name, [new, old]).sign(b"x", id="1", timestamp=NOW, url=URL)

    scheme(name, new).verify(headers, b"x", now=NOW, url=URL)

    if carries_several(name):
        scheme(name, old).verify(headers, b"x", now=NOW, url=URL)
    else:
        with pytest.raises(SignatureError, match="match"):
            scheme(name, old).verify(headers, b"x", now=NOW, url=URL)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"x" * 300_000])
def test_a_scheme_signs_bytes_whatever_they_are(name: str, body: bytes) -> None:
    """Nothing decodes the body, so it need not be text."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(body, id="1", timestamp=NOW, url=URL)

    made.verify(headers, body, now=NOW, url=URL)


@pytest.mark.parametrize("name", SIGNING)
@settings(deadline=None)
@given(data=st.data())
def test_a_scheme_refuses_a_body_that_was_touched(
    name: str, data: st.DataObject
) -> None:
    """The reason for it all: one byte changed, added or dropped."""
    made = scheme(name, SECRETS[name])
    body = data.draw(st.binary(min_size=1, max_size=40))
    place = data.draw(st.integers(0, len(body) - 1))
    instead = data.draw(st.binary(max_size=2))
    touched = body[:place] + instead + body[place + 1 :]
    url = sent_to(name, URL, body)
    headers = made.sign(body, id="1", timestamp=NOW, url=url)

    if touched == body:
        return

    with pytest.raises(SignatureError, match=r"match|digest"):
        made.verify(headers, touched, now=NOW, url=url)


@pytest.mark.parametrize("name", names())
def test_the_headers_that_a_scheme_sets_are_known(name: str) -> None:
    """So that nobody else sets them."""
    made = scheme(name, SECRETS.get(name)).sign(b"", id="1", timestamp=NOW, url=URL)

    assert {each.lower() for each in made} == signature_headers(name)


def test_only_twilio_sends_to_another_url() -> None:
    """It has the digest of the body where others sign the body."""
    changed = [name for name in names() if sent_to(name, URL, b"x") != URL]

    assert changed == ["twilio"]


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_never_shows_its_secrets(name: str) -> None:
    """Neither in its own text nor in that of its parts."""
    made = scheme(name, [SECRETS[name], OTHERS[name]])
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
        ("stripe", "whsec_abcdef\n"),
        ("slack", ["abcdef", "8f742231b10e8888\r\n"]),
        ("shopify", "\udfffhunter2"),
        ("discord", SECRETS["discord"][:63]),
        ("discord", SECRETS["discord"][:64] + "g" * 64),
        ("discord", SECRETS["discord"][:64] + OTHERS["discord"][64:]),
        ("discord", SECRETS["discord"][:96]),
        ("discord", "hunter2"),
        ("twilio", ["\ud800hunter2"]),
        ("bearer", "hunter 2"),
        ("bearer", "Bearer hunter2"),
        ("bearer", "=hunter2"),
        ("bearer", "hunt\u00e9r2"),
        ("bearer", "hunter2\x00"),
        ("none", "hunter2"),
        *((name, secret) for name in NAMES for secret in (None, 3, b"hunter2", {1: 2})),
        *((name, secret) for name in NAMES for secret in ("", (), [""], [3], object())),
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
    with pytest.raises(
        OptionError, match="no scheme 'standart': use one of 'standard'"
    ):
        scheme("standart", SECRETS["standard"])


@pytest.mark.parametrize("name", [3, None, "", ["standard"], b"standard", "Standard"])
@pytest.mark.parametrize("ask", [scheme, signature_headers, carries_several])
def test_what_is_no_name_is_said_to_be_none(name: Any, ask: Any) -> None:
    """Even what no table could be asked for."""
    with pytest.raises(OptionError, match=r"no scheme .*: use one of .*'none'"):
        ask(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_scheme_cannot_do_without_a_secret(name: str) -> None:
    """An empty variable of the environment must not switch the check off."""
    with pytest.raises(OptionError, match="there is no secret: give secret="):
        scheme(name)


@pytest.mark.parametrize("secret", [None, "", ()])
def test_none_verifies_nothing_and_signs_nothing(secret: Any) -> None:
    """It has to be asked for by that name."""
    made = scheme("none", secret)

    assert made.sign(b"x", id="1", timestamp=NOW) == {}
    assert made.verify({}, b"x", now=NOW) == Verified()
    assert (made.name, repr(made)) == ("none", "<scheme 'none'>")


@pytest.mark.parametrize(
    "tolerance",
    [-1.0, math.inf, math.nan, "300", None, True, pytest.param(10**400, id="1e400")],
)
def test_scheme_refuses_a_tolerance_that_is_no_duration(tolerance: Any) -> None:
    """An infinite one would switch the check off in silence."""
    with pytest.raises(OptionError, match="tolerance"):
        scheme("standard", SECRETS["standard"], tolerance=tolerance)


SHOWN = tuple(sorted({each for name in names() for each in signature_headers(name)}))
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
MAC = st.binary(min_size=16, max_size=64).map(base64.b64encode).map(bytes.decode)
VALUES = st.one_of(
    st.text(),
    st.none(),
    st.binary(),
    st.integers(),
    st.lists(st.text()),
    st.sampled_from([str(NOW), f"{NOW}.0", "v1,", "v1a,AAAA", "sha256=", "1" * 400]),
    st.sampled_from([f"t={NOW},v1=", "t=,v1=0", "v0=", "Bearer ", "\x00", "\ud800"]),
    st.builds("{}={}".format, st.sampled_from(["sha256", "v0"]), HEX),
    st.builds("t={},v1={},v1={}".format, st.sampled_from([NOW, "x"]), HEX, HEX),
    st.builds("{}{}".format, HEX, HEX),
    st.builds("{}{}".format, st.sampled_from(["", "v1,", "v1a,", "Bearer "]), MAC),
    st.builds("v1,{} v1a,{} v1,{}".format, MAC, MAC, MAC),
)
ANY_HEADERS = st.dictionaries(
    st.one_of(st.sampled_from(SHOWN), st.text()), VALUES, max_size=4
)
# A scheme's own more often than not, or nothing behind the first is reached.
OWN_HEADERS = {
    name: st.fixed_dictionaries(
        {}, optional=dict.fromkeys(sorted(signature_headers(name)), VALUES)
    )
    for name in NAMES
}
NOWS = st.one_of(st.just(NOW), st.floats(), st.integers())
URLS = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.builds(
        "{}://{}:{}/?bodySHA256={}".format,
        st.sampled_from(["http", "https", "HTTPS", ""]),
        st.one_of(st.just("a.example"), st.text(max_size=3)),
        st.one_of(st.integers(0, 70_000), st.just("")),
        HEX,
    ),
)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(data=st.data())
def test_a_scheme_raises_signature_errors_and_nothing_else(
    name: str, data: st.DataObject
) -> None:
    """Nobody can guess a signature, so every one of these is refused."""
    keys = [SECRETS[name], OTHERS[name]]

    if name in ("standard", "svix"):
        keys.append("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")

    headers: Any = data.draw(ANY_HEADERS) | data.draw(OWN_HEADERS[name])
    body = data.draw(st.binary(max_size=64))
    now = data.draw(NOWS)
    url: Any = data.draw(URLS)

    with pytest.raises(SignatureError):
        scheme(name, keys).verify(headers, body, now=now, url=url)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(data=st.data())
def test_a_scheme_refuses_every_signature_that_was_touched(
    name: str, data: st.DataObject
) -> None:
    """One character of a signed header changed, dropped or doubled: refused."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(b"body", id="msg_1", timestamp=NOW, url=URL)
    touched = data.draw(st.sampled_from(sorted(set(headers) - UNSIGNED)))
    value = headers[touched]
    place = data.draw(st.integers(0, len(value) - 1))
    instead = data.draw(st.one_of(st.just(""), st.characters(), st.just(value[place:])))
    changed = value[:place] + instead + value[place + 1 :]

    if changed.strip(" ") in (value, f"{value} {value}"):
        return

    # The word before a token has no case, and any blanks after it: RFC 9110, 11.4.
    if name == "bearer" and changed.split()[1:] == value.split()[1:]:
        return

    # What stands beside Stripe's own entries does not count.
    if name == "stripe" and {*value.split(",")} <= {*changed.split(",")}:
        return

    with pytest.raises(SignatureError):
        made.verify({**headers, touched: changed}, b"body", now=NOW, url=URL)


class _Doubled(dict[str, str]):
    """A mapping that holds every header twice, as those of web frameworks can."""

    def items(self) -> Any:
        """Give each pair two times."""
        return [pair for pair in super().items() for _ in range(2)]


@pytest.mark.parametrize("name", NAMES)
def test_a_header_that_is_there_twice_is_refused(name: str) -> None:
    """Whoever stands between could read the other one."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(b"x", id="1", timestamp=NOW, url=URL)

    with pytest.raises(SignatureError, match="is there 2 times"):
        made.verify(_Doubled(headers), b"x", now=NOW, url=URL)

    with pytest.raises(SignatureError, match="is no text"):
        made.verify(
            {key: [value] for key, value in headers.items()},  # type: ignore[misc]
            b"x",
            now=NOW,
            url=URL,
        )


@pytest.mark.parametrize("name", SIGNED_TIME)
@pytest.mark.parametrize(
    "now",
    [
        *(NOW - 301, NOW + 301, math.nan, math.inf, -math.inf),
        *(pytest.param(far * 10**400, id=f"{far}e400") for far in (-1, 1)),
    ],
)
def test_a_signed_time_is_held_against_the_clock(name: str, now: float) -> None:
    """Both ways, and by clocks that are out of order too."""
    made = scheme(name, SECRETS[name])
    headers = made.sign(b"x", id="1", timestamp=NOW)

    made.verify(headers, b"x", now=NOW + 300)
    made.verify(headers, b"x", now=NOW - 300)

    with pytest.raises(SignatureError, match="300 s are allowed"):
        made.verify(headers, b"x", now=now)
