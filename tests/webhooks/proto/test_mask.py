"""Checks of what is shown in the place of secrets."""

from __future__ import annotations

__all__ = ()

import pytest

from upcall.webhooks._proto.mask import mask_headers, mask_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/hooks", "https://example.com/hooks"),
        ("https://example.com/h?token=abc&a=", "https://example.com/h?token=***&a=***"),
        ("https://example.com/h?abc&x=1", "https://example.com/h?***&x=***"),
        ("https://example.com/h?", "https://example.com/h?"),
        ("https://me:pw@example.com/h", "https://***@example.com/h"),
        ("https://me:p/w@example.com/h", "https://me:p/w@example.com/h"),
        ("https://example.com/h?a=1#secret", "https://example.com/h?a=***"),
    ],
)
def test_mask_url_hides_query_values_and_user(url: str, shown: str) -> None:
    """Tokens are found in queries and in user parts."""
    assert mask_url(url) == shown


def test_mask_headers_hides_what_may_be_a_secret() -> None:
    """By what the header is called."""
    headers = [
        ("Content-Type", "application/json"),
        ("webhook-signature", "v1,abc"),
        ("Authorization", "Bearer x"),
        ("X-Api-Key", "abc"),
        ("set-cookie", "a=b"),
    ]

    assert mask_headers(headers) == (
        ("Content-Type", "application/json"),
        ("webhook-signature", "***"),
        ("Authorization", "***"),
        ("X-Api-Key", "***"),
        ("set-cookie", "***"),
    )
