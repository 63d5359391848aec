"""Posting on what `upcall listen` got, to an app under development."""

from __future__ import annotations

__all__ = ("ANYWHERE", "Forwarder", "Reply", "loopback", "with_query")

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, TypeAlias

import attrs

from upcall.errors import OptionError
from upcall.webhooks import Answer, BlockedError, Guard, Transport, TransportError
from upcall.webhooks._proto.headers import FRAMING, check_header
from upcall.webhooks.transport.post import PostTransport

from .received import Received

_Headers: TypeAlias = tuple[tuple[str, str], ...]

ANYWHERE: Final = Guard(
    allow=["0.0.0.0/0", "::/0"], schemes={"http", "https"}, ports=None
)
"""For URLs that the person at the keyboard has typed, who may post where they like."""

_SECONDS: Final = 30.0
_KEPT: Final = 64 << 10
_LOCALHOST: Final = re.compile(r"(https?://)localhost(?=[:/?#]|$)", re.IGNORECASE)
_OURS: Final = FRAMING | {"date"}


@attrs.frozen(kw_only=True)
class Reply:
    """What a request is answered."""

    status: int
    headers: _Headers = ()
    body: bytes = b""


class Forwarder:
    """Posts requests on, and gives back what was answered.

    Args:
        url: of the app; the query of a request is added to it.
        transport: makes the requests; closed with this.
    """

    def __init__(self, url: str, *, transport: Transport | None = None) -> None:
        self._url = url
        self._transport = transport or PostTransport(ANYWHERE, keep=_KEPT)

    async def post(self, received: Received, body: bytes) -> Reply:
        """Post it on as it came, but for the headers that belong to the connection.

        Without an answer the reply is 502, and ``received.reason`` tells why.
        """
        query = received.path.partition("?")[2]

        try:
            answer = await self._transport.post(
                with_query(self._url, query),
                headers=_passing(received.raw_headers),
                body=body,
                timeout=_SECONDS,
            )
        except (TransportError, BlockedError, OptionError) as error:
            received.reason = f"not forwarded: {error}"
            return Reply(status=HTTPStatus.BAD_GATEWAY)

        return _reply(answer)

    async def aclose(self) -> None:
        """Close the connections to the app."""
        await self._transport.aclose()


def loopback(url: str) -> str:
    """Return the URL with 127.0.0.1 for localhost, a name that the guard refuses."""
    found = _LOCALHOST.match(url)
    return url if found is None else f"{found[1]}127.0.0.1{url[found.end() :]}"


def with_query(url: str, query: str) -> str:
    """Return the URL with the query added to its own, if it has one."""
    if not query:
        return url

    place = url.partition("#")[0]
    return f"{place}{'&' if '?' in place else '?'}{query}"


def _passing(headers: Iterable[tuple[str, str]]) -> _Headers:
    return tuple((name, value) for name, value in headers if name.lower() not in _OURS)


def _reply(answer: Answer) -> Reply:
    return Reply(
        status=answer.status,
        headers=tuple(each for each in _passing(answer.headers) if _may_be_sent(each)),
        body=answer.body,
    )


def _may_be_sent(header: tuple[str, str]) -> bool:
    """Tell whether our own server would take it from us: apps write odd ones, too."""
    try:
        check_header(*header)
    except OptionError:
        return False

    return True
