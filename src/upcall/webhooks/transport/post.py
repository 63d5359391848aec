"""The default transport: one POST per attempt over HTTP/1.1, behind the guard."""

from __future__ import annotations

__all__ = ("PostTransport",)

import ssl
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from types import TracebackType
from typing import Self

import anyio

from upcall.webhooks._proto.addresses import Target
from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks._proto.headers import check_header

from .connect import Connector, Progress
from .connection import Connection, SilentCloseError
from .contract import Resolver
from .guard import Guard
from .idle import IdleConnections
from .resolver import SystemResolver


class PostTransport:
    """Makes POST requests over connections that it keeps for a while.

    Of one event loop (asyncio or trio); any number of calls at a time. It keeps no task
    and no timer of its own. ``async with`` closes what it keeps, as `aclose` does.
    """

    def __init__(
        self,
        guard: Guard | None = None,
        *,
        ssl_context: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
        connect_timeout: float = 5.0,
        idle_expiry: float = 15.0,
        keep: int = 4096,
    ) -> None:
        """Make a transport; nothing is opened yet.

        Args:
            guard: where requests may go; by default public addresses over https.
            ssl_context: how to verify the other side; by default against the
                authorities that the system trusts, with the name of the host.
            resolver: looks up names; by default as the system does.
            connect_timeout: for lookup, connection and handshake, in seconds.
            idle_expiry: how long a connection is kept without a request, in seconds.
            keep: how many bytes of an answer's body are kept. It is read to 64 KiB.
        """
        self._guard = Guard() if guard is None else guard
        self._connector = Connector(
            guard=self._guard,
            resolver=SystemResolver() if resolver is None else resolver,
            ssl_context=ssl_context or _ssl_context(self._guard),
            timeout=connect_timeout,
            keep=keep,
        )
        # Guards and targets never change, so a URL is judged once.
        self._route = lru_cache(maxsize=1024)(partial(_route, self._guard))
        self._idle = IdleConnections(expiry=idle_expiry)
        self._closed = False

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 (see Transport)
    ) -> Answer:
        """Send one request and return its answer; see `Transport.post`.

        If a kept connection turns out to have died, before a single byte of an answer,
        the same request goes out once more on a new one.

        Raises:
            TransportError: there is no answer; ``kind`` says why.
            BlockedError: the guard refuses the URL or an address of its host.
            OptionError: a header may not be sent.
        """
        target, start = self._route(url)
        request = _request(start, headers, body)
        progress = Progress()

        with anyio.move_on_after(timeout):
            return await self._exchange(target, request, progress)

        raise TransportError(
            "timeout",
            f"no answer within {timeout:g} s, while {progress.doing}",
            address=progress.address,
        )

    async def aclose(self) -> None:
        """Close the connections that wait, and keep none from now on.

        Requests under way end as they would; a later one gets a connection of its own.
        """
        self._closed = True

        for connection in self._idle.clear():
            await connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _exchange(
        self, target: Target, request: bytes, progress: Progress
    ) -> Answer:
        kept = await self._take(target)

        if kept is not None:
            try:
                return await self._use(kept, target, request, progress)
            except SilentCloseError:
                pass  # it had died while it waited, which nobody is to blame for

        fresh = await self._connector.connect(target, progress)
        return await self._use(fresh, target, request, progress)

    async def _take(self, target: Target) -> Connection | None:
        """Return a kept connection that still lives, and close some that are over."""
        now = time.monotonic()

        for old in self._idle.surplus(now=now):
            await old.close()

        while (kept := self._idle.take(target.origin, now=now)) is not None:
            if kept.is_quiet():
                return kept

            await kept.close()

        return None

    async def _use(
        self,
        connection: Connection,
        target: Target,
        request: bytes,
        progress: Progress,
    ) -> Answer:
        progress.doing = "waiting for the answer"
        progress.address = connection.address
        again = False

        try:
            answer = await connection.exchange(request)
            again = connection.reusable and not self._closed
        except TransportError as error:
            error.address = connection.address
            raise
        finally:
            if again:
                self._idle.put(target.origin, connection, now=time.monotonic())
            else:
                await connection.close()

        return answer


def _route(guard: Guard, url: str) -> tuple[Target, str]:
    """Return where a URL leads, and what a request to there begins with."""
    target = guard.target(url)
    return target, f"POST {target.path} HTTP/1.1\r\nHost: {target.host_header}"


def _request(start: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    lines = [start, f"Content-Length: {len(body)}"]

    for name, value in headers:
        check_header(name, value)
        lines.append(f"{name}: {value}")

    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _ssl_context(guard: Guard) -> ssl.SSLContext | None:
    """Make the default context, which takes a while, if it is ever going to be used."""
    if "https" not in guard.schemes:
        return None

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
