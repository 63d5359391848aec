"""The commands and their options. What they do stands in modules of their own."""

# Rule 1: a command reads its options and returns what is to be done. It is done outside
#   of click, which would make an Abort and an empty line of a Ctrl-C.

from __future__ import annotations

__all__ = ("run",)

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from . import listen_commands, outbox_commands
from .demo import run_demo
from .payload import SHIPPED

_PORT = click.IntRange(0, 65_535)


def run(arguments: Sequence[str] | None) -> int:
    """Run the command with these arguments, or those of the process.

    Returns:
        The exit status. What is wrong with the arguments is said on stderr.
    """
    try:
        todo: Callable[[], int] | int = upcall.main(
            arguments, prog_name="upcall", standalone_mode=False
        )
        return todo if isinstance(todo, int) else todo()
    except click.ClickException as error:
        error.show()
        return error.exit_code


@click.group()
@click.version_option(package_name="upcall", message="%(prog)s %(version)s")
def upcall() -> None:
    """Callbacks that keep their promises."""


@upcall.command()
@click.argument("payloads_dir", type=click.Path(path_type=Path), default=SHIPPED)
@click.option("--trio", is_flag=True, help="Run on trio instead of asyncio.")
@click.option(
    "--receiver-port", type=_PORT, default=0, help="0, the default, takes a free one."
)
@click.option("--endpoint-port", type=_PORT, default=0, help="Likewise.")
def demo(
    payloads_dir: Path, *, trio: bool, receiver_port: int, endpoint_port: int
) -> Callable[[], int]:
    """See all of it work on this machine.

    The payloads in PAYLOADS_DIR (a few of GitHub's by default) are posted to a
    receiver, signed as GitHub signs them. Each becomes an event, which reaches a sync
    callback, an async callback and a promise chain, and goes on as a signed webhook to
    an endpoint that refuses a part of the first attempts. A table tells what became of
    them; the status is 0 if nothing was lost.

    The name of the GitHub event stands in PAYLOADS_DIR/index.json, or begins the name
    of the file: 02-issues.opened.json.
    """
    return partial(
        run_demo,
        payloads_dir,
        backend="trio" if trio else "asyncio",
        ports=(receiver_port, endpoint_port),
    )


for _command in (*outbox_commands.COMMANDS, *listen_commands.COMMANDS):
    upcall.add_command(_command)
