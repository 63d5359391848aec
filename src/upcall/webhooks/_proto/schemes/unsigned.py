"""The scheme of those who sign nothing."""

from __future__ import annotations

__all__ = ("Unsigned",)

from collections.abc import Mapping

import attrs

from .contract import Verified


@attrs.frozen(eq=False)
class Unsigned:
    """The scheme ``"none"``. Verifies nothing: whoever reaches the receiver is heard.

    It is never a default, and has no secret.
    """

    name: str = attrs.field(default="none", init=False)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return no header."""
        del body, id, timestamp, url
        return {}

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float,
        url: str | None = None,
    ) -> Verified:
        """Return a record of nothing but None, for any request."""
        del headers, body, now, url
        return Verified()

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}>"
