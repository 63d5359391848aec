"""Kept connections: the last used first, none for too long, none too many."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.webhooks.transport import idle
from upcall.webhooks.transport.idle import IdleConnections

A = ("https", "a.example", 443)
B = ("https", "b.example", 443)


class Kept:
    """As much of a connection as the shelf looks at."""

    since = 0.0

    def __init__(self, name: object) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


Shelf = IdleConnections[Kept]


def _put(shelf: Shelf, origin: Any, name: object, now: float) -> Any:
    kept: Any = Kept(name)
    shelf.put(origin, kept, now=now)
    return kept


def test_the_last_used_is_taken_first() -> None:
    """So that those too many grow old and go."""
    shelf = Shelf(expiry=15)
    old, new = _put(shelf, A, "old", 0), _put(shelf, A, "new", 1)

    assert shelf.take(A, now=2) is new
    assert shelf.take(A, now=2) is old
    assert shelf.take(A, now=2) is None


def test_an_origin_gets_only_its_own() -> None:
    """Scheme, name and port together."""
    shelf = Shelf(expiry=15)
    kept = _put(shelf, A, 1, 0)

    assert shelf.take(B, now=0) is None
    assert shelf.take(("http", *A[1:]), now=0) is None
    assert shelf.take(A, now=0) is kept


def test_what_has_waited_too_long_is_given_out_to_be_closed() -> None:
    """By any request, to whatever origin."""
    shelf = Shelf(expiry=15)
    old, new = _put(shelf, A, "old", 0), _put(shelf, B, "new", 10)

    assert shelf.take(A, now=15) is None
    assert shelf.surplus(now=15) == [old]
    assert shelf.surplus(now=15) == []
    assert shelf.take(B, now=15) is new
    assert len(shelf) == 0


def test_no_request_has_to_close_them_all() -> None:
    """A few at a time; the next ones come along."""
    shelf = Shelf(expiry=1)
    kept = [_put(shelf, A, n, 0) for n in range(10)]

    found = [shelf.surplus(now=9) for _ in range(4)]

    assert [len(each) for each in found] == [4, 4, 2, 0]
    assert sum(found, []) == kept  # noqa: RUF017 (ten of them)


def test_there_are_never_more_than_so_many() -> None:
    """The oldest have to go, whosever they are."""
    shelf = Shelf(expiry=15)
    kept = [_put(shelf, ("https", f"{n}.example", 443), n, 0) for n in range(258)]

    assert idle._MOST == 256
    assert shelf.surplus(now=0) == kept[:2]
    assert shelf.surplus(now=0) == []


def test_clear_gives_them_all() -> None:
    """And the shelf can be used on."""
    shelf = Shelf(expiry=15)
    kept = [_put(shelf, A, 1, 0), _put(shelf, B, 2, 0)]

    assert shelf.clear() == kept
    assert len(shelf) == 0
    assert shelf.take(A, now=0) is None


@settings(deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["put", "take", "surplus"]), st.sampled_from([A, B]))
    ),
    step=st.floats(0, 4),
)
def test_no_connection_is_lost_or_given_twice(moves: list[Any], step: float) -> None:
    """Each that was put comes out once, for its own origin, young; or as surplus."""
    shelf = Shelf(expiry=5)
    inside: dict[Any, Any] = {}

    for number, (move, origin) in enumerate(moves):
        now = number * step

        if move == "put":
            inside[_put(shelf, origin, number, now)] = origin
        elif move == "take":
            found: Any = shelf.take(origin, now=now)
            assert found is None or inside.pop(found) == origin
            assert found is None or now - found.since < 5
        else:
            for old in shelf.surplus(now=now):
                del inside[old]
                assert now - old.since >= 5

        assert len(shelf) == len(inside)
