"""Discord's scheme: Ed25519 over ten digits and the body."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.encoding import HexEncoder
from nacl.signing import SigningKey

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, scheme

NOW = 1_760_000_000
BODY = b'{"type": 1}'
SEED = "bfc84ee08143d7bc5e083971c1d9175927524ccb7c06d51aebfb369a79b46e18"
PUBLIC = "ad356e0328d6a22728dc000088dc2f3ba766f0a0a20aa4f9bbade1506ce25c85"
MADE = scheme("discord", SEED + PUBLIC)


def test_the_time_is_vouched_for_and_no_id() -> None:
    """The id of an interaction is in its body."""
    headers = MADE.sign(BODY, id="x", timestamp=NOW + 0.9)

    assert headers["X-Signature-Timestamp"] == str(NOW)
    assert MADE.verify(headers, BODY, now=NOW) == Verified(timestamp=NOW)


def test_64_digits_are_the_seed_to_sign_and_the_public_key_to_verify() -> None:
    """Each side holds one half, and either is written like the other."""
    headers = scheme("discord", SEED).sign(BODY, id="x", timestamp=NOW)

    assert headers == MADE.sign(BODY, id="x", timestamp=NOW)
    scheme("discord", PUBLIC.upper()).verify(headers, BODY, now=NOW)


def test_nobody_can_sign_with_the_public_key() -> None:
    """It is known to everybody: a key that is made of it vouches for nothing."""
    forged = scheme("discord", PUBLIC).sign(BODY, id="x", timestamp=NOW)

    for secret in (PUBLIC, SEED + PUBLIC):
        with pytest.raises(SignatureError, match="match"):
            scheme("discord", secret).verify(forged, BODY, now=NOW)


def test_no_digit_can_move_between_time_and_body() -> None:
    """Nothing stands between them, so the time has ten digits."""
    headers = MADE.sign(b"1" + BODY, id="x", timestamp=NOW)
    longer = {**headers, "X-Signature-Timestamp": f"{NOW}1"}

    with pytest.raises(SignatureError, match="ten digits"):
        MADE.verify(longer, BODY, now=NOW * 10)

    headers = MADE.sign(BODY, id="x", timestamp=NOW)
    shorter = {**headers, "X-Signature-Timestamp": str(NOW)[:-1]}

    with pytest.raises(SignatureError, match="ten digits"):
        MADE.verify(shorter, b"0" + BODY, now=NOW // 10)


@pytest.mark.parametrize("text", ["", " 760000000", "+760000000", "\u0661" * 10, "1e9"])
def test_the_time_is_written_in_ascii_digits(text: str) -> None:
    """What `int` takes besides was never Discord's."""
    headers = MADE.sign(BODY, id="x", timestamp=NOW) | {"X-Signature-Timestamp": text}

    with pytest.raises(SignatureError, match="ten digits"):
        MADE.verify(headers, BODY, now=NOW)


def test_small_times_have_ten_digits_too_and_large_ones_cannot() -> None:
    """A clock that was never set is no reason to send what nobody could read."""
    headers = MADE.sign(BODY, id="x", timestamp=7)

    assert headers["X-Signature-Timestamp"] == "0000000007"
    assert MADE.verify(headers, BODY, now=7) == Verified(timestamp=7)

    with pytest.raises(OptionError, match="more than ten digits"):
        MADE.sign(BODY, id="x", timestamp=10_000_000_000)


@pytest.mark.parametrize(
    "change", ["", "{}00", "{}\n", " {}", "0x{}", "{}{}", "\ud800", "\u0661" * 128]
)
def test_a_signature_has_one_form(change: str) -> None:
    """What `bytes.fromhex` forgives is refused before it."""
    headers = MADE.sign(BODY, id="x", timestamp=NOW)
    given = headers["X-Signature-Ed25519"]

    for changed in (change.format(given, given), given.upper()):
        with pytest.raises(SignatureError, match="128 digits in hex"):
            MADE.verify({**headers, "X-Signature-Ed25519": changed}, BODY, now=NOW)


@settings(deadline=None)
@given(body=st.binary(), seed=st.binary(min_size=32, max_size=32))
def test_another_implementation_and_we_agree(body: bytes, seed: bytes) -> None:
    """Discord's own libraries verify with this one."""
    key = SigningKey(seed)
    public = key.verify_key.encode(HexEncoder).decode()
    content = str(NOW).encode() + body

    ours = scheme("discord", seed.hex()).sign(body, id="x", timestamp=NOW)
    key.verify_key.verify(content, bytes.fromhex(ours["X-Signature-Ed25519"]))

    theirs = {
        "X-Signature-Ed25519": key.sign(content).signature.hex(),
        "X-Signature-Timestamp": str(NOW),
    }
    scheme("discord", public).verify(theirs, body, now=NOW)
