"""The commands about an outbox, and their options."""

from __future__ import annotations

__all__ = ("COMMANDS",)

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import attrs
import click

from upcall.errors import OptionError
from upcall.webhooks import Guard, State
from upcall.webhooks._deliver.deliverer import SLOTS
from upcall.webhooks._deliver.management import DAY, Management
from upcall.webhooks.outbox.outbox import KEEP, KEEP_DEAD

from . import records, upkeep
from .opened import ManagedOutbox, outbox_options, run_async
from .working import run_worker

_DAY: Final = 86_400

_json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on each line."
)


def _later(work: Callable[..., Awaitable[int]], *args: Any, **options: Any) -> Any:
    """Return what is to be done; see rule 1 of `commands`."""
    return partial(run_async, partial(work, *args, **options))


# --- endpoints ---


@click.group(invoke_without_command=True)
@outbox_options
@_json_option
@click.pass_context
def endpoints(context: click.Context, *, outbox: ManagedOutbox, as_json: bool) -> Any:
    """List the endpoints, or change one."""
    context.obj = outbox

    if context.invoked_subcommand is None:
        return _later(records.list_endpoints, outbox, as_json=as_json)

    return None


def _changing(
    name: str, said: str, text: str, change: Callable[[Management, str], Any]
) -> None:
    """Add a command that does one thing with an endpoint."""

    @endpoints.command(name, help=text)
    @click.argument("endpoint")
    @click.pass_obj
    def command(outbox: ManagedOutbox, endpoint: str) -> Any:
        return _later(records.change_endpoint, outbox, endpoint, change, said)


_changing(
    "pause", "paused", "Leave what waits for ENDPOINT alone for now.", Management.pause
)
_changing(
    "resume", "resumed", "Attempt what waits for ENDPOINT again.", Management.resume
)
_changing("enable", "enabled", "Let ENDPOINT have deliveries.", Management.enable)
_changing(
    "disable",
    "disabled",
    "Make no new deliveries for ENDPOINT; those that wait stay.",
    Management.disable,
)
_changing(
    "remove",
    "removed",
    "Take ENDPOINT out, and cancel what waits for it.",
    Management.remove,
)
_changing(
    "ping",
    "a ping waits; see `upcall deliveries`",
    "Send a webhook.ping to ENDPOINT. A worker has to run.",
    Management.ping,
)


@endpoints.command()
@click.argument("endpoint")
@click.option(
    "--overlap",
    type=click.FloatRange(0),
    default=DAY,
    show_default=True,
    help="Seconds in which the old secret still signs.",
)
@click.pass_obj
def rotate(outbox: ManagedOutbox, endpoint: str, *, overlap: float) -> Any:
    """Give ENDPOINT a new secret, and print it. For "standard" and "svix"."""
    return _later(records.rotate_endpoint, outbox, endpoint, overlap)


# --- records ---


@click.command()
@click.argument("number", type=int, required=False)
@outbox_options
@click.option("--endpoint", help="Only those to this one.")
@click.option("--tenant", help="Only those of this tenant's messages.")
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--before", type=int, help="Only those with a smaller number.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@_json_option
def deliveries(
    number: int | None, *, outbox: ManagedOutbox, as_json: bool, **options: Any
) -> Any:
    """List deliveries, the newest first; or show the attempts of one, by NUMBER."""
    if number is not None:
        return _later(records.show_delivery, outbox, number, as_json=as_json)

    return _later(records.list_deliveries, outbox, as_json=as_json, **options)


@click.command()
@click.argument("numbers", type=int, nargs=-1)
@outbox_options
@click.option("--endpoint", help="With --since: replay what this one did not get.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    help="What ended since then, dead or cancelled. UTC, if no zone is given.",
)
@click.option("--new-id", is_flag=True, help="Let receivers see another id.")
def replay(
    numbers: tuple[int, ...],
    *,
    outbox: ManagedOutbox,
    endpoint: str | None,
    since: datetime | None,
    new_id: bool,
) -> Any:
    """Deliver again: the deliveries with NUMBERS, or what an endpoint did not get."""
    if numbers and endpoint is None and since is None:
        return _later(records.replay_deliveries, outbox, numbers, new_id=new_id)

    if endpoint is None or since is None or numbers or new_id:
        raise click.UsageError("give numbers, or --endpoint and --since, and not both")

    aware = since if since.tzinfo is not None else since.replace(tzinfo=UTC)
    return _later(records.replay_endpoint, outbox, endpoint, aware)


# --- worker ---


@click.command()
@outbox_options
@click.option(
    "--slots",
    type=click.IntRange(1),
    default=SLOTS,
    show_default=True,
    help="How many requests may be in flight at once.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="NETWORK",
    help="Addresses that are not public and may be used all the same: 10.0.0.0/8.",
)
@click.option("--http", is_flag=True, help="Allow http:// URLs, and every port.")
@click.option(
    "--no-migrate", is_flag=True, help="Refuse an outbox that is not up to date."
)
@click.option("--trio", is_flag=True, help="Run on trio instead of asyncio.")
def worker(
    *,
    outbox: ManagedOutbox,
    slots: int,
    allow: tuple[str, ...],
    http: bool,
    no_migrate: bool,
    trio: bool,
) -> Any:
    """Deliver what waits, until Ctrl-C or SIGTERM. As many as you like may run."""
    backend = "trio" if trio else "asyncio"
    which = attrs.evolve(outbox, migrate=not no_migrate)
    work = partial(run_worker, which, slots=slots, guard=_guard(allow, http=http))
    return partial(run_async, work, backend=backend)


def _guard(allow: tuple[str, ...], *, http: bool) -> Guard:
    try:
        if http:
            return Guard(allow=allow, schemes={"http", "https"}, ports=None)

        return Guard(allow=allow)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


# --- outbox ---


@click.group()
def outbox() -> None:
    """Look after an outbox."""


@outbox.command()
@outbox_options
def migrate(*, outbox: ManagedOutbox) -> Any:
    """Make the tables, or bring them up to date."""
    return _later(upkeep.migrate_outbox, attrs.evolve(outbox, migrate=True))


@outbox.command()
@outbox_options
@click.option(
    "--keep-days",
    type=click.FloatRange(0),
    default=KEEP / _DAY,
    show_default=True,
    help="What was delivered or cancelled longer ago is deleted.",
)
@click.option(
    "--keep-dead-days",
    type=click.FloatRange(0),
    default=KEEP_DEAD / _DAY,
    show_default=True,
    help="What died longer ago is deleted.",
)
def prune(*, outbox: ManagedOutbox, keep_days: float, keep_dead_days: float) -> Any:
    """Delete what ended long ago. Workers do that by themselves, too."""
    return _later(
        upkeep.prune_outbox,
        outbox,
        keep=keep_days * _DAY,
        keep_dead=keep_dead_days * _DAY,
    )


@outbox.command()
@outbox_options
def reseal(*, outbox: ManagedOutbox) -> Any:
    """Seal all secrets with the newest key, so that older keys can be thrown away."""
    return _later(upkeep.reseal_outbox, outbox)


@outbox.command()
@outbox_options
def check(*, outbox: ManagedOutbox) -> Any:
    """Look for what must never be. The status is 1 if something was found."""
    return _later(upkeep.check_outbox, outbox)


COMMANDS: Final = (endpoints, deliveries, replay, worker, outbox)
"""The commands of this module."""
