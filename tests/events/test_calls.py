"""The generated path of an emission and the plain one do the same."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall import Bus, CallbackErrors, Signal
from upcall._events import calls
from upcall._events.calls import LONGEST, callbacks_of, emitted, make_run, plan_of
from upcall._events.inside import hub_of
from upcall._events.plan import Counts, Plan

SPECIAL = ("value", "fail", "awaitable")


@st.composite
def behaviours(draw: st.DrawFn) -> list[str]:
    """Choose how many there are, and which of them do more than nothing."""
    number = draw(st.integers(0, LONGEST + 1))
    places = st.integers(0, max(number - 1, 0))
    special = draw(st.dictionaries(places, st.sampled_from(SPECIAL), max_size=6))

    return [special.get(i, "nothing") for i in range(number)]


class Awaitable:
    """What would have to be awaited; refused where no bus is open."""

    def __await__(self) -> Any:
        raise AssertionError


def make(behaviours: list[str], log: list[int]) -> tuple[Callable[[Any], object], ...]:
    """Make callbacks that note that they were called, and then do as they are told."""

    def one(i: int, behaviour: str) -> Callable[[Any], object]:
        def callback(payload: object) -> object:
            log.append(i)
            assert payload == "payload"

            match behaviour:
                case "fail":
                    raise ValueError(i)
                case "awaitable":
                    return Awaitable()
                case "value":
                    return i
                case _:
                    return None

        return callback

    return tuple(one(i, behaviour) for i, behaviour in enumerate(behaviours))


def outcome(run: Callable[[Any], int]) -> object:
    """Run it; give the count, or what failed."""
    try:
        return run("payload")
    except CallbackErrors as group:
        return [f"{type(error).__name__} {error}" for error in group.exceptions]


def plan(number: int, bus: Bus | None = None) -> Plan:
    """Make an empty plan for so many callbacks."""
    return Plan("a", "a", None if bus is None else hub_of(bus), number, Counts())


@given(behaviours=behaviours(), counted=st.booleans())
def test_both_paths_do_the_same(behaviours: list[str], counted: bool) -> None:
    """Whoever fails or returns what, wherever they stand, with a bus or without."""
    bus = Bus() if counted else None
    number = len(behaviours)
    logs: list[list[int]] = [[], []]
    plans = [plan(number, bus) for _ in logs]
    callbacks = [make(behaviours, log) for log in logs]
    generated = make_run(callbacks[0], plans[0])
    plain = calls._make(calls._loop.__code__, (callbacks[1], plans[1].tally, plans[1]))

    assert outcome(generated) == outcome(plain)
    assert logs[0] == logs[1] == list(range(number))
    assert attrs.astuple(plans[0].counts) == attrs.astuple(plans[1].counts)
    assert [emitted(each.tally) for each in plans if each.tally] in ([], [1, 1], [0, 0])


def test_generated_path_is_what_runs_up_to_its_longest() -> None:
    """And the plain one beyond."""
    for number, path in ((1, "generated"), (LONGEST, "generated"), (101, "plain")):
        run = make_run(make(["nothing"] * number, []), plan(number))

        plain = run.__code__ is calls._loop.__code__
        assert plain is (path == "plain")


@pytest.mark.parametrize("number", [1, 2, 50, LONGEST, LONGEST + 1])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_failure_is_told_of_the_callback_that_raised(number: int, place: str) -> None:
    """The line of the generated code says which one it was."""
    failing = {"first": 0, "middle": number // 2, "last": number - 1}[place]
    behaviours = ["nothing"] * number
    behaviours[failing] = "fail"
    log: list[int] = []

    run = make_run(make(behaviours, log), plan(number))

    assert outcome(run) == [f"ValueError {failing}"]
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
