"""One connection: a request goes out, its answer comes back, perhaps again."""

from __future__ import annotations

__all__ = ("Connection", "SilentCloseError")

import ssl
from typing import Final

import anyio

from upcall.webhooks._proto.answer import Answer, TransportError

from .answer_parser import AnswerParser
from .opened import Opened

_CHUNK: Final = 64 * 1024
_AT_ONCE: Final = 16 * 1024
"""What the system takes from us at once, even if the other side reads nothing."""

_BROKEN: Final = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.BusyResourceError,  # TLS wants to answer by itself while we send
    OSError,
)


class SilentCloseError(TransportError):
    """The connection ended before a single byte of an answer."""


class Connection:
    """An open connection to one checked address. Carries one request at a time."""

    __slots__ = (
        "_opened",
        "_parser",
        "_sent",
        "_stream",
        "address",
        "reusable",
        "since",
    )

    address: str
    """The address that it leads to."""

    reusable: bool
    """Whether it may carry another request."""

    since: float
    """When it was last used, on whatever clock its owner goes by."""

    def __init__(self, opened: Opened, *, keep: int) -> None:
        self._opened = opened
        self._stream = opened.stream
        self._parser = AnswerParser(keep=keep)
        self._sent = False
        self.address = opened.address
        self.reusable = False
        self.since = 0.0

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and read its answer.

        After an error or a cancellation the connection is of no more use.

        Raises:
            SilentCloseError: it ended before a single byte of an answer.
            TransportError: the answer is not whole, or no HTTP.
        """
        self._parser.begin()
        self._sent = self.reusable = False

        if len(request) <= _AT_ONCE:
            await self._send(request)
            await self._read()
        else:
            await self._send_and_read(request)

        self.reusable = self._parser.reusable and self._sent
        return self._parser.answer(self.address)

    def is_quiet(self) -> bool:
        """Tell whether nothing has come since the last answer, not even the end.

        Anything that has would be taken for the answer to the next request.
        """
        return self._opened.is_quiet()

    async def close(self) -> None:
        """Close it at once, without a word to the other side; never cancelled."""
        await self._opened.close()

    async def _send(self, request: bytes) -> None:
        try:
            await self._stream.send(request)
        except _BROKEN:
            # An early answer may be there all the same: 413 and closed, for example.
            # If there is none, reading tells.
            return

        self._sent = True

    async def _read(self) -> None:
        parser = self._parser

        while not parser.done:
            try:
                data = await self._stream.receive(_CHUNK)
            except anyio.EndOfStream:
                self._end()
                return
            except _BROKEN as error:
                raise self._broken(error) from error

            parser.feed(data)

            # A full chunk may have been cut from more that waits in the stream.
            if len(data) == _CHUNK:
                parser.reusable = False

    async def _send_and_read(self, request: bytes) -> None:
        """Read while sending: who answers early may never read the rest."""
        failure: TransportError | None = None

        async with anyio.create_task_group() as sending:
            sending.start_soon(self._send, request)

            try:
                await self._read()
            except TransportError as error:
                failure = error

            sending.cancel_scope.cancel()

        if failure is not None:
            raise failure

    def _end(self) -> None:
        if not self._parser.begun:
            raise SilentCloseError("broken", "closed without an answer")

        self._parser.end()

    def _broken(self, error: Exception) -> TransportError:
        cause = error.__cause__ or error
        text = str(cause) or type(cause).__name__

        if not self._parser.begun and not isinstance(error, ssl.SSLError):
            return SilentCloseError("broken", text)

        kind = "tls" if isinstance(error, ssl.SSLError) else "broken"
        return TransportError(kind, text)
