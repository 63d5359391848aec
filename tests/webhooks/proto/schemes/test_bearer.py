"""The scheme bearer: a token, which is all that is looked at."""

from __future__ import annotations

import pytest

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, scheme

TOKEN = "mF_9.B5f-4.1JqM~+/=="
MADE = scheme("bearer", TOKEN)


def test_the_token_is_sent_as_it_is() -> None:
    """RFC 6750, section 2.1."""
    headers = MADE.sign(b"x", id="1", timestamp=0)

    assert headers == {"Authorization": f"Bearer {TOKEN}"}
    assert MADE.verify(headers, b"something else", now=9e9) == Verified()


@pytest.mark.parametrize("word", ["Bearer ", "bearer ", "BEARER   "])
def test_the_word_before_it_has_no_case(word: str) -> None:
    """RFC 9110, section 11.1; the blanks are those of 11.4."""
    MADE.verify({"authorization": word + TOKEN}, b"", now=0)


@pytest.mark.parametrize(
    "value",
    [
        *("", TOKEN, "Bearer", "Bearer ", f"Bearer{TOKEN}", f"Basic {TOKEN}"),
        *(f" Bearer {TOKEN}", f"Bearer\t{TOKEN}", f"Bearer {TOKEN} ", "Bearer \u00e9"),
        *(f"Bearer {TOKEN}\n", f"Bearer {TOKEN}, Bearer {TOKEN}", "Bearer \ud800"),
        *("Bearer \x00", f"Bearer {TOKEN}\x00", f"Token Bearer {TOKEN}"),
    ],
)
def test_what_is_no_bearer_token_is_refused(value: str) -> None:
    """Before anything is compared."""
    with pytest.raises(SignatureError, match="not Bearer and a token"):
        MADE.verify({"Authorization": value}, b"", now=0)


@pytest.mark.parametrize(
    "token", [TOKEN[:-1], f"{TOKEN}=", TOKEN.lower(), "*", "A" * 100_000]
)
def test_another_token_is_refused(token: str) -> None:
    """Whatever a part of it is."""
    with pytest.raises(SignatureError, match="does not match") as caught:
        MADE.verify({"Authorization": f"Bearer {token}"}, b"", now=0)

    assert token not in str(caught.value)
