"""Every vector of the schemes, as a strict verifier sees it."""

from __future__ import annotations

import re

import pytest
from tests.webhooks.proto.schemes.cases import Case, vectors

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import scheme


def _judge(name: str, secret: str, case: Case) -> None:
    if case.is_good:
        scheme(name, secret).verify(case.headers, case.body, now=case.now, url=case.url)
        return

    with pytest.raises(SignatureError):
        scheme(name, secret).verify(case.headers, case.body, now=case.now, url=case.url)


@pytest.mark.parametrize("case", vectors("standardwebhooks-v1"))
def test_standard_judges_the_vectors_of_v1(case: Case) -> None:
    """The one vector with a short key is refused before there is a request."""
    if case.expect == "refuse at configuration time":
        with pytest.raises(OptionError, match="has 8 bytes and must have 24 to 64"):
            scheme("standard", case.secret)

        return

    _judge("standard", case.secret, case)


@pytest.mark.parametrize("case", vectors("standardwebhooks-v1a"))
def test_standard_judges_the_vectors_of_v1a_by_the_public_key(case: Case) -> None:
    """A receiver holds the public half only."""
    assert case.public_key is not None
    _judge("standard", case.public_key, case)


@pytest.mark.parametrize("case", vectors("standardwebhooks-v1a"))
def test_standard_judges_the_vectors_of_v1a_by_the_pair(case: Case) -> None:
    """A sender can verify what it signed."""
    _judge("standard", case.secret, case)


@pytest.mark.parametrize("case", vectors("github"))
def test_github_judges_its_vectors(case: Case) -> None:
    """SHA-1 alone, other algorithms and upper-case digits are refused."""
    _judge("github", case.secret, case)


@pytest.mark.parametrize("case", vectors("svix"))
def test_svix_judges_its_vectors(case: Case) -> None:
    """The same bytes as in the standard, under other names."""
    _judge("svix", case.secret, case)


@pytest.mark.parametrize("case", vectors("stripe"))
def test_stripe_judges_its_vectors(case: Case) -> None:
    """A second time, a capital and a blank are refused; v0 is not looked at."""
    _judge("stripe", case.secret, case)


@pytest.mark.parametrize("case", vectors("slack"))
def test_slack_judges_its_vectors(case: Case) -> None:
    """A timestamp from the future is as stale as one from the past."""
    _judge("slack", case.secret, case)


@pytest.mark.parametrize("case", vectors("shopify"))
def test_shopify_judges_its_vectors(case: Case) -> None:
    """With the names of its headers of today and of tomorrow."""
    _judge("shopify", case.secret, case)


@pytest.mark.parametrize("case", vectors("discord"))
def test_discord_judges_its_vectors(case: Case) -> None:
    """A receiver holds the public key only."""
    assert case.public_key is not None
    _judge("discord", case.public_key, case)


@pytest.mark.parametrize("case", vectors("twilio"))
def test_twilio_judges_its_vectors(case: Case) -> None:
    """Forms by their fields, anything else by the digest in the URL."""
    _judge("twilio", case.secret, case)


@pytest.mark.parametrize(
    "case",
    [
        param
        for name in ("standardwebhooks-v1", "standardwebhooks-v1a")
        for param in vectors(name)
        if "plain valid" in param.values[0].why
    ],
)
def test_standard_signs_as_the_senders_libraries_do(case: Case) -> None:
    """Both signatures are deterministic, so the headers are equal to the byte."""
    given = {name.lower(): value for name, value in case.headers.items()}

    made = scheme("standard", case.secret).sign(
        case.body,
        id=given["webhook-id"],
        timestamp=float(given["webhook-timestamp"]),
    )

    assert made == given


@pytest.mark.parametrize(
    ("name", "header", "case"),
    [
        (name, header, param.values[0])
        for name, header in (
            ("stripe", "Stripe-Signature"),
            ("slack", "X-Slack-Signature"),
            ("shopify", "X-Shopify-Hmac-Sha256"),
            ("discord", "X-Signature-Ed25519"),
        )
        for param in vectors(name)
        if "plain valid" in param.values[0].why
    ],
    ids=lambda given: given.id if isinstance(given, Case) else "",
)
def test_a_scheme_signs_as_the_senders_libraries_do(
    name: str, header: str, case: Case
) -> None:
    """All of these signatures are deterministic, so they are equal to the byte."""
    made = scheme(name, case.secret).sign(
        case.body, id="x", timestamp=_time(case), url=case.url
    )

    assert made[header] == case.headers[header]


def _time(case: Case) -> float:
    """Return the time that a request was signed at, 0 where none is signed."""
    shown = " ".join(f"{name}: {value}" for name, value in case.headers.items())
    found = re.search(r"(?:-Timestamp: |t=)([0-9]+)", shown)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    "case",
    [
        p
        for p in vectors("twilio")
        if p.values[0].is_good and "port" not in p.values[0].why
    ],
)
def test_twilio_signs_as_its_library_does(case: Case) -> None:
    """Byte for byte; of two spellings of a URL, the one that is given."""
    made = scheme("twilio", case.secret).sign(
        case.body, id="x", timestamp=0, url=case.url
    )

    assert made["X-Twilio-Signature"] == case.headers["X-Twilio-Signature"]


@pytest.mark.parametrize(
    "case", [p for p in vectors("github") if p.values[0].expect == "accept"]
)
def test_github_signs_as_its_library_does(case: Case) -> None:
    """The signature is deterministic, so it is equal to the byte."""
    made = scheme("github", case.secret).sign(case.body, id="x", timestamp=case.now)

    assert made["X-Hub-Signature-256"] == case.headers["X-Hub-Signature-256"]
