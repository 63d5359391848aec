"""One emission of a plan that is more than plain calls, now or awaited."""

# The order of things, for both `emit` and `aemit`:
#   1. what would refuse it (no open bus, a wrong thread), before anything is called;
#   2. the interceptors; 3. the keepers; 4. what is retained;
#   5. the sync callbacks; 6. the async ones, in the same order, started or awaited;
#   7. the buses it is forwarded to, by the same steps, each bus once.
# A failure is noted and kept; all of them are raised together at the end.

from __future__ import annotations

__all__ = ("aemit", "emit", "make_plan_run")

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from upcall._loops.children import Failed
from upcall._loops.families import run_all

from .calls import Run, callbacks_of, make_run, make_slow_run, plan_of
from .entry import Entry
from .envelope import CAUSE, Envelope, check_id, make_envelope
from .failures import as_failure
from .interceptors import passed_by
from .kinds import is_awaitable
from .plan import Around, Host, Plan
from .policies import NOTHING, Start
from .runs import Awaited, aemit_bare, outcome_of, sort
from .subscribed import Subscribed


def make_plan_run(
    plan: Plan,
    subscriptions: Collection[Subscribed[..., Any]],
    around: Around,
    *,
    plain: tuple[Callable[..., Any], ...] | None,
    sequential: bool = False,
) -> Run:
    """Complete a plan, and make its run.

    Args:
        plan: the plan, still empty.
        subscriptions: who hears it, in order.
        around: what else happens.
        plain: the callbacks alone, if there is nothing to do but call them.
        sequential: whether each is to have finished before the next is called.
    """
    if plain is None or around or sequential:
        plan.fill(subscriptions, around, sequential=sequential)

    if plain is not None and not around:
        return make_run(plain, plan)

    return make_slow_run(_emit_plan, plan)


def _emit_plan(plan: Plan, payload: object) -> int:
    return _emit(_Emission(plan, payload))


def emit(run: Run, payload: object, id: str | None) -> int:
    """Call now, with an id for the envelope."""
    plan: Plan = plan_of(run)
    envelope = None if id is None else make_envelope(plan.name, payload, id)

    return _emit(_Emission(plan, payload, envelope, run))


async def aemit(run: Run, payload: object, id: str | None) -> list[Any]:
    """Call, and wait until every callback has finished."""
    plan: Plan = plan_of(run)

    if plan.bare and id is None:
        return await aemit_bare(plan, payload)

    if id is not None and plan.delayed is None and not plan.wants_envelope:
        return await _aemit_unseen(run, payload, check_id(id))

    envelope = None if id is None else make_envelope(plan.name, payload, id)
    emission = _Emission(plan, payload, envelope, run)
    emission.check(set(), awaited=True)
    values = await emission.happen_awaited()
    emission.raise_failures()

    return values


async def _aemit_unseen(run: Run, payload: object, id: str) -> list[Any]:
    """Emit to those who see no envelope: the id is but the cause of what they emit."""
    token = CAUSE.set(id)

    try:
        return await aemit(run, payload, None)
    finally:
        CAUSE.reset(token)


def _emit(emission: _Emission) -> int:
    emission.check(set(), awaited=False)
    heard = emission.happen()
    emission.raise_failures()

    return heard


class _Emission:
    """What goes through the plans of an emission: its own, and those it goes on to."""

    __slots__ = ("envelope", "errors", "payload", "plan", "run", "seen")

    def __init__(
        self,
        plan: Plan,
        payload: object,
        envelope: Envelope[Any] | None = None,
        run: Run | None = None,
    ) -> None:
        self.plan = plan
        self.payload = payload
        self.envelope = envelope
        self.run = run
        self.errors: list[Exception] = []
        self.seen: set[int] = set()

    def raise_failures(self) -> None:
        """Raise what has failed, in this bus and in the others, if anything has."""
        if self.errors:
            raise self.plan.failed(self.errors)

    def onward(self, host: Host) -> _Emission:
        """Give the same emission in another bus; failures are kept together."""
        run = host.run_of(self.plan.key)
        other = _Emission(plan_of(run), self.payload, self.envelope, run)
        other.errors, other.seen = self.errors, self.seen

        return other

    def check(self, seen: set[int], *, awaited: bool) -> None:
        """Refuse what cannot be started, in every bus it would reach."""
        plan = self.plan
        background = plan.delayed if awaited else plan.background

        if background is not None:
            plan.check_background(background)

        for onward in self._onward(seen):
            onward.check(seen, awaited=awaited)

    def _onward(self, seen: set[int]) -> Iterable[_Emission]:
        """Give the emission in each bus it is forwarded to and has not been in."""
        plan = self.plan
        seen.add(id(plan.host))

        for host in plan.around.forward:
            if id(host) not in seen:
                seen.add(id(host))
                yield self.onward(host)

    def happen(self) -> int:
        """Call now; tell how many heard it."""
        self.plan.counts.emissions += 1

        if self.envelope is None and not self.plan.wants_envelope:
            return self._call()

        if not self._enter():
            return 0

        assert self.envelope is not None

        for keeper in self.plan.around.keepers:
            keeper.keep_soon(self.envelope)

        self._retain()
        token = CAUSE.set(self.envelope.id)

        try:
            return self._call() + sum(map(self._pass_on, self._onward(self.seen)))
        finally:
            CAUSE.reset(token)

    def _pass_on(self, onward: _Emission) -> int:
        try:
            return onward.happen()
        except Exception as error:  # noqa: BLE001 (kept)
            self.errors.append(error)
            return 0

    async def happen_awaited(self) -> list[Any]:
        """Call, and wait; give the values."""
        plan = self.plan
        plan.counts.emissions += 1

        if self.envelope is None and not plan.wants_envelope:
            return await self._acall(())

        if not self._enter():
            return []

        assert self.envelope is not None

        for keeper in plan.around.keepers:
            await keeper.keep(self.envelope)

        self._retain()
        token = CAUSE.set(self.envelope.id)

        try:
            return await self._acall(self._onward(self.seen))
        finally:
            CAUSE.reset(token)

    def _enter(self) -> bool:
        """Make the envelope and pass it by the interceptors; False if one stops it."""
        if self.envelope is None:
            self.envelope = make_envelope(self.plan.name, self.payload)

        passed = passed_by(self.plan.around.interceptors, self.envelope)

        if passed is None:
            return False

        self.envelope, self.payload = passed, passed.payload
        return True

    def _retain(self) -> None:
        assert self.envelope is not None

        for retain in self.plan.around.retained:
            retain(self.envelope)

    # Calling now

    def _call(self) -> int:
        if self.plan.is_calm and self.run is not None:
            return self._call_calm(self.run)

        entries = self.plan.entries

        if self.plan.sequential and self.plan.background is not None:
            first = next(i for i, entry in enumerate(entries) if entry.is_async)
            return self._call_sync(entries[:first]) + self._queue(entries[first:])

        heard = self._call_sync([entry for entry in entries if not entry.is_async])
        return heard + sum(self._start(e) for e in entries if e.is_async)

    def _call_calm(self, run: Run) -> int:
        callbacks = callbacks_of(run)

        for callback in callbacks:
            try:
                self.plan.counts.calls += 1
                self.plan.stray(callback, callback(self.payload))
            except BaseException as error:  # noqa: BLE001 (kept, or raised again)
                self._keep(error, callback)

        return len(callbacks)

    def _call_sync(self, entries: Iterable[Entry]) -> int:
        heard = 0

        for entry in entries:
            try:
                if not entry.admits(self.payload):
                    continue

                heard += 1
                self.plan.counts.calls += 1
                value = entry.call(entry.argument(self.payload, self.envelope))

                if is_awaitable(value):
                    self.plan.start_stray(entry.target, value, self.envelope)
            except BaseException as error:  # noqa: BLE001 (kept, or raised again)
                self._keep(error, entry.target)

        return heard

    def _start(self, entry: Entry) -> int:
        """Start an async callback in the bus; tell whether it was."""
        try:
            if not entry.admits(self.payload):
                return 0

            argument = entry.argument(self.payload, self.envelope)

            if entry.is_delayed:
                self.plan.counts.calls += 1
                entry.offer(argument, self._starter(entry))
                return 1

            coroutine = entry.begin(argument, awaited=False)
        except BaseException as error:  # noqa: BLE001 (kept, or raised again)
            self._keep(error, entry.target)
            return 0

        if coroutine is None:
            return 0

        self.plan.counts.calls += 1
        host, name = self.plan.host, self.plan.name
        assert host is not None
        host.start(coroutine, entry.subscription, self.envelope, name)
        return 1

    def _starter(self, entry: Entry) -> Start:
        host = self.plan.host
        assert host is not None

        return host.starter(entry.subscription, self.envelope, self.plan.name)

    def _queue(self, entries: Sequence[Entry]) -> int:
        """Run the rest of a sequential emission in one background task."""
        host = self.plan.host
        assert host is not None
        heard = [entry for entry in entries if self._admitted(entry)]

        if heard:
            rest = self._follow(heard)
            host.start(rest, heard[0].subscription, self.envelope, self.plan.name)

        return len(heard)

    async def _follow(self, entries: Sequence[Entry]) -> None:
        host = self.plan.host
        assert host is not None

        for entry in entries:
            (outcome,) = await run_all([self._finish_one(entry)])

            if type(outcome) is Failed:
                error = self.plan.failure(outcome.error, entry.target)
                host.report(error, entry.subscription, self.envelope)

    # Calling and waiting

    async def _acall(self, onward: Iterable[_Emission]) -> list[Any]:
        if self.plan.sequential:
            return await self._acall_in_turn(onward)

        values: list[Any] = []
        runs: list[Awaited] = []

        try:
            self._call_for_values(values, runs)
            runs.extend(Awaited(None, other.happen_awaited()) for other in onward)
        except BaseException:
            while runs:  # gone, they give back their places (see Gate)
                runs.pop().coroutine.close()

            raise

        await self._await_runs(runs, values)
        return values

    def _call_for_values(self, values: list[Any], runs: list[Awaited]) -> None:
        """Call the sync callbacks, and begin the runs of the others."""
        if self.plan.is_calm and self.run is not None:
            for callback in callbacks_of(self.run):
                try:
                    self.plan.counts.calls += 1
                    sort(callback(self.payload), callback, values, runs)
                except BaseException as error:  # noqa: BLE001 (kept, or raised again)
                    self._keep(error, callback)

        entries = self.plan.entries

        for entry in [e for e in entries if not e.is_async]:
            try:
                if entry.admits(self.payload):
                    self.plan.counts.calls += 1
                    argument = entry.argument(self.payload, self.envelope)
                    sort(entry.call_waiting(argument), entry.target, values, runs)
            except BaseException as error:  # noqa: BLE001 (kept, or raised again)
                self._keep(error, entry.target)

        for entry in [e for e in entries if e.is_async]:
            if entry.is_delayed:
                self._start(entry)
            else:
                self._begin(entry, runs)

    def _begin(self, entry: Entry, runs: list[Awaited]) -> None:
        try:
            if entry.admits(self.payload):
                argument = entry.argument(self.payload, self.envelope)
                coroutine = entry.begin(argument, awaited=True)

                if coroutine is not None:
                    self.plan.counts.calls += 1
                    runs.append(Awaited(entry.target, coroutine))
        except BaseException as error:  # noqa: BLE001 (kept, or raised again)
            self._keep(error, entry.target)

    async def _await_runs(self, runs: list[Awaited], values: list[Any]) -> None:
        """Wait for the runs: one in the caller's task, several as its children."""
        if not runs:
            return

        if len(runs) == 1:
            outcomes = [await outcome_of(runs[0].coroutine)]
        else:
            outcomes = await run_all([run.coroutine for run in runs])

        for run, outcome in zip(runs, outcomes, strict=True):
            self._sort_outcome(outcome, run.callback, values)

    def _sort_outcome(self, outcome: Any, callback: object, values: list[Any]) -> None:
        """Put how a run ended where it belongs."""
        if type(outcome) is Failed:
            self._keep(outcome.error, callback)
        elif callback is None:
            values.extend(outcome)
        elif outcome is not NOTHING:
            values.append(outcome)

    async def _acall_in_turn(self, onward: Iterable[_Emission]) -> list[Any]:
        values: list[Any] = []

        for entry in self.plan.entries:
            if self._admitted(entry):
                self._sort_outcome(await self._finish_one(entry), entry.target, values)

        for other in onward:
            outcome = await outcome_of(other.happen_awaited())
            self._sort_outcome(outcome, None, values)

        return values

    def _admitted(self, entry: Entry) -> bool:
        try:
            return entry.admits(self.payload)
        except BaseException as error:  # noqa: BLE001 (kept, or raised again)
            self._keep(error, entry.target)
            return False

    async def _finish_one(self, entry: Entry) -> Any:
        """Call one callback and wait for it; give its value, or how it `Failed`."""
        try:
            value = self._call_one(entry)
        except BaseException as error:  # noqa: BLE001 (handed on, or raised again)
            return Failed(as_failure(error))

        return await outcome_of(value) if is_awaitable(value) else value

    def _call_one(self, entry: Entry) -> Any:
        argument = entry.argument(self.payload, self.envelope)
        run: Any = NOTHING

        if entry.is_async and not entry.is_delayed:
            run = entry.begin(argument, awaited=True)

            if run is None:
                return NOTHING

        self.plan.counts.calls += 1

        if entry.is_delayed:
            entry.offer(argument, self._starter(entry))

        return run if entry.is_async else entry.call_waiting(argument)

    def _keep(self, error: BaseException, callback: object) -> None:
        """Keep a failure; let out what is none."""
        if callback is None and isinstance(error, Exception):
            self.errors.append(error)
        else:
            self.errors.append(self.plan.failure(error, callback))
