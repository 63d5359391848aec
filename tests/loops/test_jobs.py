"""The job queue."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable

import pytest

from upcall._loops.jobs import BUDGET, JobQueue


class Turns:
    """A loop of nothing but turns, made by hand."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []
        self.jobs = JobQueue(self.due.append)

    def turn(self) -> None:
        """Make one turn."""
        due = self.due[:]
        self.due.clear()

        for drain in due:
            drain()


@pytest.fixture
def turns() -> Turns:
    """Make such a loop."""
    return Turns()


def test_jobs_run_in_order_in_one_drain(turns: Turns) -> None:
    """Those put in meanwhile, too."""
    log: list[str] = []
    turns.jobs.later(log.append, "a")
    turns.jobs.later(lambda: turns.jobs.later(log.append, "c"))
    turns.jobs.later(log.append, "b")
    assert len(turns.due) == 1

    turns.turn()

    assert log == ["a", "b", "c"]
    assert turns.due == []


def test_nothing_runs_on_the_spot(turns: Turns) -> None:
    """Not before the turn."""
    log: list[str] = []
    turns.jobs.later(log.append, "a")

    assert log == []
    assert turns.jobs.pending


def test_a_queue_is_pending_from_the_first_job_to_the_end_of_the_last(
    turns: Turns,
) -> None:
    """So a bus that closes can wait for it."""
    seen: list[bool] = []
    assert not turns.jobs.pending
    turns.jobs.later(lambda: seen.append(turns.jobs.pending))

    turns.turn()

    assert seen == [True]
    assert not turns.jobs.pending


def test_the_end_comes_after_all_jobs(turns: Turns) -> None:
    """And again after what is put in at the end."""
    log: list[str] = []

    def end() -> None:
        log.append("end")
        turns.jobs.later(log.append, "after")
        turns.jobs.at_end(log.append, "last")

    turns.jobs.at_end(end)
    turns.jobs.later(log.append, "a")
    turns.jobs.later(lambda: turns.jobs.later(log.append, "b"))
    turns.turn()

    assert log == ["a", "b", "end", "after", "last"]


def test_an_end_alone_needs_a_turn_too(turns: Turns) -> None:
    """It arms the queue."""
    log: list[str] = []
    turns.jobs.at_end(log.append, "end")
    turns.turn()

    assert log == ["end"]


def test_a_drain_has_a_budget(turns: Turns) -> None:
    """The rest runs in the next turn, and the end waits for it."""
    calls = 0

    def again() -> None:
        nonlocal calls
        calls += 1
        turns.jobs.later(again)

    ended: list[int] = []
    turns.jobs.later(again)
    turns.jobs.at_end(ended.append, 1)
    turns.turn()

    assert calls == BUDGET
    assert turns.jobs.pending
    turns.turn()
    assert calls == 2 * BUDGET
    assert ended == []


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()])
def test_jobs_behind_one_that_raises_run_in_the_next_turn(
    turns: Turns, error: BaseException
) -> None:
    """The error comes out; nothing is lost."""
    log: list[str] = []

    def bad() -> None:
        raise error

    turns.jobs.later(bad)
    turns.jobs.later(log.append, "a")
    turns.jobs.at_end(log.append, "end")

    with pytest.raises(type(error)):
        turns.turn()

    assert turns.jobs.pending
    turns.turn()
    assert log == ["a", "end"]


def test_a_last_job_that_raises_leaves_an_idle_queue(turns: Turns) -> None:
    """That takes new jobs."""
    log: list[str] = []

    def bad() -> None:
        raise ValueError

    turns.jobs.later(bad)

    with pytest.raises(ValueError):
        turns.turn()

    assert not turns.jobs.pending
    turns.jobs.later(log.append, "a")
    turns.turn()
    assert log == ["a"]
