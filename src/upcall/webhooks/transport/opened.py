"""What was connected to: a stream to a checked address, encrypted if need be."""

from __future__ import annotations

__all__ = ("Opened",)

import select
import ssl
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute


class Opened:
    """An open stream to one checked address."""

    __slots__ = ("_socket", "_tls", "address", "stream")

    address: str
    """The address that it leads to."""

    stream: ByteStream
    """Over TLS, if the URL said so."""

    def __init__(self, stream: ByteStream, address: str) -> None:
        self._socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 (not Django)
        self._tls: Any = stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 (as above)
        self.stream = stream
        self.address = address

    @property
    def protocol(self) -> str | None:
        """What both sides agreed to speak (ALPN, RFC 7301), if they did."""
        return None if self._tls is None else self._tls.selected_alpn_protocol()

    def is_quiet(self) -> bool:
        """Tell whether nothing waits to be read, not even the end.

        Anything that does would be taken for the answer to the next request.
        """
        return not _is_readable(self._socket.fileno()) and self._is_read_empty()

    async def close(self) -> None:
        """Close it at once, without a word to the other side; never cancelled."""
        with anyio.CancelScope(shield=True):
            await anyio.aclose_forcefully(self.stream)

    def _is_read_empty(self) -> bool:
        """Tell whether TLS holds back nothing that it has received already."""
        if self._tls is None:
            return True

        try:
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLError:
            return False

        return False


def _is_readable(number: int) -> bool:
    if number < 0:
        return True

    if not hasattr(select, "poll"):  # pragma: no cover (Windows)
        return bool(select.select([number], [], [], 0)[0])

    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))
