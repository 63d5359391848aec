"""The commands that look after an outbox: migrate, prune, reseal, check."""

from __future__ import annotations

__all__ = ("check_outbox", "migrate_outbox", "prune_outbox", "reseal_outbox")

import click

from upcall.webhooks.clock import SharedClock
from upcall.webhooks.outbox.sql import SqlStore

from .opened import ManagedOutbox, managed

_SLICE = 500


async def migrate_outbox(which: ManagedOutbox) -> int:
    """Make the tables, or bring them up to date."""
    async with managed(which) as (outbox, _):
        store = outbox.store
        before, after = store.schema if isinstance(store, SqlStore) else (0, 0)

    if before == after:
        click.echo(f"the outbox is up to date (schema {after})")
    elif before == 0:
        click.echo(f"the tables were made (schema {after})")
    else:
        click.echo(f"the outbox was migrated from schema {before} to {after}")

    return 0


async def prune_outbox(which: ManagedOutbox, *, keep: float, keep_dead: float) -> int:
    """Delete what ended long enough ago, in slices."""
    total = 0

    async with managed(which) as (outbox, _):
        now = await outbox.writer.perform(outbox.store.time)
        moment = SharedClock().now() if now is None else now

        while True:
            deleted = await outbox.writer.perform(
                outbox.store.prune,
                delivered=moment - keep,
                dead=moment - keep_dead,
                limit=_SLICE,
            )
            total += deleted

            if deleted < _SLICE:
                break

    click.echo(f"{total} messages were deleted")
    return 0


async def reseal_outbox(which: ManagedOutbox) -> int:
    """Seal all secrets with the newest key."""
    async with managed(which) as (outbox, _):
        number = await outbox.writer.perform(outbox.store.reseal)

    click.echo(f"the secrets of {number} endpoints were sealed with the newest key")
    return 0


async def check_outbox(which: ManagedOutbox) -> int:
    """Look for what must never be; the status tells whether there is something."""
    async with managed(which) as (outbox, _):
        now = await outbox.writer.perform(outbox.store.time)
        found = await outbox.writer.perform(
            outbox.store.check, now=SharedClock().now() if now is None else now
        )

    for fault in found:
        click.echo(fault)

    if not found:
        click.echo("no fault was found")

    return 1 if found else 0
