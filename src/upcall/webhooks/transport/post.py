"""The default transport: one POST per attempt over HTTP/1.1, behind the guard."""

from __future__ import annotations

__all__ = ("PostTransport",)

from collections.abc import Sequence

from upcall.webhooks._proto.addresses import Target
from upcall.webhooks._proto.headers import check_header

from .connection import Connection
from .guarded import GuardedTransport
from .opened import Opened


class PostTransport(GuardedTransport[Connection, bytes]):
    """Makes POST requests over connections that it keeps for a while.

    Of one event loop (asyncio or trio); any number of calls at a time. It keeps no task
    and no timer of its own. ``async with`` closes what it keeps, as `aclose` does.
    """

    def _prepare(
        self, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> tuple[Target, bytes]:
        target = self._target(url)
        start = f"POST {target.path} HTTP/1.1\r\nHost: {target.host_header}"
        return target, _request(start, headers, body)

    def _begin(self, opened: Opened, target: Target) -> Connection:  # noqa: ARG002 (others need it)
        return Connection(opened, keep=self._keep)


def _request(start: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    lines = [start, f"Content-Length: {len(body)}"]

    for name, value in headers:
        check_header(name, value)
        lines.append(f"{name}: {value}")

    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
