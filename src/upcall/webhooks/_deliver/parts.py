"""The parts that bridges and workers are made of, as users give them."""

from __future__ import annotations

__all__ = (
    "check_clock",
    "check_codec",
    "check_guard",
    "check_random",
    "check_slots",
    "check_transport",
    "outbox_of",
)

from random import Random
from typing import cast

from upcall.errors import OptionError
from upcall.webhooks.clock import Clock
from upcall.webhooks.codec import Codec
from upcall.webhooks.outbox.outbox import Outbox
from upcall.webhooks.transport.contract import Transport
from upcall.webhooks.transport.guard import Guard


def outbox_of(given: Outbox | str) -> Outbox:
    """Return the outbox, or one for the URL.

    Raises:
        OptionError: if it is neither.
        OutboxError: if the URL is none that we know.
    """
    if isinstance(given, Outbox):
        return given

    if isinstance(given, str):
        return Outbox(given)

    raise OptionError(
        f"outbox={given!r}: give a database URL such as 'sqlite:///outbox.db', or an "
        "Outbox"
    )


def check_guard(guard: Guard | None) -> Guard | None:
    """Return it, or raise an OptionError."""
    if guard is None or isinstance(guard, Guard):
        return guard

    raise OptionError(f"guard={guard!r}: give a Guard(...)")


def check_clock(clock: Clock | None) -> Clock | None:
    """Return it, or raise an OptionError."""
    _check("clock", clock, ("now", "sleep"), "a clock with now() and sleep()")
    return clock


def check_codec(codec: Codec) -> Codec:
    """Return it, or raise an OptionError."""
    what = "a codec with check(), encode(), decode() and build()"
    given = () if cast("object", codec) is None else codec
    _check("codec", given, ("check", "encode", "decode", "build"), what)
    return codec


def check_transport(transport: Transport | None) -> Transport | None:
    """Return it, or raise an OptionError."""
    _check("transport", transport, ("post",), "a transport with post()")
    return transport


def check_random(random: Random | None) -> Random:
    """Return it, or new dice; or raise an OptionError."""
    _check("random", random, ("uniform",), "a random.Random")
    return random or Random()  # noqa: S311 (jitter is no secret)


def check_slots(slots: object) -> int:
    """Return it, or raise an OptionError."""
    if isinstance(slots, int) and not isinstance(slots, bool) and slots > 0:
        return slots

    raise OptionError(f"slots={slots!r}: give a number from 1 on")


def _check(name: str, given: object, methods: tuple[str, ...], what: str) -> None:
    missing = (each for each in methods if not callable(getattr(given, each, None)))

    if given is not None and any(missing):
        raise OptionError(f"{name}={given!r}: give {what}")
