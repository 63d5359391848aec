"""Standard Webhooks: versions, several secrets, strict parsing, stale requests."""

from __future__ import annotations

import base64
import json
import math
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Scheme, Verified, new_secret, scheme

NOW = 1_760_000_000
BODY = b'{"type":"order.paid"}'
SHARED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PAIR = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9l"
    "MicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


def _signed(made: Scheme, **changes: str) -> dict[str, str]:
    headers = made.sign(BODY, id="msg_1", timestamp=NOW)
    return {**headers, **{f"webhook-{key}": value for key, value in changes.items()}}


def test_each_secret_makes_a_signature_in_the_order_given() -> None:
    """One header carries them all, while secrets or versions are changed."""
    other = new_secret()

    made = _signed(scheme("standard", [SHARED, PAIR, other, PUBLIC]))

    assert made["webhook-signature"].split(" ") == [
        _signed(scheme("standard", each))["webhook-signature"]
        for each in (SHARED, PAIR, other)
    ]


@pytest.mark.parametrize("receiver", [SHARED, PAIR, PUBLIC, [new_secret(), PUBLIC]])
def test_a_mixed_list_is_good_for_whoever_holds_one_key(receiver: str) -> None:
    """The receiver of either version skips the entries of the other."""
    headers = _signed(scheme("standard", [new_secret(), SHARED, PAIR]))

    found = scheme("standard", receiver).verify(headers, BODY, now=NOW)

    assert found == Verified(id="msg_1", timestamp=NOW)


def test_a_signature_counts_under_its_own_version_only() -> None:
    """Even for a receiver that holds keys of both."""
    made = scheme("standard", [SHARED, PUBLIC])

    for swapped in (
        _entry(SHARED).replace("v1,", "v1a,"),
        _entry(PAIR).replace("v1a,", "v1,"),
    ):
        with pytest.raises(SignatureError, match="no signature of a known version"):
            made.verify(_signed(made, signature=swapped), BODY, now=NOW)


def test_a_seed_alone_is_the_same_pair() -> None:
    """Svix writes 64 bytes, the seed and its public half; the seed says it all."""
    seed = base64.b64decode(PAIR[5:])[:32]
    short = "whsk_" + base64.b64encode(seed).decode()

    assert _signed(scheme("standard", short)) == _signed(scheme("standard", PAIR))


@pytest.mark.parametrize("form", [SHARED[6:], SHARED[6:].rstrip("=")])
def test_a_shared_secret_may_come_without_prefix_or_padding(form: str) -> None:
    """As the reference libraries take it."""
    padded = "whsec_" + base64.b64encode(b"a" * 32).decode()
    bare = padded.rstrip("=")

    assert _signed(scheme("standard", form)) == _signed(scheme("standard", SHARED))
    assert _signed(scheme("standard", bare)) == _signed(scheme("standard", padded))


def test_a_public_key_cannot_sign() -> None:
    """A receiver's key in a sender's place is a mistake worth words."""
    with pytest.raises(OptionError, match="can only verify"):
        scheme("standard", PUBLIC).sign(BODY, id="msg_1", timestamp=NOW)


@pytest.mark.parametrize("id_", ["", "a.b", "a b", "a\r\nX: y", "\u00e9", "x" * 513])
def test_an_id_that_does_not_fit_is_not_signed(id_: str) -> None:
    """Nor is it accepted, signed by whomever."""
    made = scheme("standard", SHARED)

    with pytest.raises(OptionError, match="cannot be the id"):
        made.sign(BODY, id=id_, timestamp=NOW)

    with pytest.raises(SignatureError, match="the id is"):
        made.verify(_signed(made, id=id_), BODY, now=NOW)


@pytest.mark.parametrize("timestamp", [-1.0, math.nan, math.inf, 1e12])
def test_a_timestamp_that_is_no_time_is_not_signed(timestamp: float) -> None:
    """It would be refused by everybody."""
    with pytest.raises(OptionError, match="no time"):
        scheme("standard", SHARED).sign(BODY, id="msg_1", timestamp=timestamp)


@pytest.mark.parametrize("now", [NOW - 300, NOW - 0.5, NOW, NOW + 300])
def test_the_tolerance_is_300_seconds_both_ways(now: float) -> None:
    """Bounds included."""
    made = scheme("standard", SHARED)

    made.verify(_signed(made), BODY, now=now)


@pytest.mark.parametrize("now", [NOW - 301, NOW + 301, math.nan, math.inf, -math.inf])
def test_a_stale_request_is_refused(now: float) -> None:
    """So is one from the future, and everything, where the clock is broken."""
    made = scheme("standard", SHARED)

    with pytest.raises(SignatureError, match="allowed"):
        made.verify(_signed(made), BODY, now=now)


def test_the_tolerance_can_be_chosen() -> None:
    """For receivers behind a queue, or with good clocks."""
    made = scheme("standard", SHARED, tolerance=5)

    made.verify(_signed(made), BODY, now=NOW + 5)

    with pytest.raises(SignatureError, match="6 s old: 5 s are allowed"):
        made.verify(_signed(made), BODY, now=NOW + 6)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1760000000.0", "1_760_000_000", "1.76e9", " 1760000000", "1760000000 "),
        *("+1760000000", "01760000000", "-1", "1760000000s", "0x68e77800", "NaN"),
        *("\u0661\u0667\u0666" + "0" * 7, "1760000000\n", "9" * 400),
    ],
)
def test_a_timestamp_is_whole_seconds_in_one_form(text: str) -> None:
    """What `int` and `float` take besides was never meant by a sender."""
    made = scheme("standard", SHARED)

    with pytest.raises(SignatureError, match="whole Unix seconds"):
        made.verify(_signed(made, timestamp=text), BODY, now=NOW)


def _entry(secret: str) -> str:
    return _signed(scheme("standard", secret))["webhook-signature"]


@pytest.mark.parametrize(
    "entries",
    [
        *("garbage {}", "v1 {}", "v1,A {}", "v1,\u00e9 {}", ", {}", "  {}  "),
        *("v2,abcd {}", "v1a,AAAA {}", "{} garbage", "v1,=== {}", "v1,,{0} {0}"),
    ],
)
def test_a_malformed_entry_is_as_good_as_absent(entries: str) -> None:
    """The good one beside it counts, wherever it stands."""
    made = scheme("standard", [SHARED, PUBLIC])

    made.verify(_signed(made, signature=entries.format(_entry(SHARED))), BODY, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.rstrip("="),
        lambda entry: entry + "=",
        lambda entry: entry[:-2] + chr(ord(entry[-2]) + 1) + "=",
        lambda entry: entry + ",x",
        lambda entry: entry[:10] + "\n" + entry[10:],
        lambda entry: entry[:10] + "-" + entry[10:],
        lambda entry: entry.replace("v1,", "V1,"),
        lambda entry: entry.replace("v1,", "v1a,"),
        lambda entry: entry.replace("v1,", "v1="),
        lambda entry: entry.replace("v1,", " v1 ,"),
        lambda entry: entry + "\t" + entry,
    ],
)
def test_a_signature_has_one_canonical_form(change: object) -> None:
    """Base64 decoders differ in what they forgive; we forgive nothing."""
    assert callable(change)
    made = scheme("standard", SHARED)
    headers = _signed(made, signature=change(_entry(SHARED)))

    with pytest.raises(SignatureError, match="no signature of a known version"):
        made.verify(headers, BODY, now=NOW)


def test_a_flood_of_signatures_is_refused_before_it_costs_anything() -> None:
    """Ed25519 reads the whole body for each of them."""
    made = scheme("standard", PUBLIC)
    flood = " ".join([_entry(PAIR).replace("v1a,n", "v1a,o")] * 17)

    with pytest.raises(SignatureError, match="more than 16"):
        made.verify(_signed(scheme("standard", PAIR), signature=flood), BODY, now=NOW)


def test_no_character_can_move_between_id_timestamp_and_body() -> None:
    """The dots between them are the only ones in front of the body."""
    made = scheme("standard", SHARED)
    headers = made.sign(b"2.x", id="a", timestamp=1)

    with pytest.raises(SignatureError):
        made.verify(
            {**headers, "webhook-id": "a.1", "webhook-timestamp": "2"}, b"x", now=1
        )


@settings(deadline=None)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode()),
    key=st.binary(min_size=24, max_size=64),
)
def test_the_reference_library_and_we_agree(body: bytes, key: bytes) -> None:
    """Each verifies what the other signs. It takes no clock but the real one."""
    secret = "whsec_" + base64.b64encode(key).decode()
    now = time.time()
    made, judge = scheme("standard", secret), Webhook(secret)

    judge.verify(body, made.sign(body, id="msg_1", timestamp=now))

    theirs = judge.sign("msg_2", datetime.fromtimestamp(int(now), UTC), body.decode())
    headers = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(int(now)),
        "webhook-signature": theirs,
    }
    assert made.verify(headers, body, now=now).id == "msg_2"


@settings(deadline=None)
@given(
    body=st.text(st.characters(codec="utf-8")), key=st.binary(min_size=24, max_size=64)
)
def test_the_library_of_svix_and_we_agree(body: str, key: bytes) -> None:
    """Each verifies what the other signs; it finds its secret among several."""
    secret = "whsec_" + base64.b64encode(key).decode()
    now = time.time()
    made, judge = scheme("svix", [new_secret(), secret]), SvixWebhook(secret)

    judge.verify(body.encode(), made.sign(body.encode(), id="msg_1", timestamp=now))

    theirs = judge.sign("msg_2", datetime.fromtimestamp(int(now), UTC), body)
    headers = {
        "svix-id": "msg_2",
        "svix-timestamp": str(int(now)),
        "svix-signature": theirs,
    }
    assert made.verify(headers, body.encode(), now=now).id == "msg_2"


def test_the_reference_library_skips_what_it_has_no_key_for() -> None:
    """It knows v1 only: a sender on the way to v1a keeps its receivers."""
    now = time.time()
    made = scheme("standard", [PAIR, new_secret(), SHARED])

    Webhook(SHARED).verify(BODY, made.sign(BODY, id="msg_1", timestamp=now))
