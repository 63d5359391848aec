"""What a row of the table of rude servers is."""

# Rule 1: a row knows no transport. Every transport gives the same verdict on every row.
# Rule 2: where h11 honestly reads something else, out of our reach, the row says so.
# Rule 3: a short time is given only where its end is what is expected.

from __future__ import annotations

__all__ = ("Answered", "Failed", "Rude", "row")

from typing import Any

import attrs
import pytest
from tests.webhooks.transport.servers import Behaviour


@attrs.frozen
class Answered:
    """There is an answer."""

    status: int
    body: bytes | None = None
    """What was kept of it; None for whatever it is."""

    truncated: bool = False


@attrs.frozen
class Failed:
    """There is none, and a `TransportError` of this kind."""

    kind: str


@attrs.frozen(kw_only=True)
class Rude:
    """One row: two POSTs are made, one after the other."""

    behaviour: Behaviour
    first: Answered | Failed
    second: Answered | Failed
    connections: int
    """How many connections the two take: 1 if the first one was used again."""

    body: bytes = b'{"a": 1}'
    timeout: float = 30.0

    by_h11: Answered | Failed | None = None
    """Both verdicts of the transport that reads with h11, if they are others."""


def row(
    name: str,
    behaviour: Behaviour,
    first: Answered | Failed,
    second: Answered | Failed | None = None,
    *,
    connections: int = 2,
    **more: Any,
) -> Any:
    """Make a row; without a second verdict, both are the same."""
    rude = Rude(
        behaviour=behaviour,
        first=first,
        second=first if second is None else second,
        connections=connections,
        **more,
    )
    return pytest.param(rude, id=name)
