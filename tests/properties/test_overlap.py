"""Overlap policies against a naive model of them, in virtual time, on both loops."""

from __future__ import annotations

__all__ = ()

from itertools import count
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.events.virtual import LOOPS, backend
from tests.properties.gates import Gates, Kind, Run, length

from upcall import Bus, CallbackErrors

KINDS: dict[str, tuple[Kind, int | None]] = {
    "merge": ("merge", None),
    "one at once": ("merge", 1),
    "two at once": ("merge", 2),
    "queue": ("queue", None),
    "drop": ("drop", None),
    "latest": ("latest", None),
    "restart": ("restart", None),
}


@attrs.frozen
class Emit:
    """Emit; awaited, or in the background."""

    hours: int
    fails: bool
    awaited: bool


@attrs.frozen
class GiveUp:
    """Cancel who awaits one of the runs."""

    which: int


Step = Emit | GiveUp | str

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Emit, st.integers(0, 4), st.booleans(), st.booleans()),
    st.builds(Emit, st.integers(0, 4), st.just(value=False), st.booleans()),
    st.builds(GiveUp, st.integers(0, 5)),
    st.sampled_from(["nothing", "pause", "resume", "resume", "cancel"]),
)


class Bench:
    """A bus with one subscription, and those who await its emissions."""

    def __init__(self, kind: Kind, concurrency: int | None) -> None:
        self.gates = Gates(kind, concurrency)
        self.log: list[tuple[float, str]] = []
        self.failed: list[str] = []
        self.bus = Bus(on_error=lambda error, *_: self.failed.append(str(error)))
        self.outcomes: dict[int, object] = {}
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._begin = anyio.current_time()
        options: dict[str, Any] = {"overlap": kind, "concurrency": concurrency}
        given = {name: value for name, value in options.items() if value is not None}
        self.subscription = self.bus.on("a", self._callback, **given)

    @property
    def now(self) -> float:
        """The hours since the beginning."""
        return anyio.current_time() - self._begin

    async def _callback(self, run: Run) -> int:
        self.log.append((self.now, f"+{run.number}"))

        try:
            await anyio.sleep(length(run.number, run.hours))
        except BaseException:
            self.log.append((self.now, f"x{run.number}"))
            raise

        self.log.append((self.now, f"-{run.number}"))

        if run.fails:
            raise ValueError(str(run.number))

        return run.number

    async def _await(self, run: Run) -> None:
        outcome: object = None

        with anyio.CancelScope() as self._scopes[run.number]:
            try:
                outcome = await self.bus.aemit("a", run)
            except CallbackErrors:
                outcome = "failed"

        self.outcomes[run.number] = outcome

    def emit(self, step: Emit, number: int, group: Any) -> None:
        """Emit in both worlds."""
        run = Run(number, step.hours, step.fails, step.awaited)
        heard = self.gates.emit(self.now, run)

        if step.awaited:
            group.start_soon(self._await, run)
        else:
            assert self.bus.emit("a", run) == heard

    def change(self, step: str | GiveUp) -> None:
        """Do something else to both."""
        if isinstance(step, GiveUp):
            for run in self.gates.runs[step.which : step.which + 1]:
                self.gates.give_up(self.now, run)
                self._scopes.get(run.number, anyio.CancelScope()).cancel()
        elif step == "cancel":
            self.gates.cancel()
            self.subscription.cancel()
        elif step != "nothing":
            self.gates.paused = step == "pause"
            getattr(self.subscription, step)()

    def compare(self) -> None:
        """Compare what can be seen at this hour."""
        statistics = self.bus.statistics()

        assert sorted(self.log) == sorted(self.gates.log)
        assert statistics.calls == self.gates.calls

        if self.gates.subscribed:
            assert statistics.waiting == len(self.gates.waiting)

    async def play(self, steps: list[Step]) -> None:
        """Do one step an hour, and then wait for all to end."""
        numbers = count()

        async with self.bus, anyio.create_task_group() as group:
            for step in steps:
                self.gates.pass_until(self.now)

                if isinstance(step, Emit):
                    self.emit(step, next(numbers), group)
                else:
                    self.change(step)

                await anyio.sleep(1)
                self.gates.pass_until(self.now)
                self.compare()

        self.gates.pass_until(float("inf"))
        self.compare()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEPS, max_size=14))
def test_runs_begin_and_end_as_the_model_says(
    loop: str, kind: str, steps: list[Step]
) -> None:
    """When each begins, ends or is cancelled; what each gives; who waits."""

    async def main() -> None:
        bench = Bench(*KINDS[kind])
        await bench.play(steps)
        runs = bench.gates.runs
        failed = [run for run in runs if run.outcome == "failed" and not run.awaited]

        assert sorted(bench.failed) == sorted(str(run.number) for run in failed)
        assert bench.outcomes == {
            run.number: run.outcome for run in runs if run.awaited
        }

    name, options = backend(loop)
    anyio.run(main, backend=name, backend_options=options)
