"""Stripe's scheme: one header of time and signatures, the whole secret as the key."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe import SignatureVerificationError, WebhookSignature

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, scheme

NOW = 1_760_000_000
SECRET = "whsec_test_9f8e7d6c5b4a"
BODY = b'{"id": "evt_1"}'
MADE = scheme("stripe", SECRET)
SIGNED = MADE.sign(BODY, id="x", timestamp=NOW)["Stripe-Signature"]
V1 = SIGNED.partition(",")[2]


def _verify(header: str, *, now: float = NOW) -> Verified:
    return MADE.verify({"Stripe-Signature": header}, BODY, now=now)


def test_each_secret_makes_a_signature_after_the_one_time() -> None:
    """While a secret is rolled, receivers of either find theirs."""
    both = scheme("stripe", [SECRET, "whsec_second"])

    header = both.sign(BODY, id="x", timestamp=NOW + 0.9)["Stripe-Signature"]

    second = scheme("stripe", "whsec_second").sign(BODY, id="x", timestamp=NOW)
    assert header == f"{SIGNED},{second['Stripe-Signature'].partition(',')[2]}"


def test_the_time_is_vouched_for_and_no_id() -> None:
    """The id of an event is in its body."""
    assert _verify(SIGNED) == Verified(timestamp=NOW)


@pytest.mark.parametrize(
    "header",
    [
        *(f"{V1},t={NOW}", f"{SIGNED},v0={'0' * 64}", f"v2=new,{SIGNED},v9"),
        *(f"t={NOW},v1={'0' * 64},{V1}", f"t={NOW},v1=,v1=zz,v1,{V1}", f"{SIGNED},"),
    ],
)
def test_what_stands_beside_a_good_signature_does_not_count(header: str) -> None:
    """Entries of other versions, or malformed, are as good as absent."""
    _verify(header)


@pytest.mark.parametrize(
    "header",
    [
        *("", ",", "=", "t", f"t={NOW}", V1, f"t=,{V1}", f"t={NOW},v1", f"t={NOW},v1="),
        *(f"t={NOW},t={NOW},{V1}", f"{SIGNED},t=1", f"t={NOW}.0,{V1}", f"T={NOW},{V1}"),
        *(f"t=0{NOW},{V1}", f"t= {NOW},{V1}", f"t=+{NOW},{V1}", f"t={NOW}\n,{V1}"),
        *(f"t={NOW}, {V1}", f"t={NOW};{V1}", f"t={NOW},{V1.upper()}", f" {SIGNED}"),
        *(f"{SIGNED} ", f"{SIGNED}00", SIGNED[:-1], SIGNED.replace("v1", "v0")),
        *(SIGNED.replace("v1", "V1"), SIGNED.replace("v1=", "v1=="), f"{SIGNED}\x00"),
        *(f"t={NOW},v1=" + "\u0661" * 64, f"t={'9' * 5000},{V1}", f"t=\ud800,{V1}"),
    ],
)
def test_a_header_has_one_form(header: str) -> None:
    """Whatever parsers forgive was never Stripe's."""
    with pytest.raises(SignatureError):
        _verify(header)


def test_a_flood_of_signatures_is_refused() -> None:
    """A stranger does not say how often we compare."""
    with pytest.raises(SignatureError, match="more than 16 signatures"):
        _verify(SIGNED + f",v1={'0' * 64}" * 16)

    _verify(f"t={NOW}" + f",v1={'0' * 64}" * 15 + f",{V1}")


@settings(deadline=None)
@given(
    body=st.text().map(lambda text: json.dumps(text, ensure_ascii=False)),
    secret=st.from_regex(r"\Awhsec_[A-Za-z0-9]+\Z"),
)
def test_the_library_of_stripe_and_we_agree(body: str, secret: str) -> None:
    """Each verifies what the other signs. It takes no clock but the real one."""
    now = int(time.time())
    made, raw = scheme("stripe", secret), body.encode(errors="replace")
    text = raw.decode()

    ours = made.sign(raw, id="x", timestamp=now)["Stripe-Signature"]
    theirs = WebhookSignature.generate_signature_header(text, secret, now)

    assert WebhookSignature.verify_header(raw, ours, secret, tolerance=300)
    made.verify({"stripe-signature": theirs}, raw, now=now)


def test_the_library_of_stripe_finds_its_secret_among_several() -> None:
    """A secret of the receiver's that is the second of the sender's."""
    both = scheme("stripe", ["whsec_new", SECRET])
    header = both.sign(BODY, id="x", timestamp=time.time())["Stripe-Signature"]

    assert WebhookSignature.verify_header(BODY, header, SECRET, tolerance=300)

    with pytest.raises(SignatureVerificationError):
        WebhookSignature.verify_header(BODY, header, "whsec_other", tolerance=300)
