"""The commands for people who develop a sender or a receiver, and their options."""

# Rule 1: secrets are better read from the environment: the arguments of a running
#   process can be read by others, and shells keep them.

from __future__ import annotations

__all__ = ("COMMANDS",)

import math
import os
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Final

import anyio
import click

from upcall.errors import OptionError
from upcall.webhooks import BlockedError, PayloadError
from upcall.webhooks._proto.formats import EVENT_HEADERS, FORMATS, needs_source
from upcall.webhooks._proto.headers import check_header
from upcall.webhooks._proto.schemes import Scheme, names, scheme
from upcall.webhooks.codec import JSON

from .forwarding import ANYWHERE, loopback
from .listening import Manner, open_door, run_listener
from .received import Received
from .sending import Draft, send_request, wrong_secret
from .tables import print_json

SECRET: Final = "UPCALL_SECRET"  # noqa: S105 (the name of a variable)
"""The variable that has the secret; several have a line each."""

_MIB: Final = 1 << 20
_LARGEST: Final = 25 * _MIB
_WRAPPED: Final = ("standard", "svix")
"""Schemes whose receivers look for the type in the body."""

_secret_option = click.option(
    "--secret",
    "given",
    multiple=True,
    help=f"What is signed with; may be given several times. Better set {SECRET} (a "
    "line for each): others may see the arguments of a process.",
)


# --- listen ---


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 is all of this machine's.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8400,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--path", help="The one path that is there. By default any is.")
@click.option(
    "--scheme",
    "name",
    type=click.Choice([name for name in names() if name != "none"]),
    help="How requests are signed. Without it nothing is verified.",
)
@_secret_option
@click.option(
    "--url",
    help="What the sender has in front of the path, if there is a tunnel or a proxy: "
    "https://example.com. For twilio, which signs it.",
)
@click.option(
    "--forward",
    metavar="URL",
    help="Post requests on as they came, and answer what is answered there. Addresses "
    "of this machine and of private networks are allowed.",
)
@click.option(
    "--fail",
    type=click.IntRange(300, 599),
    metavar="STATUS",
    help="Answer with this failure, to try retries.",
)
@click.option(
    "--times",
    type=click.IntRange(1),
    help="With --fail: only to the first attempts of each message, so many.",
)
@click.option(
    "--retry-after",
    type=click.IntRange(0),
    metavar="SECONDS",
    help="With --fail: tell the sender when to try again.",
)
@click.option(
    "--delay",
    type=click.FloatRange(0, 3600),
    default=0.0,
    metavar="SECONDS",
    help="Wait before each answer.",
)
@click.option(
    "--max-body",
    type=click.IntRange(1, 1024 * _MIB),
    default=_LARGEST,
    show_default=True,
    metavar="BYTES",
    help="Refuse what is larger.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
def listen(
    *,
    host: str,
    port: int,
    path: str | None,
    name: str | None,
    given: tuple[str, ...],
    url: str | None,
    forward: str | None,
    as_json: bool,
    **answers: Any,
) -> Callable[[], int]:
    """Print each webhook that comes in, and whether its signature is good.

    For people who develop a sender. What is verified, or need not be, is answered 204,
    what is not 401. Ctrl-C ends it.
    """
    needing = (answers["times"], answers["retry_after"])

    if answers["fail"] is None and needing != (None, None):
        raise click.UsageError("--times and --retry-after need --fail")

    if path is not None and not path.startswith("/"):
        raise click.BadParameter("a path begins with a slash", param_hint="--path")

    if name is None and given:
        raise click.UsageError("--secret needs --scheme: how are requests signed?")

    if url is not None:
        _posted_to(url, "--url")

    found = None if name is None else _scheme(name, given)
    manner = Manner(scheme=found, url=url, path=path, **answers)
    show = _show_json if as_json else _show_line
    to = None if forward is None else _posted_to(forward, "--forward")
    return partial(_listen, manner, host, port, show=show, forward=to)


def _listen(manner: Manner, host: str, port: int, **options: Any) -> int:
    with open_door(host, port) as door:
        number = door.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        how = "nothing is verified: give --scheme"

        if manner.scheme is not None:
            how = f"verifying {manner.scheme.name!r}"

        click.echo(
            f"listening on http://{shown}:{number} ({how}); Ctrl-C ends it", err=True
        )
        anyio.run(partial(run_listener, manner, door, **options))

    return 0  # not reached: a signal or an error ends it


def _show_line(received: Received) -> None:
    click.echo(received.line())


def _show_json(received: Received) -> None:
    print_json([received.plain()])


# --- send ---


def _read_headers(
    _: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    return tuple(_read_header(param, value) for value in values)


def _read_header(param: click.Parameter, value: str) -> tuple[str, str]:
    name, colon, rest = value.partition(":")
    header = name.strip(), rest.strip()

    if not colon:
        raise click.BadParameter(f"{name!r}: give 'Name: value'", param=param)

    try:
        check_header(*header)
    except OptionError as error:
        raise click.BadParameter(str(error), param=param) from error

    return header


def _read_time(
    _: click.Context, param: click.Parameter, value: str | None
) -> float | None:
    """Read Unix seconds, or with a sign seconds from now."""
    if value is None:
        return None

    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan

    if not math.isfinite(seconds):
        raise click.BadParameter(
            f"{value!r} is no time: give Unix seconds, or -600 for ten minutes ago",
            param=param,
        )

    return time.time() + seconds if value.startswith(("-", "+")) else seconds


@click.command()
@click.argument("url")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--scheme",
    "name",
    type=click.Choice(names()),
    default="standard",
    show_default=True,
    help="How to sign.",
)
@_secret_option
@click.option("--type", "event", default="", help="The name of the event: order.paid.")
@click.option("--id", "id_", help="Of the message. By default a new one.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="What is made of FILE. By default raw, which is FILE as it is; with --type "
    "and the scheme standard or svix it is standard.",
)
@click.option(
    "--source", default="upcall", show_default=True, help="For CloudEvents: of whom."
)
@click.option(
    "--header",
    "headers",
    metavar="NAME:VALUE",
    multiple=True,
    callback=_read_headers,
    help="One more, or another value than would be sent.",
)
@click.option(
    "--times",
    type=click.IntRange(1),
    default=1,
    help="Send it so many times, under the same id, as retries are.",
)
@click.option(
    "--timestamp",
    metavar="SECONDS",
    callback=_read_time,
    help="Sign this time, and not now: Unix seconds, or -600 for ten minutes ago.",
)
@click.option("--bad-signature", is_flag=True, help="Sign with some other secret.")
def send(
    *,
    url: str,
    file: BinaryIO,
    name: str,
    given: tuple[str, ...],
    event: str,
    format_: str | None,
    bad_signature: bool,
    times: int,
    **options: Any,
) -> Callable[[], int]:
    """Sign the payload in FILE, and post it to URL. FILE may be - for stdin.

    For people who develop a receiver. Any URL will do, those of this machine and of
    private networks, too. Redirects are not followed. The status is 0 if the answer is
    2xx, and else 1.
    """
    wrapped = event and name in _WRAPPED
    format_ = format_ or ("standard" if wrapped else "raw")

    if format_ != "raw" and not event:
        raise click.UsageError(f"--format {format_} needs --type")

    if bad_signature and name == "none":
        raise click.UsageError("--bad-signature needs a scheme that signs")

    draft = Draft(
        url=_posted_to(url, "URL"),
        data=_read(file, format_),
        scheme=_scheme(name, (wrong_secret(),) if bad_signature else given),
        format=format_,
        source=_source(options.pop("source"), format_),
        id=options.pop("id_") or str(uuid.uuid4()),
        name=event,
        **options,
    )
    _try_to_sign(draft)
    _say_what_lacks(draft)
    return partial(anyio.run, partial(send_request, draft, times=times))


def _source(source: str, format: str) -> str:
    return source if needs_source(format) else ""


def _read(file: BinaryIO, format: str) -> bytes:
    data = file.read(_LARGEST + 1)

    if len(data) > _LARGEST:
        raise click.BadParameter(
            f"it has more than {_LARGEST} bytes: no receiver takes that",
            param_hint="FILE",
        )

    if format != "raw":
        try:
            JSON.decode(data)
        except PayloadError as error:
            raise click.BadParameter(
                f"it is not JSON ({error}): --format raw sends it as it is",
                param_hint="FILE",
            ) from error

    return data


def _try_to_sign(draft: Draft) -> None:
    """See while there is only the command line to blame whether it can be signed."""
    try:
        draft.sign()
    except OptionError as error:
        raise click.UsageError(str(error)) from error


def _say_what_lacks(draft: Draft) -> None:
    """Say where the name of the event would stand, if there is none."""
    header = EVENT_HEADERS.get(draft.scheme.name, "")
    given = {name.lower() for name, _ in draft.headers}

    if header and not draft.name and header.lower() not in given:
        click.echo(
            f"upcall: without --type there is no {header}: receivers will refuse it",
            err=True,
        )


# --- both ---


def _posted_to(url: str, option: str) -> str:
    """Return the URL as it is posted to, if it is one."""
    try:
        ANYWHERE.check(loopback(url))
    except BlockedError as error:
        raise click.BadParameter(str(error), param_hint=option) from error

    return loopback(url)


def _scheme(name: str, given: tuple[str, ...]) -> Scheme:
    if name == "none":
        return scheme(name)

    set_ = [line for line in os.environ.get(SECRET, "").split("\n") if line]
    secrets = given or tuple(set_)

    if not secrets:
        raise click.UsageError(
            f"--scheme {name} needs a secret: set {SECRET}, or give --secret"
        )

    try:
        return scheme(name, secrets)
    except OptionError as error:
        raise click.UsageError(str(error)) from error


COMMANDS: Final = (listen, send)
"""The commands of this module."""
