"""Checks of the table of moves."""

from __future__ import annotations

__all__ = ()

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import UpcallError
from upcall.webhooks._proto.delivery import (
    FINISHED,
    MOVES,
    TABLE,
    IllegalMoveError,
    Move,
    State,
    after,
    sources,
)

ARROWS = {
    (None, "fan out", "waiting"),
    (None, "bury", "dead"),
    ("waiting", "claim", "claimed"),
    ("waiting", "deliver", "delivered"),
    ("waiting", "cancel", "cancelled"),
    ("claimed", "give back", "waiting"),
    ("claimed", "deliver", "delivered"),
    ("claimed", "retry", "waiting"),
    ("claimed", "bury", "dead"),
    ("claimed", "lapse", "waiting"),
    ("claimed", "cancel", "cancelled"),
    ("delivered", "replay", "waiting"),
    ("delivered", "prune", None),
    ("dead", "replay", "waiting"),
    ("dead", "prune", None),
    ("cancelled", "replay", "waiting"),
    ("cancelled", "prune", None),
}


def test_table_is_what_was_designed() -> None:
    """Every arrow of the picture, and no other."""
    found = {
        (source, move, target)
        for source, moves in MOVES.items()
        for move, target in moves.items()
    }

    assert found == ARROWS


def test_table_has_one_row_per_move() -> None:
    """A move that stood there twice could contradict itself."""
    assert Counter(rule.move for rule in TABLE) == Counter(Move)


def test_every_state_has_moves() -> None:
    """A state missing from the table would raise KeyError, not our error."""
    assert set(MOVES) == {None, *State}


@given(
    state=st.sampled_from([None, *State]),
    move=st.sampled_from(Move),
)
def test_after_raises_for_every_move_that_is_not_there(
    state: State | None, move: Move
) -> None:
    """What is not in the table does not happen."""
    if move in MOVES[state]:
        assert after(state, move) is MOVES[state][move]
        return

    with pytest.raises(IllegalMoveError, match="it has:"):
        after(state, move)


@given(moves=st.lists(st.sampled_from(Move)))
def test_finished_deliveries_are_never_claimed(moves: list[Move]) -> None:
    """Whatever happens, what is finished stays so but for a replay, a new delivery."""
    state: State | None = None

    for move in moves:
        try:
            new = after(state, move)
        except IllegalMoveError:
            continue

        if state in FINISHED:
            assert move in {Move.REPLAY, Move.PRUNE}

        state = new


def test_illegal_move_says_what_is_possible() -> None:
    """The message names the state, the move and the moves there are."""
    with pytest.raises(UpcallError) as caught:
        after(State.WAITING, Move.REPLAY)

    text = "a waiting delivery has no move 'replay'; it has: claim, deliver, cancel"
    assert str(caught.value) == text


def test_sources_are_those_of_the_table() -> None:
    """SQL conditions are made from it."""
    assert set(sources(Move.DELIVER)) == {State.CLAIMED, State.WAITING}
    assert sources(Move.RETRY) == (State.CLAIMED,)
    assert sources(Move.FAN_OUT) == ()
