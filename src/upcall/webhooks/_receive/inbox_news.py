"""What an inbox tells the log and the bus of requests that are out of the ordinary."""

from __future__ import annotations

__all__ = ("log_altered", "log_taken", "tell_dead")

import logging
from typing import Any, Final

from upcall._events.bus import Bus
from upcall._events.inside import hub_of
from upcall.keys import RESERVED
from upcall.webhooks._proto.news import Dead
from upcall.webhooks.outbox.inbox_contract import Taken

from .arrival import Arrival

_LOG: Final = logging.getLogger("upcall")
_DEAD: Final = f"{RESERVED}.dead"


def log_taken(source: str, arrival: Arrival, taken: Taken) -> None:
    """Put on record what was neither a new event nor a copy of one."""
    if taken is Taken.ALTERED:
        log_altered(source, arrival)
    elif taken is Taken.REVIVED:
        _LOG.info(
            "webhook of source %r, event %r, envelope %r: it was dead, and its sender "
            "sent it again: it waits again",
            source,
            arrival.name,
            arrival.id,
            extra=_details(source, arrival),
        )


def log_altered(source: str, arrival: Arrival) -> None:
    """Put on record that a sender's id came again, with other signed bytes.

    The sender has a fault, or somebody has put the id of one request, which is not
    signed, on another. Both were signed, so both are events.
    """
    _LOG.warning(
        "webhook of source %r, event %r, envelope %r: its sender's id %r came before "
        "with other content; it is taken as an event of its own",
        source,
        arrival.name,
        arrival.id,
        arrival.sender_id,
        extra=_details(source, arrival),
    )


def tell_dead(bus: Bus, dead: Dead) -> None:
    """Put it on record, and emit it on the bus; what fails there goes to `on_error`.

    In the bus's thread.
    """
    details = {
        "upcall_source": dead.source,
        "upcall_event": dead.event,
        "upcall_id": dead.envelope,
        "upcall_attempt": dead.attempts,
        "upcall_reason": dead.reason,
    }
    _LOG.error(
        "webhook given up: event %s, envelope %s, attempt %d, reason %s",
        dead.event,
        dead.envelope,
        dead.attempts,
        dead.reason,
        extra=details,
    )

    try:
        bus.emit(_DEAD, dead)
    except Exception as error:  # noqa: BLE001 (handed to on_error: there is no caller)
        report: Any = hub_of(bus).report
        report(error)


def _details(source: str, arrival: Arrival) -> dict[str, object]:
    return {
        "upcall_source": source,
        "upcall_event": arrival.name,
        "upcall_id": arrival.id,
        "upcall_sender_id": arrival.sender_id,
    }
