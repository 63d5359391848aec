"""The second transport: over httpcore2, with HTTP/2 where the server offers it."""

# Rule 1: the guard, the connecting and the keeping are those of the default transport.
#   Only what happens on a connection is httpcore2's (h11 and h2 beneath it).
# Rule 2: a connection that speaks HTTP/2 is shared. After a failure, a cut or a
#   cancellation it takes no new request, and is closed when the last one has left it.

from __future__ import annotations

__all__ = ("Http2Transport",)

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import ClassVar

import anyio

try:
    import httpcore2

    import_module("h2")  # httpcore2 wants it once a server offers HTTP/2: too late
except ImportError as _error:
    raise ModuleNotFoundError(
        f"upcall.webhooks.transport.http2 needs {_error.name}: "
        "pip install 'upcall[http2]'",
        name=_error.name,
    ) from _error

from upcall.webhooks._proto.addresses import Target
from upcall.webhooks._proto.headers import check_header

from .connect import Progress
from .guarded import GuardedTransport
from .http2_connection import HttpcoreConnection, LoneConnection, SharedConnection
from .opened import Opened

_Origin = tuple[str, str, int]


class Http2Transport(GuardedTransport[HttpcoreConnection, httpcore2.Request]):
    """Makes POST requests over HTTP/2, and over HTTP/1.1 where a server has no HTTP/2.

    Requests to one server share a connection if it speaks HTTP/2. Of one event loop
    (asyncio or trio); any number of calls at a time. It keeps no task and no timer of
    its own. ``async with`` closes what it keeps, as `aclose` does.

    With HTTP/2, cancellation leaves the connection to the requests that share it, and
    a server that answers before it has read a large body may not be heard.
    """

    protocols: ClassVar[Sequence[str]] = ("h2", "http/1.1")

    @cached_property
    def _shared(self) -> dict[_Origin, HttpcoreConnection]:
        """Connections in use that others may join."""
        return {}

    @cached_property
    def _opening(self) -> dict[_Origin, anyio.Event]:
        """Connections under way that others may join once they are there."""
        return {}

    def _prepare(
        self, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> tuple[Target, httpcore2.Request]:
        target = self._target(url)
        lines = [("Host", target.host_header), ("Content-Length", str(len(body)))]

        for name, value in headers:
            check_header(name, value)
            lines.append((name, value))

        return target, httpcore2.Request(
            "POST",
            httpcore2.URL(
                scheme=target.scheme.encode("ascii"),
                host=target.host.encode("ascii"),
                port=target.port,
                target=target.path.encode("ascii"),
            ),
            headers=[
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in lines
            ],
            content=body,
        )

    def _begin(self, opened: Opened, target: Target) -> HttpcoreConnection:
        kind = SharedConnection if opened.protocol == "h2" else LoneConnection
        return self._join(kind(opened, target, keep=self._keep), target)

    async def _take(self, target: Target) -> HttpcoreConnection | None:
        shared = self._shared.get(target.origin)

        if shared is not None and shared.is_quiet():
            return self._join(shared, target)

        kept = await super()._take(target)
        return None if kept is None else self._join(kept, target)

    async def _open(self, target: Target, progress: Progress) -> HttpcoreConnection:
        """Open one, or wait for one that is being opened and may serve us all."""
        origin = target.origin
        under_way = self._opening.get(origin)

        if under_way is not None:
            progress.doing = f"waiting for a connection to {target.host}"
            await under_way.wait()
            shared = self._shared.get(origin)

            if shared is not None and shared.is_quiet():
                return self._join(shared, target)

            return await super()._open(target, progress)

        self._opening[origin] = done = anyio.Event()

        try:
            return await super()._open(target, progress)
        finally:
            del self._opening[origin]
            done.set()

    async def _give_back(self, connection: HttpcoreConnection, target: Target) -> None:
        connection.users -= 1

        if not connection.reusable or not connection.users:
            self._forget(connection, target.origin)

        if not connection.users:
            await super()._give_back(connection, target)

    def _join(
        self, connection: HttpcoreConnection, target: Target
    ) -> HttpcoreConnection:
        connection.users += 1

        if connection.is_shared:
            self._shared[target.origin] = connection

        return connection

    def _forget(self, connection: HttpcoreConnection, origin: _Origin) -> None:
        if self._shared.get(origin) is connection:
            del self._shared[origin]
