"""What is known of a sender: how its requests are read, and what it wants to hear."""

# Rule 1: what is read here was verified before. That something was not signed is said
#   where it is read.
# Rule 2: an id that is not signed names an event only together with the digest of what
#   is signed, or whoever caught one request could send it again under fresh ids.
# Rule 3: a request is read from its body and the headers named here, and nothing else:
#   a store keeps these, and after a crash the events are made from them again.

from __future__ import annotations

__all__ = ("DAY", "MIB", "Incoming", "Sender", "digest_of", "wanted")

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

import attrs

from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import Reply, Request

DAY: Final = 24 * 3600.0
MIB: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Incoming:
    """One event of a verified request, read."""

    id: str
    """The sender's, as it came; "" where it gives none."""

    owner: str = ""
    """Whose ids they are, where one sender has several sets of them."""

    digest: str | None
    """Of what is signed, where the id is not; None where it is."""

    type: str

    payload: Any = attrs.field(repr=False)
    """Plain data."""

    reply: Reply | None = None
    """What the sender wants to hear, if not what it hears always."""


@attrs.frozen(kw_only=True)
class Sender:
    """What is known of those who sign with one scheme."""

    read: Callable[[Request], Sequence[Incoming]]
    """Raises `Refusal`, 400, or `PayloadError`, when something is missing."""

    greet: Callable[[Request], Reply | None] | None = None
    """Answers what is no event but a question whether somebody is there, where they
    ask. Raises as `read` does."""

    headers: frozenset[str]
    """What `read` looks at, in lower case. A name that ends in "-" stands for all that
    begin so."""

    takes_forms: bool = False
    """Whether they send forms, too."""

    keep: float
    """Seconds for which they may send the same event again."""

    max_body: int = MIB
    """Bytes that no body of theirs exceeds."""

    status: int = 202
    """What they are answered when an event is taken."""

    patience: float
    """Seconds that they wait for an answer."""


def wanted(request: Request, name: str) -> str:
    """Return the value of a header, which must be there.

    Raises:
        Refusal: 400, if it is not.
    """
    value = request.headers.get(name, "")

    if not value:
        raise Refusal(400, f"there is no {name} header")

    return value


def digest_of(*parts: bytes) -> str:
    """Return one short text for several, different for different ones."""
    digest = sha256()

    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)

    return digest.hexdigest()
