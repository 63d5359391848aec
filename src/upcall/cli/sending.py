"""`upcall send`: one signed request, for people who develop a receiver."""

from __future__ import annotations

__all__ = ("Draft", "Request", "send_request", "wrong_secret")

import secrets
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TypeAlias

import attrs
import click

from upcall.webhooks import Answer, BlockedError, TransportError
from upcall.webhooks._proto.formats import render
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.schemes import Scheme, sent_to
from upcall.webhooks.transport.post import PostTransport

from .forwarding import ANYWHERE
from .received import printable
from .signals import ended_by_sigterm

_Headers: TypeAlias = tuple[tuple[str, str], ...]

_SECONDS: Final = 30.0
_MOST_LINES: Final = 10
_GOOD: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_FORM: Final = "application/x-www-form-urlencoded"


@attrs.frozen(kw_only=True)
class Request:
    """What is posted."""

    url: str
    headers: _Headers = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Draft:
    """A request but for its time and its signature."""

    url: str
    data: bytes = attrs.field(repr=False)
    scheme: Scheme
    format: str
    source: str
    id: str
    name: str
    """Of the event; empty without one."""

    headers: _Headers = attrs.field(repr=False)
    """Stronger than those that are made here."""

    timestamp: float | None
    """What is signed, in Unix seconds; None for now."""

    def sign(self) -> Request:
        """Return the request.

        Raises:
            OptionError: if it cannot be signed like this.
        """
        now = time.time()
        rendered = render(
            Message(
                id=self.id,
                name=self.name,
                time=datetime.fromtimestamp(now, UTC),
                data=self.data,
            ),
            format=self.format,
            scheme=self.scheme.name,
            source=self.source,
        )
        named = tuple(each for each in rendered.headers if each[1])
        is_form = _value(self.headers, "content-type").startswith(_FORM)
        name = self.scheme.name
        url = self.url if is_form else sent_to(name, self.url, rendered.body)
        signed = self.scheme.sign(
            rendered.body,
            id=self.id,
            timestamp=now if self.timestamp is None else self.timestamp,
            url=url,
        )
        # What a scheme has to say without knowing the event is the weakest of all.
        headers = _merged((*signed.items(), *named, *self.headers))
        return Request(url=url, headers=headers, body=rendered.body)


def wrong_secret() -> str:
    """Return a new secret that every scheme takes, and that no receiver has."""
    return secrets.token_hex(32)


async def send_request(draft: Draft, *, times: int) -> int:
    """Post it so many times, one after the other, and print the answers.

    Each is signed anew, under the same id: to a receiver they are retries.

    Returns:
        The exit status: 0 if all were answered with 2xx.
    """
    good = 0

    async with ended_by_sigterm(), PostTransport(ANYWHERE) as transport:
        for _ in range(times):
            good += await _post(transport, draft.sign())

    return 0 if good == times else 1


async def _post(transport: PostTransport, request: Request) -> bool:
    """Post it, print what came of it, and tell whether that was 2xx."""
    started = time.monotonic()

    try:
        answer = await transport.post(
            request.url,
            headers=request.headers,
            body=request.body,
            timeout=_SECONDS,
        )
    except (TransportError, BlockedError) as error:
        click.echo(f"upcall: no answer ({printable(str(error))})", err=True)
        return False

    _print_answer(answer, milliseconds=(time.monotonic() - started) * 1000)
    return answer.status in _GOOD


def _print_answer(answer: Answer, *, milliseconds: float) -> None:
    click.echo(f"{_called(answer.status)}  {milliseconds:.0f} ms")

    if answer.status in _REDIRECTS:
        place = printable(_value(answer.headers, "location"))
        click.echo(f"  a redirect, which is not followed: {place}")

    lines = answer.body.decode("utf-8", "replace").splitlines()

    for line in lines[:_MOST_LINES]:
        click.echo(f"  {printable(line)}".rstrip())

    if len(lines) > _MOST_LINES or answer.truncated:
        click.echo("  ...")


def _called(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _value(headers: _Headers, name: str) -> str:
    return next((value for each, value in headers if each.lower() == name), "")


def _merged(headers: _Headers) -> _Headers:
    """Return each header once: the last of those with one name."""
    last = {name.lower(): (name, value) for name, value in headers}
    return tuple(last.values())
