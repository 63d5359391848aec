"""One answer after the other, read from the bytes of a connection by httptools."""

# Rule 1: the parser is strict by default; its leniencies stay off. What two readers
#   could understand in two ways is broken.
# Rule 2: it knows no limits and no end of the stream, so both are kept here.
# Rule 3: whatever is odd about an answer forbids a second one on that connection.

from __future__ import annotations

__all__ = ("AnswerParser",)

import re
from typing import Final

import httptools

from upcall.webhooks._proto.answer import Answer, TransportError

_MOST_HEAD: Final = 64 * 1024
_MOST_BODY: Final = 64 * 1024
_START: Final = b"HTTP/"
_VERSIONS: Final = ("1.0", "1.1")
_BROKEN: Final = "broken"
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class AnswerParser:
    """Reads the answers of one connection, one at a time.

    The methods that begin with ``on_`` are called by httptools.
    """

    __slots__ = (
        "_body",
        "_cut",
        "_headers",
        "_in_body",
        "_keep",
        "_odd",
        "_parser",
        "_read",
        "_seen",
        "_start",
        "_status",
        "_until_end",
        "_version",
        "done",
        "reusable",
    )

    done: bool
    """Whether the answer is there, as far as we want it. Feed nothing after that."""

    reusable: bool
    """Whether the connection may carry another request, as far as this one shows."""

    def __init__(self, *, keep: int) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._keep = keep
        self.begin()

    def begin(self) -> None:
        """Expect the next answer."""
        self.done = self.reusable = False
        self._start = b""
        self._status = 0
        self._version = "1.1"
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._in_body = self._until_end = self._cut = False
        self._odd = ""
        self._read = 0  # bytes of this answer, all that belongs to it
        self._seen = 0  # bytes of its body

    @property
    def begun(self) -> bool:
        """Whether a single byte has come."""
        return self._read > 0

    def feed(self, data: bytes) -> None:
        """Take in what was received.

        Raises:
            TransportError: if this is no HTTP answer that we understand.
        """
        self._greet(data)
        self._read += len(data)

        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("it switches to another protocol")
        except httptools.HttpParserError as error:
            self._fail(str(error))

        if self._version not in _VERSIONS:
            raise TransportError(_BROKEN, f"an answer in HTTP/{self._version}")

        if self._odd:
            raise TransportError(_BROKEN, f"no HTTP answer: {self._odd}")

        self._limit()

    def end(self) -> None:
        """Take in that the connection ended.

        Raises:
            TransportError: if the answer is not whole.
        """
        if not (self._in_body and self._until_end):
            raise TransportError(_BROKEN, "closed before the answer was whole")

        self.done = True

    def answer(self, address: str) -> Answer:
        """Return the answer that was read, once it is done."""
        return Answer(
            status=self._status,
            headers=tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in self._headers
            ),
            body=bytes(self._body),
            truncated=self._cut or self._seen > len(self._body),
            address=address,
        )

    def on_message_begin(self) -> None:
        """Note that something comes behind the answer, where there is one."""
        if self.done:
            self.reusable = False

    def on_status(self, reason: bytes) -> None:
        """Look at the reason: httptools takes anything there."""
        if _CONTROL.search(reason) and not self.done:
            self._odd = "it has a control character in its reason"

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; one behind the body is a trailer, and not wanted."""
        if not self.done and not self._in_body:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Learn what kind of answer this is."""
        if self.done:
            return

        self._status = self._parser.get_status_code()
        self._version = self._parser.get_http_version()

        if self._status >= 200:  # noqa: PLR2004 (below it, another one follows)
            self._in_body = True
            codings = self._values(b"transfer-encoding")

            # No other was asked for (TE), and readers differ about unknown ones.
            if codings not in ([], [b"chunked"]):
                self._odd = "it is in a coding that nobody asked for"

            self._until_end = not (codings or self._values(b"content-length"))

    def on_body(self, data: bytes) -> None:
        """Keep the beginning of the body, and count the rest."""
        if self.done:
            return

        self._seen += len(data)
        room = self._keep - len(self._body)

        if room > 0:
            self._body += data[:room]

        if self._seen > _MOST_BODY:
            self.done = True

    def on_message_complete(self) -> None:
        """Finish, unless this was only word of an answer to come (1xx)."""
        if self.done:
            return

        if not self._in_body:
            self._headers.clear()
            return

        self.done = True
        self.reusable = self._version == "1.1" and self._parser.should_keep_alive()

    def _values(self, wanted: bytes) -> list[bytes]:
        return [
            value.lower() for name, value in self._headers if name.lower() == wanted
        ]

    def _greet(self, data: bytes) -> None:
        """Look at the first bytes: httptools takes the answers of RTSP, too."""
        if self._read < len(_START):
            self._start += data[: len(_START) - self._read]

            if not _START.startswith(self._start):
                self._fail(f"it begins with {self._start!r}")

    def _fail(self, reason: str) -> None:
        """Refuse the answer; behind a whole one, junk spoils the connection alone."""
        self.reusable = False

        if not self.done:
            raise TransportError(_BROKEN, f"no HTTP answer: {reason}") from None

    def _limit(self) -> None:
        """Bound what is read, however it is spread over heads, chunks and trailers."""
        if self.done:
            return

        if not self._in_body and self._read > _MOST_HEAD:
            raise TransportError(_BROKEN, "the head of the answer has over 64 KiB")

        if self._read > _MOST_HEAD + _MOST_BODY:
            self.done = self._cut = True
