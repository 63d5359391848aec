"""The table of rude servers, second part: what two readers could read in two ways."""

from __future__ import annotations

__all__ = ("READINGS",)

from tests.webhooks.transport.behaviours import greet, head
from tests.webhooks.transport.servers import Behaviour, canned
from tests.webhooks.transport.verdicts import Answered, Failed, row

_CHUNKED = "Transfer-Encoding: chunked"


def _length(value: str) -> Behaviour:
    """Answer with a length that is written like this."""
    return canned(head("200 OK", f"Content-Length: {value}"), b"ok")


def _coded(coding: str) -> Behaviour:
    """Answer in chunks, and call it like this."""
    fields = f"Transfer-Encoding: {coding}"
    return canned(head("200 OK", fields), b"2\r\nok\r\n0\r\n\r\n")


def _chunks(text: bytes, *, close: bool = False) -> Behaviour:
    """Answer in chunks that look like this."""
    return canned(head("200 OK", _CHUNKED), text, close=close)


READINGS = [
    row("junk", canned(b"hello there\r\n\r\n", close=True), Failed("broken")),
    row(
        "a banner of SSH",
        greet(b"SSH-2.0-OpenSSH_9.6\r\n", close=False),
        Failed("broken"),
    ),
    row(
        "an alert of TLS",
        canned(b"\x15\x03\x01\x00\x02\x02\x46", close=True),
        Failed("broken"),
    ),
    row(
        "HTTP/2 at once",
        greet(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", close=False),
        Failed("broken"),
    ),
    row(
        "HTTP/2.0 in words",
        canned(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Failed("broken"),
    ),
    row(
        "HTTP/0.9 in words",
        canned(b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Failed("broken"),
    ),
    row(
        "RTSP",
        canned(b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Failed("broken"),
    ),
    row(
        "an empty line first",
        canned(b"\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        Failed("broken"),
    ),
    row("HTTP/0.9", canned(b"<html>hello</html>", close=True), Failed("broken")),
    row("a request", canned(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Failed("broken")),
    row(
        "a status of two digits",
        canned(b"HTTP/1.1 99 Hm\r\n\r\n", close=True),
        Failed("broken"),
    ),
    row(
        "switches to a WebSocket",
        canned(
            head("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
        ),
        Failed("broken"),
    ),
    row(
        "switches to nothing",
        canned(head("101 Switching Protocols")),
        Failed("broken"),
    ),
    row(
        "length and chunks",
        canned(head("200 OK", "Content-Length: 2", _CHUNKED), b"0\r\n\r\n"),
        Failed("broken"),
    ),
    row(
        "two lengths",
        canned(head("200 OK", "Content-Length: 2", "Content-Length: 3"), b"ok!"),
        Failed("broken"),
    ),
    row(
        "a length below 0",
        canned(head("200 OK", "Content-Length: -1"), b"ok"),
        Failed("broken"),
    ),
    row(
        "a length in words",
        canned(head("200 OK", "Content-Length: two"), b"ok"),
        Failed("broken"),
    ),
    row("a length with a sign", _length("+2"), Failed("broken")),
    row("a length in hexadecimal", _length("0x2"), Failed("broken")),
    row("a list of equal lengths", _length("2, 2"), Failed("broken")),
    row("an empty length", _length(""), Failed("broken")),
    row(
        "the same length twice",
        canned(head("200 OK", "Content-Length: 2", "Content-Length: 2"), b"ok"),
        Failed("broken"),
    ),
    row("chunks in gzip", _coded("gzip, chunked"), Failed("broken")),
    row("chunks, then gzip", _coded("chunked, gzip"), Failed("broken")),
    row("the coding identity", _coded("identity"), Failed("broken")),
    row("nearly chunks", _coded("xchunked"), Failed("broken")),
    row(
        "chunks twice",
        canned(head("200 OK", _CHUNKED, _CHUNKED), b"2\r\nok\r\n0\r\n\r\n"),
        Failed("broken"),
    ),
    row(
        "a length beyond 64 bits",
        canned(head("200 OK", "Content-Length: 99999999999999999999")),
        Failed("broken"),
    ),
    row(
        "a chunk in words",
        canned(head("200 OK", _CHUNKED), b"two\r\nok\r\n0\r\n\r\n"),
        Failed("broken"),
    ),
    row("a chunk size in C", _chunks(b"0x2\r\nok\r\n0\r\n\r\n"), Failed("broken")),
    row(
        "a chunk size with a sign", _chunks(b"+2\r\nok\r\n0\r\n\r\n"), Failed("broken")
    ),
    row(
        "a chunk that is longer than it says",
        _chunks(b"2\r\nok!\r\n0\r\n\r\n"),
        Failed("broken"),
    ),
    row(
        "a blank behind the size of a chunk",
        _chunks(b"2 \r\nok\r\n0\r\n\r\n", close=True),
        Failed("broken"),
        by_h11=Answered(200, b"ok"),  # RFC 9112, section 7.1.1, lets it pass
    ),
    row(
        "a chunk beyond 64 bits",
        canned(head("200 OK", _CHUNKED), b"fffffffffffffffff\r\nok", close=True),
        Failed("broken"),
    ),
    row(
        "a length in the trailer",
        _chunks(b"2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n", close=True),
        Failed("broken"),
        by_h11=Answered(200, b"ok"),  # it ignores what trailers say
    ),
    row("a trailer without a colon", _chunks(b"0\r\nbad\r\n\r\n"), Failed("broken")),
    row("NUL in a trailer", _chunks(b"0\r\nX: a\0\r\n\r\n"), Failed("broken")),
    row(
        "lines that end in LF alone",
        canned(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
        Failed("broken"),
    ),
    row(
        "one line that ends in LF alone",
        canned(b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\r\n\r\nok"),
        Failed("broken"),
    ),
    row(
        "CR in a header",
        canned(head("200 OK", "X: a\rb", "Content-Length: 0")),
        Failed("broken"),
    ),
    row(
        "a folded header",
        canned(head("200 OK", "X: a\r\n b", "Content-Length: 0")),
        Failed("broken"),
    ),
    row("ESC in a header", canned(head("204 No", "X: \x1b[31m")), Failed("broken")),
    row("a control in the reason", canned(head("204 N\x01")), Failed("broken")),
    row("a header without a name", canned(head("204 No", ": x")), Failed("broken")),
    row("a name with a blank", canned(head("204 No", "X Y: x")), Failed("broken")),
    row("a status of four digits", canned(head("1000 Hm")), Failed("broken")),
    row("HTTP/1.2", canned(b"HTTP/1.2 204 No\r\n\r\n"), Failed("broken")),
    row("http/1.1", canned(b"http/1.1 204 No\r\n\r\n"), Failed("broken")),
    row("NUL in a header", canned(head("204 No", "X: a\0b")), Failed("broken")),
    row("a header without a colon", canned(head("204 No", "X")), Failed("broken")),
    row(
        "a blank before the colon",
        canned(head("204 No", "Content-Length : 0")),
        Failed("broken"),
    ),
]
"""Rows in which nothing is answered, since there is no one way to read it."""
