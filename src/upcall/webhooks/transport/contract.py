"""The one door to the network: what a transport does, and what looks up names."""

from __future__ import annotations

__all__ = ("Resolver", "Transport")

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from upcall.webhooks._proto.answer import Answer

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up a host name for a port: every address it has, as text. Raises `OSError`."""


class Transport(Protocol):
    """Makes one POST per call. Of one event loop; any number of calls at a time.

    A transport follows no redirects, uses no proxies, undoes no compression, and keeps
    the promises of its guard at every connection.
    """

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 (one deadline for all of it, made here)
    ) -> Answer:
        """Send one request and return its answer, whatever its status is.

        The transport stamps ``Host`` and ``Content-Length`` and is given no header of
        the framing. Cancellation closes the connection; whether the request arrived is
        then unknown.

        Args:
            url: where to, as registered.
            headers: all others, in order.
            body: the exact bytes that were signed.
            timeout: for all of it, the lookup of the name included, in seconds.

        Raises:
            TransportError: there is no answer; ``kind`` says why.
            BlockedError: the guard refuses the URL or an address of its host.
            OptionError: a header may not be sent.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections that are kept open."""
        ...
