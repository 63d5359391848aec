"""The reading of answers: the same however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks.transport.answer_parser import AnswerParser

CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Twice: 1\r\nx-twice: caf\xe9\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
    b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
)


def _feed(parser: AnswerParser, data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]

    for start, end in itertools.pairwise(edges):
        if start < end and not parser.done:
            parser.feed(data[start:end])


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(CHUNKED)), max_size=12))
def test_an_answer_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    """Segments have no meaning in TCP."""
    parser = AnswerParser(keep=4096)

    _feed(parser, CHUNKED, cuts)

    assert parser.done
    assert parser.reusable
    assert parser.answer("192.0.2.1") == Answer(
        status=200,
        headers=(
            ("content-type", "text/plain"),
            ("x-twice", "1"),
            ("x-twice", "caf\u00e9"),
            ("transfer-encoding", "chunked"),
        ),
        body=b"hello world",
        address="192.0.2.1",
    )


@settings(deadline=None)
@given(cut=st.integers(0, len(CHUNKED) - 1))
def test_an_answer_that_ends_early_is_never_whole(cut: int) -> None:
    """At any byte but the last."""
    parser = AnswerParser(keep=4096)
    _feed(parser, CHUNKED[:cut], [])

    assert not parser.done
    assert parser.begun == (cut > 0)

    with pytest.raises(TransportError, match="closed before the answer was whole"):
        parser.end()


@settings(deadline=None)
@given(data=st.binary(max_size=400), ends=st.booleans())
def test_junk_is_broken_and_nothing_else(data: bytes, *, ends: bool) -> None:
    """No other error comes out of the parser, and no answer out of junk."""
    parser = AnswerParser(keep=16)

    with pytest.raises(TransportError) as caught:
        parser.feed(b"HTTP/1.1 " + data)
        parser.end()

    assert caught.value.kind == "broken"


@settings(deadline=None)
@given(
    place=st.integers(0, len(CHUNKED) - 1), byte=st.integers(0, 255), cut=st.integers(0)
)
def test_one_wrong_byte_does_no_harm(place: int, byte: int, cut: int) -> None:
    """There is an answer, or there is none; nothing else is raised."""
    data = CHUNKED[:place] + bytes([byte]) + CHUNKED[place + 1 :]
    parser = AnswerParser(keep=4)

    try:
        _feed(parser, data, [cut % len(data)])

        if not parser.done:
            parser.end()
    except TransportError as error:
        assert error.kind == "broken"
        return

    assert 200 <= parser.answer("x").status <= 999
    assert len(parser.answer("x").body) <= 4


def test_a_parser_reads_one_answer_after_the_other() -> None:
    """Nothing of the first is left in the second."""
    parser = AnswerParser(keep=4096)
    parser.feed(CHUNKED)
    parser.begin()

    assert not parser.done
    assert not parser.begun

    parser.feed(b"HTTP/1.1 204 No Content\r\n\r\n")

    assert parser.answer("x") == Answer(status=204, address="x")


@pytest.mark.parametrize(("length", "truncated"), [(4, False), (5, True)])
def test_so_many_bytes_are_kept_and_the_rest_is_counted(
    length: int,
    *,
    truncated: bool,
) -> None:
    """Reading on leaves the connection fit for another request."""
    parser = AnswerParser(keep=4)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
    parser.feed(head.encode() + b"x" * length)

    assert parser.answer("x").body == b"xxxx"
    assert parser.answer("x").truncated == truncated
    assert parser.reusable


@pytest.mark.parametrize("behind", [b"HTTP/1.1 200 OK\r\n", b"H", b"junk", b"\x00"])
def test_what_comes_behind_spoils_the_connection_and_not_the_answer(
    behind: bytes,
) -> None:
    """It may be the answer to somebody else's request."""
    parser = AnswerParser(keep=4096)

    parser.feed(b"HTTP/1.1 204 No Content\r\n\r\n" + behind)

    assert parser.done
    assert not parser.reusable
    assert parser.answer("x").status == 204
