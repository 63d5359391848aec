"""What late subscribers get of emissions that were retained."""

from __future__ import annotations

__all__ = ("hand_over",)

from collections.abc import Sequence
from typing import Any

from .entry import Entry
from .envelope import Envelope
from .failures import failed, noted, refused
from .kinds import close_coroutine, is_awaitable
from .plan import Host
from .subscribed import Subscribed


def hand_over(
    subscription: Subscribed[..., Any],
    retained: Sequence[Envelope[Any]],
    host: Host | None,
) -> None:
    """Call a new subscriber with what was retained for it, oldest first.

    Raises:
        BusNotOpenError: the callback is async, and there is no open bus to start it in.
        CallbackErrors: the callback failed; it has been called with all of them.
    """
    entry = Entry(subscription)
    errors: list[Exception] = []

    if entry.is_async:
        _check(subscription, retained[0].name, host)

    for envelope in retained:
        try:
            if entry.admits(envelope.payload):
                _call(entry, envelope, host)
        except Exception as error:  # noqa: BLE001 (raised below)
            errors.append(noted(error, entry.target, envelope.name))

    if errors:
        raise failed(errors, retained[0].name)


def _check(subscription: Subscribed[..., Any], name: str, host: Host | None) -> None:
    if host is None:
        raise refused(subscription, name)

    host.check_background(subscription, name)


def _call(entry: Entry, envelope: Envelope[Any], host: Host | None) -> None:
    argument = entry.argument(envelope.payload, envelope)

    if entry.is_delayed:
        assert host is not None
        entry.offer(argument, host.starter(entry.subscription, envelope, envelope.name))
        return

    value: Any = (
        entry.begin(argument, awaited=False) if entry.is_async else entry.call(argument)
    )

    if is_awaitable(value):
        try:
            _check(entry.subscription, envelope.name, host)
        except Exception:
            close_coroutine(value)
            raise

        assert host is not None
        host.start(value, entry.subscription, envelope, envelope.name)
