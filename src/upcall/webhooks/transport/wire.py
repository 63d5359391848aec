"""What httpcore2 reads and writes: our streams, with their errors and bounds."""

# Rule 1: no byte behind an answer gets into the parser (h11): it would be taken for the
#   answer to the next request. So what is received is given out in pieces, and none
#   goes beyond a point where an answer may end.
# Rule 2: who answers early may never read the rest, so a large body is sent with one
#   ear on the other side.
# Rule 3: a write that was cut off leaves half a frame behind: nothing may follow it.

from __future__ import annotations

__all__ = ("EnoughError", "LoneWire", "SharedWire")

import re
import ssl
from typing import Final

import anyio
import httpcore2

from upcall.webhooks._proto.answer import TransportError

from .connection import SilentCloseError
from .opened import Opened

_CHUNK: Final = 64 * 1024
_AT_ONCE: Final = 16 * 1024
_MOST_HEAD: Final = 64 * 1024
_MOST_REST: Final = 96 * 1024  # below h11's own bound for what it cannot use yet
_MOST_PIECES: Final = 100

_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_START: Final = b"HTTP/"
# Line ends without CR, folded lines, control characters: h11 lets them pass.
_LAX: Final = re.compile(rb"[^\r]\n|\n[ \t]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FINAL: Final = re.compile(rb"(?:^|\n)HTTP/[0-9.]+ [2-9]")

_BROKEN: Final = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.BusyResourceError,  # TLS wants to answer by itself while we send
    OSError,
)


class EnoughError(Exception):
    """There is more of this answer than we want, all of it behind its head."""


class SharedWire(httpcore2.AsyncNetworkStream):
    """Carries the frames of many requests at a time (HTTP/2)."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.lost: bool = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 (httpcore2's)
        """Receive something; nothing at the end."""
        del timeout  # one deadline for all of it is made elsewhere

        try:
            return await self._opened.stream.receive(max_bytes)
        except anyio.EndOfStream:
            self.lost = True
            return b""
        except _BROKEN as error:
            self.lost = True
            raise _broken(error, SilentCloseError) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 (httpcore2's)
        """Send frames; cancelled, nothing can follow them."""
        del timeout

        if self.lost:
            raise SilentCloseError("broken", "another request was cut off in sending")

        if not buffer:
            return

        try:
            await self._opened.stream.send(buffer)
        except _BROKEN as error:
            self.lost = True
            raise _broken(error, SilentCloseError) from error
        except BaseException:
            self.lost = True
            raise

    async def aclose(self) -> None:
        """Close it at once; never cancelled."""
        self.lost = True
        await self._opened.close()


class LoneWire(httpcore2.AsyncNetworkStream):
    """Carries one request at a time (HTTP/1.1)."""

    head: bytes
    """The head of the answer, as it was received."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._held = bytearray()
        self._failure: TransportError | None = None
        self._ended = False
        self.begin()

    def begin(self) -> None:
        """Expect the next answer."""
        self.head = b""
        self._tail = b""
        self._given = self._pieces = 0
        self._most = _MOST_HEAD
        self._in_head = True
        self._left: int | None = None

    def expect(self, length: int | None) -> None:
        """Take in how long the body is, as its head says; None if it says nothing."""
        self._in_head = False
        self._left = length
        self._most = self._given + _MOST_REST

    @property
    def is_clean(self) -> bool:
        """Whether nothing was received behind the answer, as far as we know."""
        return not self._held and self._pieces <= _MOST_PIECES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 (httpcore2's)
        """Give out a piece of what was received; nothing at the end.

        Raises:
            SilentCloseError: it ended before a single byte of an answer.
            TransportError: it broke, or this is no answer of HTTP/1.1.
            EnoughError: there is too much behind the head.
        """
        del timeout

        if not self._held:
            await self._receive()

        piece = bytes(self._held[: self._cut(max_bytes)])
        del self._held[: len(piece)]
        self._note(piece)
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 (httpcore2's)
        """Send a part of a request, unless the other side answers before it is sent.

        Raises:
            httpcore2.WriteError: it was not sent. There may be an answer all the same.
        """
        del timeout

        if len(buffer) <= _AT_ONCE:
            await self._send(buffer)
            return

        sent = False

        async with anyio.create_task_group() as listening:
            listening.start_soon(self._listen, listening.cancel_scope)

            try:
                await self._send(buffer)
                sent = True
            except httpcore2.WriteError:
                pass  # told below, outside of the group

            listening.cancel_scope.cancel()

        if not sent:
            raise httpcore2.WriteError("not sent whole")

    async def aclose(self) -> None:
        """Close it at once; never cancelled."""
        await self._opened.close()

    async def _send(self, buffer: bytes) -> None:
        if not buffer:
            return

        try:
            await self._opened.stream.send(buffer)
        except _BROKEN as error:
            raise httpcore2.WriteError(str(error)) from error

    async def _listen(self, sending: anyio.CancelScope) -> None:
        """Receive while a request is sent, and end that if an answer comes."""
        try:
            while not (self._ended or self._is_answered()):
                await self._receive()
        except TransportError as error:
            self._failure = error

        sending.cancel()

    def _is_answered(self) -> bool:
        """Tell whether it is more than word of an answer to come (1xx)."""
        held = bytes(self._held)
        return (
            not _START.startswith(held[: len(_START)])
            or _FINAL.search(held) is not None
            or len(held) > _MOST_HEAD
        )

    async def _receive(self) -> None:
        if self._failure is not None:
            raise self._failure

        if self._ended:
            return

        try:
            self._held += await self._opened.stream.receive(_CHUNK)
        except anyio.EndOfStream as error:
            self._ended = True

            if not self._given and not self._held:
                raise SilentCloseError("broken", "closed without an answer") from error
        except _BROKEN as error:
            kind = TransportError if self._given or self._held else SilentCloseError
            raise _broken(error, kind) from error

    def _cut(self, most: int) -> int:
        """Return how many bytes may be given out: to where an answer may end."""
        if self._left is not None:
            return min(most, self._left)

        if self._pieces > _MOST_PIECES:
            return most

        across = _BLANK_LINE.search(self._tail + self._held[:2])

        if across is not None:
            return min(most, across.end() - len(self._tail))

        found = _BLANK_LINE.search(self._held)
        return most if found is None else min(most, found.end())

    def _note(self, piece: bytes) -> None:
        """Take in what is given out, and refuse what is too much or no HTTP."""
        self._given += len(piece)

        if self._in_head:
            self._note_head(piece)
        elif self._given > self._most:
            raise EnoughError

        self._pieces += not self._in_head
        self._tail = b"\n" if _BLANK_LINE.search(self._tail + piece) else piece[-2:]

        if self._left is not None:
            self._left -= len(piece)

    def _note_head(self, piece: bytes) -> None:
        """Take in a piece of a head; the last one may have been word of this one."""
        if _BLANK_LINE.search(self.head):
            self.head = b""

        seen = max(0, len(self.head) - 1)
        self.head += piece

        if not _START.startswith(self.head[: len(_START)]):
            raise TransportError(
                "broken", f"no HTTP answer: it begins with {self.head[:5]!r}"
            )

        if _LAX.search(self.head, seen):
            raise TransportError("broken", "no HTTP answer: a bad line in its head")

        if self._given > self._most:
            raise TransportError("broken", "the head of the answer has over 64 KiB")


def _broken(error: Exception, kind: type[TransportError]) -> TransportError:
    cause = error.__cause__ or error
    text = str(cause) or type(cause).__name__

    if isinstance(error, ssl.SSLError):
        return TransportError("tls", text)

    return kind("broken", text)
