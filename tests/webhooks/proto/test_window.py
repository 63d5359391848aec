"""Checks of the window: growth, fall, pauses."""

from __future__ import annotations

__all__ = ()

from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.schedule import CAP
from upcall.webhooks._proto.window import FIRST_BREAK, LONGEST_BREAK, Window

NOON = 1_700_000_000.0


def test_window_starts_at_one_and_doubles_to_the_concurrency() -> None:
    """A new endpoint earns its share."""
    window = Window()
    sizes = [window.size]

    for _ in range(4):
        window = window.succeeded(concurrency=6)
        sizes.append(window.size)

    assert sizes == [1, 2, 4, 6, 6]


def test_full_window_does_not_change_with_another_success() -> None:
    """So that a healthy endpoint costs no write."""
    full = Window(size=8, proven=True)

    assert full.succeeded(concurrency=8) == full


def test_window_falls_to_one_at_a_failure_and_pauses() -> None:
    """Whatever it had earned."""
    window = Window(size=8, proven=True).failed(now=NOON, started=NOON - 1)

    assert window == Window(failures=1, paused_until=NOON + FIRST_BREAK)


def test_breaks_grow_with_failures_in_a_row_up_to_a_minute() -> None:
    """Each later attempt that fails doubles the break."""
    window, now = Window(), NOON
    breaks = []

    for _ in range(12):
        window = window.failed(now=now, started=now)
        breaks.append(round(window.paused_until - now, 3))
        now = window.paused_until

    assert breaks[:4] == [0.1, 0.2, 0.4, 0.8]
    assert breaks[-1] == LONGEST_BREAK


def test_failures_that_were_in_flight_together_count_once() -> None:
    """Eight that fail at once are one reason to wait, not eight."""
    first = Window(size=8, proven=True).failed(now=NOON, started=NOON - 3)

    window = first

    for n in range(7):
        window = window.failed(now=NOON + n / 1000, started=NOON - 2)

    assert window == first


def test_success_ends_the_row_of_failures() -> None:
    """The next break is a short one again."""
    window = Window(failures=5, paused_until=NOON).succeeded(concurrency=8)

    assert window.proven
    assert window.failures == 0


@given(hint=st.floats(0, 10 * CAP))
def test_hint_pauses_the_endpoint_for_at_most_a_day(hint: float) -> None:
    """What the receiver asks for holds for all its deliveries."""
    window = Window().failed(now=NOON, started=NOON, hint=hint)

    assert window.paused_until == NOON + max(FIRST_BREAK, min(hint, CAP))


def test_hint_of_a_request_in_flight_counts() -> None:
    """A later answer may ask for more time than an earlier one."""
    window = Window().failed(now=NOON, started=NOON)

    window = window.failed(now=NOON, started=NOON - 1, hint=30)

    assert window.paused_until == NOON + 30
    assert window.failures == 1


@given(
    size=st.integers(1, 64),
    concurrency=st.integers(1, 64),
    in_flight=st.integers(0, 64),
)
def test_room_never_exceeds_the_concurrency(
    size: int, concurrency: int, in_flight: int
) -> None:
    """A concurrency that was lowered since holds at once."""
    window = Window(size=size)

    room = window.room(concurrency=concurrency, in_flight=in_flight)

    assert room == 0 or room + in_flight <= min(size, concurrency)
    assert room >= 0


@given(steps=st.lists(st.tuples(st.booleans(), st.floats(0, 100))))
def test_window_stays_within_its_bounds(steps: list[tuple[bool, float]]) -> None:
    """Size from 1 to the concurrency; a pause never gets shorter."""
    window, now = Window(), NOON

    for succeeded, wait in steps:
        before = window
        now += wait
        window = (
            window.succeeded(concurrency=8)
            if succeeded
            else window.failed(now=now, started=now)
        )
        assert 1 <= window.size <= 8
        assert window.paused_until >= before.paused_until
        assert window.proven is succeeded
