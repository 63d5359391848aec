"""GitHub's scheme: one header, one form, the newest secret signs."""

from __future__ import annotations

import pytest

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, scheme

SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
DIGEST = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_the_vector_of_the_documentation() -> None:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    made = scheme("github", SECRET).sign(BODY, id="72d3162e-cc78", timestamp=0)

    assert made == {
        "X-Hub-Signature-256": f"sha256={DIGEST}",
        "X-GitHub-Delivery": "72d3162e-cc78",
    }


def test_the_newest_secret_signs() -> None:
    """The header has room for one signature."""
    made = scheme("github", [SECRET, "older"])

    assert made.sign(BODY, id="1", timestamp=0)["X-Hub-Signature-256"].endswith(DIGEST)


def test_neither_id_nor_time_are_vouched_for() -> None:
    """They are not signed, so a receiver must not be told that they are."""
    headers = {"X-Hub-Signature-256": f"sha256={DIGEST}", "X-GitHub-Delivery": "forged"}

    found = scheme("github", SECRET).verify(headers, BODY, now=0)

    assert found == Verified(id=None, timestamp=None)


@pytest.mark.parametrize(
    "value",
    [
        *("", DIGEST, f"sha1={DIGEST[:40]}", f"sha512={DIGEST}", f"SHA256={DIGEST}"),
        *(f"sha256={DIGEST.upper()}", f"sha256={DIGEST[:-1]}", f"sha256={DIGEST}0"),
        *(
            f" sha256={DIGEST}",
            f"sha256={DIGEST}\n",
            f"sha256={DIGEST},sha256={DIGEST}",
        ),
        *(f"sha256= {DIGEST[1:]}", "sha256=" + "\u0661" * 64, "sha256=" + "g" * 64),
    ],
)
def test_a_signature_has_one_form(value: str) -> None:
    """What `bytes.fromhex` forgives is refused before it."""
    with pytest.raises(SignatureError, match="64 digits in hex"):
        scheme("github", SECRET).verify({"X-Hub-Signature-256": value}, BODY, now=0)


def test_the_old_header_alone_is_not_enough() -> None:
    """SHA-1 is never looked at."""
    headers = {"X-Hub-Signature": "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"}

    with pytest.raises(SignatureError, match="X-Hub-Signature-256 is missing"):
        scheme("github", SECRET).verify(headers, BODY, now=0)


@pytest.mark.parametrize("id_", ["a\r\nEvil: 1", " a", "\u20ac"])
def test_an_id_that_does_not_fit_a_header_is_refused(id_: str) -> None:
    """It would be another header to the receiver."""
    with pytest.raises(OptionError, match="X-GitHub-Delivery"):
        scheme("github", SECRET).sign(BODY, id=id_, timestamp=0)
