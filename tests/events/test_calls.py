"""The generated path of an emission and the plain one do the same."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall import CallbackErrors, Signal
from upcall._events import calls
from upcall._events.calls import LONGEST, callbacks_of, emitted, make_run, plan_of
from upcall._events.plan import Counts, Plan

BEHAVIOURS = ("nothing", "value", "fail")
LISTS = st.lists(st.sampled_from(BEHAVIOURS), max_size=12)


def make(behaviours: list[str], log: list[int]) -> tuple[Callable[[Any], object], ...]:
    """Make callbacks that note that they were called, and then do as they are told."""

    def one(i: int, behaviour: str) -> Callable[[Any], object]:
        def callback(payload: object) -> object:
            log.append(i)
            if behaviour == "fail":
                raise ValueError(i)
            return i if behaviour == "value" else None

        return callback

    return tuple(one(i, behaviour) for i, behaviour in enumerate(behaviours))


def outcome(run: Callable[[Any], int]) -> object:
    """Run it; give the count, or what failed."""
    try:
        return run("payload")
    except CallbackErrors as group:
        return [str(error) for error in group.exceptions]


def plan(number: int) -> Plan:
    """Make an empty plan for so many callbacks."""
    return Plan("a", "a", None, number, Counts())


@given(behaviours=LISTS)
def test_both_paths_call_and_fail_alike(behaviours: list[str]) -> None:
    """Whoever fails, and wherever they stand."""
    logs: list[list[int]] = [[], []]
    callbacks = [make(behaviours, log) for log in logs]
    generated = make_run(callbacks[0], plan(len(behaviours)))
    plain = calls._make(
        calls._loop.__code__, (callbacks[1], None, plan(len(behaviours)))
    )

    assert outcome(generated) == outcome(plain)
    assert logs[0] == logs[1] == list(range(len(behaviours)))


@pytest.mark.parametrize("number", [1, 2, 50, LONGEST, LONGEST + 1])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_failure_is_told_of_the_callback_that_raised(number: int, place: str) -> None:
    """The line of the generated code says which one it was."""
    failing = {"first": 0, "middle": number // 2, "last": number - 1}[place]
    behaviours = ["nothing"] * number
    behaviours[failing] = "fail"
    log: list[int] = []

    run = make_run(make(behaviours, log), plan(number))

    assert outcome(run) == [str(failing)]
    assert log == list(range(number))


def test_error_raised_again_is_told_of_the_right_callback() -> None:
    """Though its traceback is older than this emission."""
    error = ValueError("again")

    def raises(_: object) -> None:
        raise error

    def fine(_: object) -> None: ...

    for place in range(5):
        callbacks: list[Callable[[Any], object]] = [fine] * 5
        callbacks[place] = raises
        error.__notes__ = []
        with pytest.raises(CallbackErrors):
            make_run(tuple(callbacks), plan(5))(None)

        assert "raises" in error.__notes__[0]


def test_run_knows_its_callbacks_and_its_plan() -> None:
    """Generated or plain."""
    for number in (0, 1, 3, LONGEST + 1):
        log: list[int] = []
        callbacks = make(["nothing"] * number, log)
        its_plan = plan(number)
        run = make_run(callbacks, its_plan)

        assert tuple(callbacks_of(run)) == callbacks
        assert plan_of(run) is its_plan


def test_tally_counts_what_was_taken() -> None:
    """And gives the same number each time."""
    tally = calls.make_tally(7)

    assert [next(tally) for _ in range(3)] == [7, 7, 7]
    assert emitted(tally) == 3


def test_traceback_shows_the_generated_line() -> None:
    """Whoever reads a traceback sees what was run."""
    import traceback

    signal = Signal[int]("tick")
    signal.on(lambda _: 1 / 0)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    text = "".join(traceback.format_exception(caught.value.exceptions[0]))
    assert "f0(payload)" in text
