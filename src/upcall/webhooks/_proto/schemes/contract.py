"""What every scheme can do: sign what goes out, verify what comes in."""

from __future__ import annotations

__all__ = ("Scheme", "Verified")

from collections.abc import Mapping
from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class Verified:
    """What a good signature vouches for, besides the body."""

    id: str | None = None
    """The id of the message; None where the scheme does not sign it."""

    timestamp: int | None = None
    """When it was signed, in Unix seconds; None where the scheme does not sign it."""


class Scheme(Protocol):
    """A way to sign. Made by `upcall.webhooks.scheme`; immutable, for any thread."""

    @property
    def name(self) -> str:
        """The name that it is known by."""
        ...

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return the headers that sign this request.

        Args:
            body: the exact bytes that will be sent.
            id: the id of the message, the same on every attempt.
            timestamp: when this attempt is made, in Unix seconds; cut to whole ones.
            url: where it is sent, for schemes that sign that too (``"twilio"``).

        Raises:
            OptionError: if the id does not fit into a header, the timestamp is none, no
                secret can sign, or a URL that is to be signed is missing or none.
        """
        ...

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float,
        url: str | None = None,
    ) -> Verified:
        """Return what is vouched for, if the request is signed as it should be.

        Args:
            headers: any mapping; names in any case.
            body: the exact bytes received, before any decoding.
            now: the receiver's clock, in Unix seconds.
            url: where it was received, for schemes that sign that too (``"twilio"``).
                Where it is made of what the request says, it is input like the rest.

        Raises:
            SignatureError: missing, malformed, wrong, stale: whatever the headers and
                the body are, this and no other error.
        """
        ...
