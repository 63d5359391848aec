"""An outbox as the commands open it: by options, or by the environment."""

# Rule 1: keys are never an argument: those of a running process can be read by others.

from __future__ import annotations

__all__ = ("ManagedOutbox", "managed", "outbox_options", "run_async")

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, Final, TypeVar

import anyio
import attrs
import click

from upcall.errors import UpcallError
from upcall.webhooks import Guard, Outbox
from upcall.webhooks._deliver.management import Management
from upcall.webhooks._proto.schedule import DEFAULT
from upcall.webhooks.clock import SharedClock
from upcall.webhooks.codec import JSON

_F = TypeVar("_F", bound=Callable[..., Any])

KEYS: Final = "UPCALL_KEYS"
"""The variable that has the keys of the outbox, the newest first, with commas."""


@attrs.frozen(kw_only=True)
class ManagedOutbox:
    """Which outbox a command is about."""

    url: str | None
    """None if it was not said: there may be no need to, for help."""

    migrate: bool = False
    """Whether to make the tables, or bring them up to date."""

    def make(self) -> Outbox:
        """Return it, closed.

        Raises:
            UpcallError: if the URL or a key is none.
            click.UsageError: if there is no URL.
        """
        if self.url is None:
            raise click.UsageError("name the outbox: --outbox URL, or UPCALL_OUTBOX")

        keys = [key.strip() for key in os.environ.get(KEYS, "").split(",")]
        return Outbox(self.url, keys=[key for key in keys if key], migrate=self.migrate)


def outbox_options(command: _F) -> _F:
    """Give a command the option that names its outbox."""

    @click.option(
        "--outbox",
        "url",
        default=None,
        envvar="UPCALL_OUTBOX",
        show_envvar=True,
        help="The database URL: sqlite:///outbox.db, or postgresql://... Keys that "
        f"seal secrets are read from {KEYS}, the newest first, with commas in between.",
    )
    @wraps(command)
    def with_outbox(*args: Any, url: str | None, **options: Any) -> Any:
        return command(*args, outbox=ManagedOutbox(url=url), **options)

    return with_outbox  # type: ignore[return-value]


@asynccontextmanager
async def managed(which: ManagedOutbox) -> AsyncGenerator[tuple[Outbox, Management]]:
    """Give the outbox, open, and what can be done with what is in it."""
    outbox = which.make()
    clock = SharedClock()
    await outbox.open()

    try:
        clock.correct(await outbox.writer.perform(outbox.store.time))
        yield (
            outbox,
            Management(
                outbox,
                clock=clock,
                schedule=DEFAULT,
                codec=JSON,
                guard=Guard(),
                source=None,
            ),
        )
    finally:
        await outbox.close()


def run_async(work: Callable[[], Awaitable[int]], *, backend: str = "asyncio") -> int:
    """Run it, and return the exit status; an error of ours is one line on stderr."""

    async def main() -> int:
        return await work()

    try:
        return anyio.run(main, backend=backend)
    except UpcallError as error:
        click.echo(f"upcall: {error}", err=True)
        return 1
