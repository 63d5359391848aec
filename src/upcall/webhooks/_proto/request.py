"""Requests that came in, as they are looked at."""

# A request lives as a delivery does, by the same table: the bus is where it goes, and
# an attempt is an emission. It is delivered when every callback has finished.

from __future__ import annotations

__all__ = ("RequestAttempt", "StoredRequest")

from datetime import datetime

import attrs

from .delivery import State


@attrs.frozen(kw_only=True)
class StoredRequest:
    """An event that came in by a request, as it stood when it was read.

    A request that carries several events is on record once for each.
    """

    id: int
    envelope: str
    """The id of the envelope, the same at every attempt."""

    source: str
    """The name of the source that took it."""

    scheme: str
    """How it was signed."""

    event: str
    """The name of the event."""

    sender_id: str
    """The id that the sender gave it. Where it was not signed, anybody can have chosen
    it."""

    digest: str | None = None
    """Of what was signed, where the id was not."""

    replayed: bool = False
    """Whether the signed bytes had come before, under another id."""

    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    """Those that are needed to read it; none that could hold a secret."""

    body: bytes = attrs.field(repr=False)
    """The first 4 KiB of it. It is what a stranger wrote: escape it."""

    size: int
    """How many bytes the whole body has."""

    received: datetime
    state: State
    attempts: int
    """How many there were, one that is under way included."""

    due: datetime
    """The earliest moment of the next attempt; of a finished one, of its last."""

    finished: datetime | None = None
    """When every callback had finished, or when it was given up."""

    reason: str | None = None
    """Why its event was not heard by all yet, or never was."""


@attrs.frozen(kw_only=True)
class RequestAttempt:
    """One emission of what came in."""

    number: int
    """1 is the first."""

    worker: int
    """Who made it."""

    started: datetime
    duration: float
    """Seconds until all callbacks had ended."""

    error: str | None = None
    """What callbacks raised, and which; None if every one finished."""
