"""Who is told what workers find out about endpoints."""

from __future__ import annotations

__all__ = ("log_news", "tell_bus")

import logging
from typing import Any, Final

from upcall._events.bus import Bus
from upcall._events.inside import hub_of
from upcall.webhooks._proto.news import News

_LOG: Final = logging.getLogger("upcall")


def log_news(news: News) -> None:
    """Put it on record."""
    level = logging.INFO if news.name == "webhook.recovered" else logging.WARNING
    _LOG.log(
        level,
        "%s: endpoint %s, delivery %s of event %s after %d attempts: %s",
        news.name,
        news.endpoint,
        news.delivery,
        news.event,
        news.attempts,
        news.reason,
        extra={
            "upcall_endpoint": news.endpoint,
            "upcall_delivery": news.delivery,
            "upcall_message": news.message,
            "upcall_event": news.event,
            "upcall_reason": news.reason,
        },
    )


def tell_bus(bus: Bus, news: News) -> None:
    """Put it on record, and emit it on the bus; what fails there goes to `on_error`.

    In the bus's thread.
    """
    log_news(news)

    try:
        bus.emit(news.name, news)
    except Exception as error:  # noqa: BLE001 (handed to on_error: there is no caller)
        report: Any = hub_of(bus).report
        report(error)
