"""What came back from one attempt: an answer, or the reason why there is none."""

from __future__ import annotations

__all__ = ("Answer", "TransportError")

import attrs

from upcall.errors import UpcallError


@attrs.frozen(kw_only=True)
class Answer:
    """The answer to one POST, as far as it was read."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, in the order received; bytes read as latin-1."""

    body: bytes = b""
    """At most as much as the transport was told to keep."""

    truncated: bool = False
    """Whether there was more than that."""

    address: str | None = None
    """The address that answered, as text."""


class TransportError(UpcallError):
    """There is no answer: no name, no connection, no time, or no HTTP.

    Attributes:
        kind: ``"dns"``, ``"connect"``, ``"tls"``, ``"timeout"`` or ``"broken"``.
        address: the address in question, if it came to that.
    """

    def __init__(self, kind: str, text: str, *, address: str | None = None) -> None:
        self.kind = kind
        self.address = address
        super().__init__(f"{kind}: {text}")
