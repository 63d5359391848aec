"""What goes into the verbs of a store, and what comes out of them."""

from __future__ import annotations

__all__ = (
    "LEASE_MARGIN",
    "Claim",
    "Counts",
    "Keep",
    "Kept",
    "Lapsed",
    "Outcome",
    "Settled",
    "StorageError",
    "TryAgainError",
    "Turn",
)

from collections.abc import Mapping
from typing import Final

import attrs

from upcall.webhooks._proto.delivery import Attempt, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.news import News
from upcall.webhooks._proto.verdict import Decision

LEASE_MARGIN: Final = 30.0
"""Seconds that a lease lasts beyond the timeout of its endpoint."""


class StorageError(OutboxError):
    """The store itself failed, whatever was to be done with it."""


class TryAgainError(StorageError):
    """Nothing was done, for another transaction's sake: the same again may be."""


@attrs.frozen(kw_only=True)
class Keep:
    """A message to be kept."""

    message: Message
    now: float
    """When it was accepted; the first delay of a schedule counts from here."""

    renderings: Mapping[int, bytes] = attrs.field(factory=dict[int, bytes], repr=False)
    """The payload in other versions than the message's own, for endpoints that are
    pinned to one of them."""

    only: str | None = None
    """The endpoint, by id, that it is for; no other, and whatever its keys say."""

    about: str | None = None
    """An endpoint, by id, that does not get it: the one that it is about."""


@attrs.frozen(kw_only=True)
class Kept:
    """What became of a message that was to be kept."""

    deliveries: int
    """How many endpoints it is for. With none, nothing is stored."""

    new: bool
    """False if the same message had been stored before: nothing was added then."""


@attrs.frozen(kw_only=True)
class Claim:
    """A delivery that a worker may attempt, once, until its lease ends."""

    delivery: int
    fence: int
    """Rises with every claim of the delivery."""

    attempt: int
    """1 is the first."""

    worker: int
    proven: bool
    """Whether the endpoint had had a success since its last failure."""

    message: Message
    """In the version that is pinned, with the id that the receiver is to see."""

    format: str
    """The format that is pinned."""

    endpoint: Endpoint
    """As it is now, not as it was when the message was stored."""


@attrs.frozen(kw_only=True)
class Turn:
    """What one turn of claiming gave."""

    claims: tuple[Claim, ...] = ()
    next_due: float | None = None
    """When there will be something to claim, as far as is known now: a delivery that is
    due, of an endpoint with room, after its pause. None if the free slots were filled,
    or if nothing waits."""


@attrs.frozen(kw_only=True)
class Outcome:
    """How an attempt ended, and what is to be done."""

    claim: Claim
    decision: Decision
    attempt: Attempt
    ended: float
    """When it ended, in Unix seconds."""


@attrs.frozen(kw_only=True)
class Settled:
    """What an outcome changed."""

    state: State | None
    """Of the delivery, afterwards. None if it is not there any more."""

    late: bool
    """Whether it changed nothing but the record: the lease had been lost."""

    news: tuple[News, ...] = ()
    """What it told about the endpoint; each piece is told once, to one worker."""


@attrs.frozen(kw_only=True)
class Lapsed:
    """What became of claims whose worker is gone, or whose lease is over."""

    number: int
    """How many there were."""

    news: tuple[News, ...] = ()
    """Of those that had no attempt left; each piece is told once, to one worker."""


@attrs.frozen(kw_only=True)
class Counts:
    """How many there are of each."""

    endpoints: int
    waiting: int
    claimed: int
    delivered: int
    dead: int
    cancelled: int
