"""What both transports do: judge, connect, send in time, keep connections."""

# Rule 1: what is kept was judged when it was opened, is of one origin, and is quiet.
# Rule 2: a request goes out at most twice: on a kept connection that turns out to be
#   dead, and on a new one.

from __future__ import annotations

__all__ = ("Exchanger", "GuardedTransport")

import abc
import ssl
import time
from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import anyio

from upcall.webhooks._proto.addresses import Target
from upcall.webhooks._proto.answer import Answer, TransportError

from .connect import Connector, Progress
from .connection import SilentCloseError
from .contract import Resolver
from .guard import Guard
from .idle import IdleConnections
from .opened import Opened
from .resolver import SystemResolver

_Request = TypeVar("_Request")
_Sent_contra = TypeVar("_Sent_contra", contravariant=True)


class Exchanger(Protocol[_Sent_contra]):
    """A connection, as a transport sees it; `Connection` says what each part means."""

    address: str
    reusable: bool
    since: float

    async def exchange(self, request: _Sent_contra, /) -> Answer:
        """Send a request and read its answer."""
        ...

    def is_quiet(self) -> bool:
        """Tell whether it can carry another request."""
        ...

    async def close(self) -> None:
        """Close it at once; never cancelled."""
        ...


_Connection = TypeVar("_Connection", bound=Exchanger[Any])


class GuardedTransport(abc.ABC, Generic[_Connection, _Request]):
    """What is the same for every transport behind a guard."""

    protocols: ClassVar[Sequence[str]] = ("http/1.1",)
    """What is offered to servers (ALPN)."""

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
                authorities that the system trusts, with the name of the host. It is
                told what to offer to servers (ALPN): the two kinds of transport cannot
                share one.
            resolver: looks up names; by default as the system does.
            connect_timeout: for lookup, connection and handshake, in seconds.
            idle_expiry: how long a connection is kept without a request, in seconds.
            keep: how many bytes of an answer's body are kept. It is read to 64 KiB.
        """
        self._guard = Guard() if guard is None else guard
        self._connector = Connector(
            guard=self._guard,
            resolver=SystemResolver() if resolver is None else resolver,
            ssl_context=self._set_up(ssl_context),
            timeout=connect_timeout,
        )
        # Guards never change, so a URL is judged once.
        self._target = lru_cache(maxsize=1024)(self._guard.target)
        self._keep = keep
        self._idle: IdleConnections[_Connection] = IdleConnections(expiry=idle_expiry)
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
        target, request = self._prepare(url, headers, body)
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

    @abc.abstractmethod
    def _prepare(
        self, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> tuple[Target, _Request]:
        """Judge the URL and the headers, and put a request together."""

    @abc.abstractmethod
    def _begin(self, opened: Opened, target: Target) -> _Connection:
        """Make a connection of what was connected to."""

    def _set_up(self, context: ssl.SSLContext | None) -> ssl.SSLContext | None:
        """Make the default context, which takes a while, if it can ever be used."""
        if context is None and "https" in self._guard.schemes:
            context = ssl.create_default_context()

        if context is not None:
            context.set_alpn_protocols(list(self.protocols))

        return context

    async def _exchange(
        self, target: Target, request: _Request, progress: Progress
    ) -> Answer:
        kept = await self._take(target)

        if kept is not None:
            try:
                return await self._use(kept, target, request, progress)
            except SilentCloseError:
                pass  # it had died while it waited, which nobody is to blame for

        fresh = await self._open(target, progress)
        return await self._use(fresh, target, request, progress)

    async def _open(self, target: Target, progress: Progress) -> _Connection:
        opened = await self._connector.connect(target, progress)
        return self._begin(opened, target)

    async def _take(self, target: Target) -> _Connection | None:
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
        connection: _Connection,
        target: Target,
        request: _Request,
        progress: Progress,
    ) -> Answer:
        progress.doing = "waiting for the answer"
        progress.address = connection.address

        try:
            return await connection.exchange(request)
        except TransportError as error:
            error.address = connection.address
            raise
        finally:
            await self._give_back(connection, target)

    async def _give_back(self, connection: _Connection, target: Target) -> None:
        """Keep a connection, or close it."""
        if connection.reusable and not self._closed:
            self._idle.put(target.origin, connection, now=time.monotonic())
        else:
            await connection.close()
