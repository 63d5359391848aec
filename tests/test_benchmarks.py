"""The machinery of the benchmarks: what it calls met, and that it measures at all."""

from __future__ import annotations

__all__ = ()

import itertools

import pytest
from benchmarks.measure import arace, calls, race
from benchmarks.results import Result, Verdict, skipped


class Ticks:
    """A clock that a case turns, so that nothing here takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def takes(self, seconds: float, number: int) -> None:
        self.now += seconds * number


@pytest.mark.parametrize(
    ("better", "ratio", "verdict"),
    [
        ("lower", 1.5, Verdict.MET),
        ("lower", 1.6, Verdict.NOT_MET),
        ("higher", 1.5, Verdict.MET),
        ("higher", 1.4, Verdict.NOT_MET),
    ],
)
def test_a_limit_is_met_on_its_good_side(
    better: str, ratio: float, verdict: Verdict
) -> None:
    """The limit itself still counts as met."""
    result = Result("it", ratio, 1.5, better)  # type: ignore[arg-type]

    assert result.verdict is verdict


def test_what_has_no_limit_is_shown_and_what_was_not_measured_is_skipped() -> None:
    """Neither can be missed."""
    assert Result("it", 3.0).verdict is Verdict.SHOWN
    assert skipped("it", "no such library").verdict is Verdict.SKIPPED


def test_a_race_tells_cost_per_call_and_ratio() -> None:
    """Cases that take one and three seconds are three apart."""
    clock = Ticks()
    cases = {
        "one": lambda number: clock.takes(1.0, number),
        "three": lambda number: clock.takes(3.0, number),
    }

    found = race(cases, rounds=5, sample=10.0, clock=clock)

    assert found.best("one") == pytest.approx(1.0)
    assert found.ratio("three", "one") == pytest.approx(3.0)
    assert found.median("three", "one") == pytest.approx(3.0)
    assert len(found.times["one"]) == 5


def test_the_best_round_decides_the_ratio_and_the_median_tells_of_the_noise() -> None:
    """A neighbour who disturbs one round must not decide anything."""
    clock = Ticks()
    noise = itertools.cycle([1.0, 1.0, 5.0])
    cases = {
        "quiet": lambda number: clock.takes(1.0, number),
        "noisy": lambda number: clock.takes(next(noise), number),
    }

    found = race(cases, rounds=6, sample=0.5, clock=clock)

    assert found.ratio("noisy", "quiet") == pytest.approx(1.0)
    assert max(found.times["noisy"]) == pytest.approx(5.0)


async def test_async_cases_race_in_the_running_loop() -> None:
    """They are awaited, as often as asked."""
    clock = Ticks()

    async def case(number: int) -> None:
        clock.takes(2.0, number)

    found = await arace({"it": case}, rounds=2, sample=1.0, clock=clock)

    assert found.best("it") == pytest.approx(2.0)


def test_calls_makes_a_case_of_a_function_and_its_arguments() -> None:
    """As often as asked, with none, one or two of them."""
    heard: list[tuple[int, ...]] = []

    for arguments in ((), (1,), (1, 2)):
        calls(lambda *given: heard.append(given), *arguments)(2)

    assert heard == [(), (), (1,), (1,), (1, 2), (1, 2)]
