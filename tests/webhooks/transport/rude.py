"""The table of rude servers: what each does, and what a transport makes of it."""

# Rule 1: a row knows no transport. Every transport gives the same verdict on every row.

from __future__ import annotations

__all__ = ("TABLE", "Answered", "Failed", "Rude")

from typing import Any

import attrs
import pytest
from tests.webhooks.transport.behaviours import (
    OK,
    byte_by_byte,
    closes_without_a_word,
    drips,
    endless,
    greet,
    head,
    never_answers,
    once,
    reads_a_little,
    reads_nothing,
    then_dies,
)
from tests.webhooks.transport.servers import Behaviour, canned

KIB = 1024


@attrs.frozen
class Answered:
    """There is an answer."""

    status: int
    body: bytes | None = None
    """What was kept of it; None for whatever it is."""

    truncated: bool = False


@attrs.frozen
class Failed:
    """There is none, and a `TransportError` of this kind."""

    kind: str


@attrs.frozen(kw_only=True)
class Rude:
    """One row: two POSTs are made, one after the other."""

    behaviour: Behaviour
    first: Answered | Failed
    second: Answered | Failed
    connections: int
    """How many connections the two take: 1 if the first one was used again."""

    body: bytes = b'{"a": 1}'
    timeout: float = 5.0


def _row(
    name: str,
    behaviour: Behaviour,
    first: Answered | Failed,
    second: Answered | Failed | None = None,
    *,
    connections: int = 2,
    **more: Any,
) -> Any:
    rude = Rude(
        behaviour=behaviour,
        first=first,
        second=first if second is None else second,
        connections=connections,
        **more,
    )
    return pytest.param(rude, id=name)


_BIG = b"x" * (256 * KIB)
_HUGE = b"x" * (64 * KIB)
_CHUNKED = "Transfer-Encoding: chunked"

TABLE = [
    # Well-behaved, each in its own way.
    _row("no content", canned(OK), Answered(204, b""), connections=1),
    _row(
        "a body with its length",
        canned(head("200 OK", "Content-Length: 2") + b"ok"),
        Answered(200, b"ok"),
        connections=1,
    ),
    _row(
        "a body of length 0",
        canned(head("202 Accepted", "Content-Length: 0")),
        Answered(202, b""),
        connections=1,
    ),
    _row(
        "chunked, with an extension and a trailer",
        canned(head("200 OK", _CHUNKED), b"2;a=b\r\nok\r\n", b"0\r\nX-T: 1\r\n\r\n"),
        Answered(200, b"ok"),
        connections=1,
    ),
    _row(
        "every byte a segment",
        byte_by_byte,
        Answered(200, b"ok"),
        connections=1,
    ),
    _row(
        "100 Continue first",
        canned(head("100 Continue"), OK),
        Answered(204),
        connections=1,
    ),
    _row(
        "102 and 103 first, all in one segment",
        canned(head("102 Processing") + head("103 Early Hints", "Link: </a>") + OK),
        Answered(204),
        connections=1,
    ),
    _row(
        "says that it will close, and does",
        canned(
            head("200 OK", "Content-Length: 2", "Connection: close"), b"ok", close=True
        ),
        Answered(200, b"ok"),
    ),
    _row(
        "says that it will close, and does not",
        canned(head("200 OK", "Content-Length: 2", "Connection: close"), b"ok"),
        Answered(200, b"ok"),
    ),
    _row(
        "a body until the end",
        canned(head("200 OK"), b"all of ", b"it", close=True),
        Answered(200, b"all of it"),
    ),
    _row(
        "HTTP/1.0, a body until the end",
        canned(b"HTTP/1.0 200 OK\r\n\r\nok", close=True),
        Answered(200, b"ok"),
    ),
    _row(
        "HTTP/1.0 that wants to be kept",
        canned(
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
        ),
        Answered(200, b"ok"),
    ),
    _row(
        "a body of 60 KiB",
        canned(head("200 OK", f"Content-Length: {60 * KIB}"), _HUGE[: 60 * KIB]),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
        connections=1,
    ),
    _row(
        "a redirect is an answer",
        canned(head("301 Moved", "Location: http://127.0.0.1:1/", "Content-Length: 0")),
        Answered(301),
        connections=1,
    ),
    _row(
        "compressed, though nobody asked",
        canned(
            head("200 OK", "Content-Encoding: gzip", "Content-Length: 3"),
            b"\x1f\x8b\x08",
        ),
        Answered(200, b"\x1f\x8b\x08"),
        connections=1,
    ),
    _row(
        "an unknown status",
        canned(head("299 Odd", "Content-Length: 0")),
        Answered(299),
        connections=1,
    ),
    _row(
        "no reason phrase",
        canned(b"HTTP/1.1 204 \r\n\r\n"),
        Answered(204),
        connections=1,
    ),
    # Kept connections that are not what they were.
    _row(
        "closes the kept connection without a word",
        closes_without_a_word,
        Answered(204),
    ),
    _row("dies of the second request", then_dies(), Answered(204)),
    _row("resets at the second request", then_dies(reset=True), Answered(204)),
    _row(
        "dies in the middle of the second answer",
        then_dies(b"HTTP/1.1 20"),
        Answered(204),
        Failed("broken"),
        connections=1,
    ),
    _row(
        "dies after a 100 Continue",
        then_dies(head("100 Continue")),
        Answered(204),
        Failed("broken"),
        connections=1,
    ),
    # More than was asked for.
    _row("junk behind the answer", once(OK + b"junk"), Answered(204)),
    _row(
        "a second answer behind it",
        once(OK + head("500 No", "Content-Length: 0")),
        Answered(204),
    ),
    _row(
        "204 with a body",
        once(head("204 No", "Content-Length: 2") + b"no"),
        Answered(204, b""),
    ),
    _row(
        "a body longer than its length",
        once(head("200 OK", "Content-Length: 2") + b"ok, and more"),
        Answered(200, b"ok"),
    ),
    _row(
        "an answer to no question",
        greet(head("200 OK", "Content-Length: 0", "Connection: close")),
        Answered(200),
    ),
    # Too much of it.
    _row(
        "a body of 90 MB",
        endless(head("200 OK", "Content-Length: 90000000"), _HUGE),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
    ),
    _row(
        "a body without end",
        endless(head("200 OK"), _HUGE),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
    ),
    _row(
        "64 KiB and a byte",
        canned(head("200 OK", f"Content-Length: {64 * KIB + 1}"), _HUGE + b"x"),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
    ),
    _row(
        "an endless chunk extension",
        endless(head("200 OK", _CHUNKED) + b"2;", _HUGE),
        Answered(200, b"", truncated=True),
    ),
    _row(
        "endless trailers",
        endless(head("200 OK", _CHUNKED) + b"2\r\nok\r\n0\r\n", b"X: y\r\n" * 999),
        Answered(200, b"ok", truncated=True),
    ),
    _row(
        "endless heads",
        endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 999),
        Failed("broken"),
    ),
    _row(
        "an endless header",
        endless(b"HTTP/1.1 200 OK\r\nX: ", _HUGE),
        Failed("broken"),
    ),
    _row("an endless reason", endless(b"HTTP/1.1 200 ", _HUGE), Failed("broken")),
    _row(
        "endless word of an answer",
        endless(b"", head("100 Continue") * 99),
        Failed("broken"),
    ),
    # Too early.
    _row(
        "refuses a large body early, and closes",
        reads_a_little,
        Answered(413),
        body=_BIG,
    ),
    _row(
        "refuses a large body early, and reads nothing",
        reads_nothing,
        Answered(413),
        body=_BIG * 32,
    ),
    # Too late.
    _row("never answers", never_answers, Failed("timeout"), timeout=0.1),
    _row("reads nothing", greet(b"", close=False), Failed("timeout"), timeout=0.1),
    _row(
        "reads nothing of a large body",
        greet(b"", close=False),
        Failed("timeout"),
        timeout=0.1,
        body=_BIG * 32,
    ),
    _row("drips", drips, Failed("timeout"), timeout=0.1),
    _row(
        "stops in the head",
        once(b"HTTP/1.1 200 OK\r\nX: y\r\n"),
        Failed("timeout"),
        timeout=0.1,
    ),
    _row(
        "stops in the body",
        once(head("200 OK", "Content-Length: 9"), b"half"),
        Failed("timeout"),
        timeout=0.1,
    ),
    # Not whole.
    _row("closes at once", greet(b""), Failed("broken")),
    _row("closes after the request", canned(b"", close=True), Failed("broken")),
    _row(
        "ends in the head",
        canned(b"HTTP/1.1 200 OK\r\nX: ", close=True),
        Failed("broken"),
    ),
    _row(
        "ends in the body",
        canned(head("200 OK", "Content-Length: 9"), b"half", close=True),
        Failed("broken"),
    ),
    _row(
        "ends in a chunk",
        canned(head("200 OK", _CHUNKED), b"9\r\nhalf", close=True),
        Failed("broken"),
    ),
    # No HTTP/1.1, or two readings of it.
    _row("junk", canned(b"hello there\r\n\r\n", close=True), Failed("broken")),
    _row(
        "a banner of SSH",
        greet(b"SSH-2.0-OpenSSH_9.6\r\n", close=False),
        Failed("broken"),
    ),
    _row(
        "an alert of TLS",
        canned(b"\x15\x03\x01\x00\x02\x02\x46", close=True),
        Failed("broken"),
    ),
    _row(
        "HTTP/2 at once",
        greet(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", close=False),
        Failed("broken"),
    ),
    _row(
        "HTTP/2.0 in words",
        canned(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Failed("broken"),
    ),
    _row(
        "HTTP/0.9 in words",
        canned(b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Failed("broken"),
    ),
    _row(
        "RTSP",
        canned(b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Failed("broken"),
    ),
    _row(
        "an empty line first",
        canned(b"\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        Failed("broken"),
    ),
    _row("HTTP/0.9", canned(b"<html>hello</html>", close=True), Failed("broken")),
    _row("a request", canned(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Failed("broken")),
    _row(
        "a status of two digits",
        canned(b"HTTP/1.1 99 Hm\r\n\r\n", close=True),
        Failed("broken"),
    ),
    _row(
        "switches to a WebSocket",
        canned(
            head("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
        ),
        Failed("broken"),
    ),
    _row(
        "switches to nothing",
        canned(head("101 Switching Protocols")),
        Failed("broken"),
    ),
    _row(
        "length and chunks",
        canned(head("200 OK", "Content-Length: 2", _CHUNKED), b"0\r\n\r\n"),
        Failed("broken"),
    ),
    _row(
        "two lengths",
        canned(head("200 OK", "Content-Length: 2", "Content-Length: 3"), b"ok!"),
        Failed("broken"),
    ),
    _row(
        "a length below 0",
        canned(head("200 OK", "Content-Length: -1"), b"ok"),
        Failed("broken"),
    ),
    _row(
        "a length in words",
        canned(head("200 OK", "Content-Length: two"), b"ok"),
        Failed("broken"),
    ),
    _row(
        "a length beyond 64 bits",
        canned(head("200 OK", "Content-Length: 99999999999999999999")),
        Failed("broken"),
    ),
    _row(
        "a chunk in words",
        canned(head("200 OK", _CHUNKED), b"two\r\nok\r\n0\r\n\r\n"),
        Failed("broken"),
    ),
    _row("NUL in a header", canned(head("204 No", "X: a\0b")), Failed("broken")),
    _row("a header without a colon", canned(head("204 No", "X")), Failed("broken")),
    _row(
        "a blank before the colon",
        canned(head("204 No", "Content-Length : 0")),
        Failed("broken"),
    ),
]
"""Every row."""
