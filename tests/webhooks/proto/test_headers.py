"""Which headers may be sent, and how one is read strictly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import FRAMING, check_header, single


class MultiMap(Mapping[str, str]):
    """Holds a name several times and shows it in `items`, as web frameworks' do."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        return next(value for key, value in self._pairs if key == name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(dict(self._pairs))

    def items(self) -> Any:
        return list(self._pairs)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer abc"),
        ("X-Empty", ""),
        ("x_odd!#$%&'*+-.^`|~9", "a\tb  c"),
        ("X-Latin", "caf\u00e9"),
    ],
)
def test_check_header_takes_what_http_allows(name: str, value: str) -> None:
    """Tokens as names; printable values with blanks and tabs inside."""
    check_header(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("X Y", "x"),
        ("X:Y", "x"),
        ("X\r\nEvil", "x"),
        ("X\n", "x"),
        ("\u00c9tat", "x"),
        ("X", "a\r\nEvil: 1"),
        ("X", "a\n"),
        ("X", "a\nb"),
        ("X", "a\rb"),
        ("X", "a\x00b"),
        ("X", "a\x7fb"),
        ("X", " a"),
        ("X", "a "),
        ("X", "\ta"),
        ("X", "\u20ac"),
        ("X", "\u2028"),
    ],
)
def test_check_header_refuses_what_could_end_a_header_early(
    name: str, value: str
) -> None:
    """Each of these would be another header, or another request, to somebody."""
    with pytest.raises(OptionError, match="header"):
        check_header(name, value)


@pytest.mark.parametrize("name", sorted(FRAMING))
def test_check_header_leaves_the_framing_to_the_transport(name: str) -> None:
    """In any case of the letters."""
    with pytest.raises(OptionError, match="set by the transport"):
        check_header(name.title(), "1")


def test_check_header_never_shows_a_value() -> None:
    """Values of headers hold secrets."""
    with pytest.raises(OptionError) as caught:
        check_header("Authorization", "Bearer hunter2\n")

    assert "hunter2" not in str(caught.value)


@settings(deadline=None)
@given(name=st.text(max_size=8), value=st.text(max_size=12))
def test_check_header_lets_nothing_through_that_breaks_a_line(
    name: str, value: str
) -> None:
    """Whatever passes is one line of latin-1 with exactly this name and value."""
    try:
        check_header(name, value)
    except OptionError:
        return

    line = f"{name}: {value}\r\n".encode("latin-1")
    assert line.splitlines(keepends=True)[0] == line or b"\x85" in line
    assert line.count(b"\r") == line.count(b"\n") == 1
    assert line[:-2].split(b":", 1)[1].strip(b" \t") == value.encode("latin-1")


def test_single_finds_a_name_in_any_case() -> None:
    """Names of headers have no case."""
    assert single({"WEBHOOK-Id": "a", "other": "b"}, "webhook-id") == "a"


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ({}, "missing"),
        ({"other": "a"}, "missing"),
        ({"X-Name": "a", "x-name": "a"}, "2 times"),
        (MultiMap(("x-name", "a"), ("x-name", "b")), "2 times"),
        ({"X-Name": None}, "no text"),
        ({"X-Name": ["a"]}, "no text"),
        ({"X-Name": b"a"}, "no text"),
        ({1: "a", b"x-name": "b", None: "c"}, "missing"),
    ],
)
def test_single_refuses_all_but_one_text(headers: Any, complaint: str) -> None:
    """Nothing is chosen among several, and nothing is converted."""
    with pytest.raises(SignatureError, match=complaint):
        single(headers, "X-Name")
