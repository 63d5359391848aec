"""Names and patterns."""

from __future__ import annotations

__all__ = ()

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import MalformedKeyError
from upcall.keys import check_key, check_name, is_pattern, matches

SEGMENTS = st.sampled_from(["a", "b", "order", "webhook"])
NAMES = st.lists(SEGMENTS, max_size=5).map(".".join)
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "order", "webhook", "*", "**"]), min_size=1, max_size=6
).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "name", "heard"),
    [
        ("order.paid", "order.paid", True),
        ("order.paid", "order.sent", False),
        ("order.*", "order.paid", True),
        ("order.*", "order", False),
        ("order.*", "order.paid.late", False),
        ("*", "order", True),
        ("*", "order.paid", False),
        ("*.paid", "order.paid", True),
        ("**", "order", True),
        ("**", "order.paid.late", True),
        ("**", "", True),
        ("*", "", False),
        ("order.**", "order", True),
        ("order.**", "order.paid.late", True),
        ("order.**", "orders", False),
        ("**.late", "late", True),
        ("**.late", "order.paid.late", True),
        ("a.**.z", "a.z", True),
        ("a.**.z", "a.b.c.z", True),
        ("a.**.z", "a.b.c", False),
        ("**.a.**", "x.a.y", True),
        ("a.*.**.c", "a.b.c", True),
        ("a.*.**.c", "a.c", False),
    ],
)
def test_pattern_hears_what_it_should(pattern: str, name: str, heard: bool) -> None:
    """One star is one segment, two are any number, none included."""
    assert matches(pattern, name) is heard


@pytest.mark.parametrize("pattern", ["**", "*.*", "*.failing", "**.failing", "**.**"])
def test_wildcard_does_not_hear_reserved_names(pattern: str) -> None:
    """An endpoint for everything must not hear of itself."""
    assert not matches(pattern, "webhook.failing")


@pytest.mark.parametrize("pattern", ["webhook.*", "webhook.**", "webhook.failing"])
def test_reserved_names_are_heard_by_those_who_say_so(pattern: str) -> None:
    """Whoever writes the first segment out means it."""
    assert matches(pattern, "webhook.failing")


@given(pattern=PATTERNS, name=NAMES)
def test_matching_agrees_with_a_regular_expression(pattern: str, name: str) -> None:
    """The walk over segments does what the obvious regular expression does."""
    forms = {"*": "<[^>]*>", "**": "(?:<[^>]*>)*"}
    expression = "".join(forms.get(s, f"<{s}>") for s in pattern.split("."))
    text = "".join(f"<{s}>" for s in name.split(".")) if name else ""
    first, wanted = name.partition(".")[0], pattern.partition(".")[0]
    reserved = first == "webhook" != wanted

    expected = bool(re.fullmatch(expression, text)) and not reserved

    assert matches(pattern, name) is expected


def test_matching_many_wildcards_takes_no_time() -> None:
    """Only the last double star is tried again, so nothing explodes."""
    pattern = ".".join(["**", "a"] * 40 + ["b"])

    assert not matches(pattern, ".".join(["a"] * 500))


@pytest.mark.parametrize(
    "key", ["", ".", "a.", ".a", "a..b", "ord*", "*x", "a.***", "a b", "a\n", "a.\x00"]
)
def test_malformed_key_is_refused_with_what_would_do(key: str) -> None:
    """The error is ours, a ValueError too, and shows what was given."""
    with pytest.raises(MalformedKeyError, match=re.escape(repr(key))) as caught:
        check_key(key)

    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("key", [None, 3, b"a", ("a",), ["a"]])
def test_key_that_is_no_text_is_refused(key: object) -> None:
    """Whatever is given instead of a text is shown."""
    with pytest.raises(MalformedKeyError, match="is no key"):
        check_key(key)


@pytest.mark.parametrize("key", ["a", "order.paid", "é.ß", "a-b.c_d", "A.1"])
def test_name_comes_back_as_it_is(key: str) -> None:
    """A good name is returned unchanged, and is no pattern."""
    assert check_name(key) == check_key(key) == key
    assert not is_pattern(key)


@pytest.mark.parametrize("key", ["*", "a.*", "**"])
def test_pattern_is_no_name(key: str) -> None:
    """One can subscribe to a pattern; an event needs a name."""
    assert check_key(key) == key
    assert is_pattern(key)

    with pytest.raises(MalformedKeyError, match="is a pattern"):
        check_name(key)
