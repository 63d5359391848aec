"""The table of rude servers: what each does, and what a transport makes of it."""

from __future__ import annotations

__all__ = ("TABLE",)

from tests.webhooks.transport.behaviours import (
    OK,
    byte_by_byte,
    closes_its_half,
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
from tests.webhooks.transport.servers import canned
from tests.webhooks.transport.verdicts import Answered, Failed, row

KIB = 1024


_BIG = b"x" * (256 * KIB)
_HUGE = b"x" * (64 * KIB)
_CHUNKED = "Transfer-Encoding: chunked"
_IN_CHUNKS = head("200 OK", _CHUNKED) + b"2\r\nok\r\n0\r\n\r\n"


TABLE = [
    # Well-behaved, each in its own way.
    row("no content", canned(OK), Answered(204, b""), connections=1),
    row(
        "a body with its length",
        canned(head("200 OK", "Content-Length: 2") + b"ok"),
        Answered(200, b"ok"),
        connections=1,
    ),
    row(
        "a body of length 0",
        canned(head("202 Accepted", "Content-Length: 0")),
        Answered(202, b""),
        connections=1,
    ),
    row(
        "chunked, with an extension and a trailer",
        canned(head("200 OK", _CHUNKED), b"2;a=b\r\nok\r\n", b"0\r\nX-T: 1\r\n\r\n"),
        Answered(200, b"ok"),
        connections=1,
    ),
    row(
        "every byte a segment",
        byte_by_byte,
        Answered(200, b"ok"),
        connections=1,
    ),
    row(
        "100 Continue first",
        canned(head("100 Continue"), OK),
        Answered(204),
        connections=1,
    ),
    row(
        "102 and 103 first, all in one segment",
        canned(head("102 Processing") + head("103 Early Hints", "Link: </a>") + OK),
        Answered(204),
        connections=1,
    ),
    row(
        "says that it will close, and does",
        canned(
            head("200 OK", "Content-Length: 2", "Connection: close"), b"ok", close=True
        ),
        Answered(200, b"ok"),
    ),
    row(
        "says that it will close, and does not",
        canned(head("200 OK", "Content-Length: 2", "Connection: close"), b"ok"),
        Answered(200, b"ok"),
    ),
    row(
        "a body until the end",
        canned(head("200 OK"), b"all of ", b"it", close=True),
        Answered(200, b"all of it"),
    ),
    row(
        "HTTP/1.0, a body until the end",
        canned(b"HTTP/1.0 200 OK\r\n\r\nok", close=True),
        Answered(200, b"ok"),
    ),
    row(
        "HTTP/1.0 that wants to be kept",
        canned(
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
        ),
        Answered(200, b"ok"),
    ),
    row(
        "a body of 60 KiB",
        canned(head("200 OK", f"Content-Length: {60 * KIB}"), _HUGE[: 60 * KIB]),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
        connections=1,
    ),
    row(
        "a redirect is an answer",
        canned(head("301 Moved", "Location: http://127.0.0.1:1/", "Content-Length: 0")),
        Answered(301),
        connections=1,
    ),
    row(
        "compressed, though nobody asked",
        canned(
            head("200 OK", "Content-Encoding: gzip", "Content-Length: 3"),
            b"\x1f\x8b\x08",
        ),
        Answered(200, b"\x1f\x8b\x08"),
        connections=1,
    ),
    row(
        "chunks full of blank lines",
        canned(head("200 OK", _CHUNKED), b"9\r\n\n\n\r\n\r\na\n\n\r\n0\r\n\r\n"),
        Answered(200, b"\n\n\r\n\r\na\n\n"),
        connections=1,
    ),
    row(
        "a length of blank lines",
        canned(head("200 OK", "Content-Length: 600") + b"\r\n" * 300),
        Answered(200, b"\r\n" * 300),
        connections=1,
    ),
    row(
        "100 Continue with a length",
        canned(head("100 Continue", "Content-Length: 5") + OK),
        Answered(204),
        connections=1,
    ),
    row(
        "bytes of Latin-1",
        canned(head("200 \xe9", "X: \xe9", "Content-Length: 0")),
        Answered(200),
        connections=1,
    ),
    row(
        "an unknown status",
        canned(head("299 Odd", "Content-Length: 0")),
        Answered(299),
        connections=1,
    ),
    row(
        "no reason phrase",
        canned(b"HTTP/1.1 204 \r\n\r\n"),
        Answered(204),
        connections=1,
    ),
    # Kept connections that are not what they were.
    row(
        "closes the kept connection without a word",
        closes_without_a_word,
        Answered(204),
    ),
    row("dies of the second request", then_dies(), Answered(204)),
    row("resets at the second request", then_dies(reset=True), Answered(204)),
    row(
        "dies in the middle of the second answer",
        then_dies(b"HTTP/1.1 20"),
        Answered(204),
        Failed("broken"),
        connections=1,
    ),
    row(
        "dies after a 100 Continue",
        then_dies(head("100 Continue")),
        Answered(204),
        Failed("broken"),
        connections=1,
    ),
    # More than was asked for.
    row("junk behind the answer", once(OK + b"junk"), Answered(204)),
    row(
        "a second answer behind it",
        once(OK + head("500 No", "Content-Length: 0")),
        Answered(204),
    ),
    row("junk behind chunks", once(_IN_CHUNKS + b"junk"), Answered(200, b"ok")),
    row(
        "a second answer behind chunks",
        once(_IN_CHUNKS + head("500 No", "Content-Length: 0")),
        Answered(200, b"ok"),
    ),
    row(
        "closes its half, and reads on",
        closes_its_half,
        Answered(204),
    ),
    row(
        "204 with a body",
        once(head("204 No", "Content-Length: 2") + b"no"),
        Answered(204, b""),
    ),
    row(
        "a body longer than its length",
        once(head("200 OK", "Content-Length: 2") + b"ok, and more"),
        Answered(200, b"ok"),
    ),
    row(
        "an answer to no question",
        greet(head("200 OK", "Content-Length: 0", "Connection: close")),
        Answered(200),
    ),
    # Too much of it.
    row(
        "a body of 90 MB",
        endless(head("200 OK", "Content-Length: 90000000"), _HUGE),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
    ),
    row(
        "a body without end",
        endless(head("200 OK"), _HUGE),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
    ),
    row(
        "64 KiB and a byte",
        canned(head("200 OK", f"Content-Length: {64 * KIB + 1}"), _HUGE + b"x"),
        Answered(200, _HUGE[: 4 * KIB], truncated=True),
    ),
    row(
        "an endless chunk extension",
        endless(head("200 OK", _CHUNKED) + b"2;", _HUGE),
        Answered(200, b"", truncated=True),
    ),
    row(
        "endless trailers",
        endless(head("200 OK", _CHUNKED) + b"2\r\nok\r\n0\r\n", b"X: y\r\n" * 999),
        Answered(200, b"ok", truncated=True),
    ),
    row(
        "endless heads",
        endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 999),
        Failed("broken"),
    ),
    row(
        "an endless header",
        endless(b"HTTP/1.1 200 OK\r\nX: ", _HUGE),
        Failed("broken"),
    ),
    row("an endless reason", endless(b"HTTP/1.1 200 ", _HUGE), Failed("broken")),
    row(
        "endless word of an answer",
        endless(b"", head("100 Continue") * 99),
        Failed("broken"),
    ),
    # Too early.
    row(
        "refuses a large body early, and closes",
        reads_a_little,
        Answered(413),
        body=_BIG,
    ),
    row(
        "refuses a large body early, and reads nothing",
        reads_nothing,
        Answered(413),
        body=_BIG * 32,
    ),
    # Too late.
    row("never answers", never_answers, Failed("timeout"), timeout=0.1),
    row("reads nothing", greet(b"", close=False), Failed("timeout"), timeout=0.1),
    row(
        "reads nothing of a large body",
        greet(b"", close=False),
        Failed("timeout"),
        timeout=0.1,
        body=_BIG * 32,
    ),
    row("drips", drips, Failed("timeout"), timeout=0.1),
    row(
        "stops in the head",
        once(b"HTTP/1.1 200 OK\r\nX: y\r\n"),
        Failed("timeout"),
        timeout=0.1,
    ),
    row(
        "stops in the body",
        once(head("200 OK", "Content-Length: 9"), b"half"),
        Failed("timeout"),
        timeout=0.1,
    ),
    # Not whole.
    row("closes at once", greet(b""), Failed("broken")),
    row("closes after the request", canned(b"", close=True), Failed("broken")),
    row(
        "ends in the head",
        canned(b"HTTP/1.1 200 OK\r\nX: ", close=True),
        Failed("broken"),
    ),
    row(
        "ends in the body",
        canned(head("200 OK", "Content-Length: 9"), b"half", close=True),
        Failed("broken"),
    ),
    row(
        "ends in a chunk",
        canned(head("200 OK", _CHUNKED), b"9\r\nhalf", close=True),
        Failed("broken"),
    ),
]
"""Every row that is HTTP/1.1, or no HTTP at all."""
