"""Checks of a worker's slots."""

from __future__ import annotations

__all__ = ()

import pytest

from upcall.webhooks._proto.slots import Slots


@pytest.mark.parametrize(("number", "unproven"), [(1, 1), (2, 1), (3, 1), (40, 20)])
def test_half_of_them_are_for_whoever_has_not_proven_itself(
    number: int, unproven: int
) -> None:
    """One at least: else nobody could ever prove anything."""
    slots = Slots(number)

    assert (slots.free, slots.free_unproven) == (number, unproven)


def test_what_is_taken_is_given_back() -> None:
    """Each to whom it was."""
    slots = Slots(4)
    slots.take(proven=False)
    slots.take(proven=True)
    slots.take(proven=False)
    assert (slots.free, slots.free_unproven, slots.used) == (1, 0, 3)

    slots.give(proven=False)
    slots.give(proven=True)
    assert (slots.free, slots.free_unproven, slots.used) == (3, 1, 1)
