"""The job that all styles do: it notices who has not heard, and every style does it."""

from __future__ import annotations

__all__ = ()

from typing import Any

import pytest
from benchmarks.growth import spaced
from benchmarks.loops import LOOPS, Loop
from benchmarks.styles.callbacks import CALLBACKS
from benchmarks.styles.job import Job, Style
from benchmarks.styles.sampling import Samples
from benchmarks.styles.values import VALUES


@pytest.fixture
def loop(anyio_backend: tuple[str, dict[str, Any]]) -> Loop:
    """Give the loop that a test runs on."""
    name, options = anyio_backend
    name = "uvloop" if options.get("use_uvloop") else name
    return next(each for each in LOOPS if each.name == name)


def test_every_third_listener_waits_the_first_included() -> None:
    """So a job with one listener waits too, and one with three waits once."""
    waits = [each.waits for each in Job(7, LOOPS[0]).listeners]

    assert waits == [True, False, False, True, False, False, True]
    assert Job(100, LOOPS[0]).waiting == 34


async def test_a_job_is_done_when_every_listener_was_heard(loop: Loop) -> None:
    """It takes the time of the last one, not of the first."""
    job = Job(2, loop)
    job.expect(1)
    job.pay()

    job.heard()
    assert job.ended == 0.0

    job.heard()
    await job.done()
    assert job.ended >= job.began > 0.0


@pytest.mark.parametrize("heard", [1, 3])
def test_a_job_notices_who_was_left_out_or_called_twice(heard: int) -> None:
    """Such a style would look cheaper, or dearer, than it is."""
    job = Job(2, LOOPS[0])
    job.expect(1)

    for _ in range(heard):
        job.heard()

    with pytest.raises(AssertionError, match="calls of listeners"):
        job.check()


@pytest.mark.parametrize("style", [*CALLBACKS, *VALUES], ids=lambda each: each.name)
async def test_every_style_lets_every_listener_hear_every_event(
    style: Style, loop: Loop
) -> None:
    """One event, and then more than one at a time."""
    if loop.name in style.absent:
        pytest.skip(style.absent[loop.name])

    job = Job(4, loop)

    async with style.open(job) as way:
        job.expect(1)
        await way.one()
        await job.done()
        job.expect(6)
        await way.many(6)
        await job.done()

    job.check()


def test_one_in_a_hundred_latencies_is_later_than_the_late_one() -> None:
    """The order in which they came does not matter."""
    samples = Samples(latencies=[float(each) for each in range(200, 0, -1)])

    assert samples.late() == 199.0
    assert samples.median() == 100.5
    assert Samples(latencies=[3.0, 1.0]).late() == 3.0


def test_points_of_a_curve_are_half_a_decade_apart() -> None:
    """From the first to the last, if these are such numbers themselves."""
    assert spaced(10, 3000) == [10, 30, 100, 300, 1000, 3000]
    assert spaced(2, 9) == [3]
