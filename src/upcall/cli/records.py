"""The commands about endpoints, deliveries and attempts."""

from __future__ import annotations

__all__ = (
    "change_endpoint",
    "list_deliveries",
    "list_endpoints",
    "replay_deliveries",
    "replay_endpoint",
    "rotate_endpoint",
    "show_delivery",
)

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import click

from upcall.webhooks import Attempt, Delivery, Endpoint, new_secret
from upcall.webhooks._deliver.management import Management

from .opened import ManagedOutbox, managed
from .tables import plain, print_json, print_table

_ENDPOINTS: Final = ("ID", "STATE", "TENANT", "URL", "EVENTS", "WHY")
_DELIVERIES: Final = (
    "NUMBER",
    "STATE",
    "TRIED",
    "EVENT",
    "ENDPOINT",
    "TENANT",
    "MESSAGE",
    "CREATED (UTC)",
    "WHY",
)
_ATTEMPTS: Final = ("TRY", "STARTED (UTC)", "SECONDS", "STATUS", "ADDRESS", "ERROR")
_SHOWN_BODY: Final = 400


async def list_endpoints(which: ManagedOutbox, *, as_json: bool) -> int:
    """Print the endpoints."""
    async with managed(which) as (_, management):
        found = await management.endpoints()

    if as_json:
        print_json(found)
    else:
        print_table(_ENDPOINTS, [_endpoint_row(each) for each in found])

    return 0


def _endpoint_row(endpoint: Endpoint) -> Sequence[object]:
    return (
        endpoint.id,
        _standing(endpoint),
        endpoint.tenant,
        endpoint.url,
        " ".join(map(str, endpoint.events)),
        endpoint.health.disabled_why,
    )


def _standing(endpoint: Endpoint) -> str:
    if not endpoint.enabled:
        return "disabled"

    if endpoint.paused:
        return "paused"

    return "failing" if endpoint.health.failing_since is not None else "enabled"


async def change_endpoint(
    which: ManagedOutbox,
    endpoint: str,
    change: Callable[[Management, str], Awaitable[object]],
    said: str,
) -> int:
    """Do something with an endpoint, and say that it was done."""
    async with managed(which) as (_, management):
        await change(management, endpoint)

    click.echo(f"{endpoint}: {said}")
    return 0


async def rotate_endpoint(which: ManagedOutbox, endpoint: str, overlap: float) -> int:
    """Give an endpoint a new secret, and print it: it is shown nowhere else."""
    secret = new_secret()

    async with managed(which) as (_, management):
        await management.rotate_secret(endpoint, secret, overlap=overlap)

    click.echo(secret)
    return 0


async def list_deliveries(
    which: ManagedOutbox, *, as_json: bool, **options: Any
) -> int:
    """Print deliveries, the newest first."""
    async with managed(which) as (_, management):
        found = await management.deliveries(**options)

    if as_json:
        print_json(found)
    else:
        print_table(_DELIVERIES, [_delivery_row(each) for each in found])

    return 0


def _delivery_row(delivery: Delivery) -> Sequence[object]:
    return (
        delivery.id,
        delivery.state,
        delivery.attempts,
        delivery.event,
        delivery.endpoint,
        delivery.tenant,
        delivery.message,
        delivery.created,
        delivery.reason,
    )


async def show_delivery(which: ManagedOutbox, number: int, *, as_json: bool) -> int:
    """Print the attempts of a delivery, and what the last answer said."""
    async with managed(which) as (_, management):
        attempts = await management.attempts(number)

    if as_json:
        print_json(attempts)
        return 0

    print_table(_ATTEMPTS, [_attempt_row(each) for each in attempts])

    if attempts and attempts[-1].response:
        click.echo(f"\nThe last answer:\n{_body(attempts[-1])}")

    return 0


def _attempt_row(attempt: Attempt) -> Sequence[object]:
    return (
        attempt.number,
        attempt.started,
        f"{attempt.duration:.3f}",
        attempt.status,
        attempt.address,
        attempt.error,
    )


def _body(attempt: Attempt) -> str:
    text = str(plain(attempt.response[:_SHOWN_BODY]))
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


async def replay_deliveries(
    which: ManagedOutbox, numbers: Sequence[int], *, new_id: bool
) -> int:
    """Replay deliveries, and print the numbers of the new ones."""
    async with managed(which) as (_, management):
        for number in numbers:
            made = await management.replay(number, new_id=new_id)
            click.echo(f"{number} is replayed as {made.id}")

    return 0


async def replay_endpoint(which: ManagedOutbox, endpoint: str, since: datetime) -> int:
    """Replay what an endpoint did not get."""
    async with managed(which) as (_, management):
        made = await management.replay_since(endpoint, since)

    click.echo(f"{endpoint}: {made} replayed")
    return 0
