"""A store beside a naive model of one, through random histories."""

from __future__ import annotations

__all__ = ("ModelContract",)

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

import attrs
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    claim,
    deliveries,
    do,
    keep,
    make_keep,
    make_outcome,
    settle,
)

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.window import Window
from upcall.webhooks.outbox.contract import LEASE_MARGIN, Claim, Store

_ATTEMPTS: Final = 4
_TIMEOUT: Final = 5.0
_SILENCE: Final = 10.0
_number: Final = itertools.count()

Step = tuple[str, int]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "keep",
                "keep",
                "claim",
                "claim",
                "claim",
                "claim a few",
                "deliver",
                "deliver",
                "deliver all",
                "retry",
                "bury",
                "give back",
                "stale",
                "wait",
                "wait",
                "crash",
                "rescue",
                "switch",
                "until due",
            ]
        ),
        st.integers(0, 30),
    ),
    min_size=5,
    max_size=40,
)


@attrs.define
class _Line:
    """A delivery, as the model has it."""

    message: str
    endpoint: str
    state: State = State.WAITING
    due: float = NOON
    attempts: int = 0
    fence: int = 0
    worker: int = 0
    lease: float = 0.0


class Model:
    """What the store should hold, in lists that are looked through from end to end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOON
        run = next(_number)
        self.messages = (f"{run}-{each}" for each in itertools.count())
        self.events = f"run{run}"
        self.endpoints = {e.id: e for e in self._make_endpoints(run)}
        self.windows = dict.fromkeys(self.endpoints, Window())
        self.moments: dict[str, list[float]] = {e: [] for e in self.endpoints}
        self.lines: list[_Line] = []
        self.claims: list[Claim] = []
        self.fences: set[tuple[int, int]] = set()
        self.workers = [self._enlist(), self._enlist()]
        self.crashed: dict[int, float] = {}

        for endpoint in self.endpoints.values():
            do(store, store.add, endpoint, now=NOON)

    def _make_endpoints(self, run: int) -> Sequence[Endpoint]:
        given: list[dict[str, Any]] = [
            {"concurrency": 3},
            {"concurrency": 1},
            {"concurrency": 4, "rate": 2},
            {"ordered": True},
            {"ordered": True, "rate": 30},
        ]
        return [
            make_endpoint(
                f"{run}-{each}",
                events=[self.events],
                schedule=(0,) * _ATTEMPTS,
                timeout=_TIMEOUT,
                **changes,
            )
            for each, changes in enumerate(given)
        ]

    def _enlist(self) -> int:
        return do(self.store, self.store.enlist, now=self.now)

    def close(self) -> None:
        """Leave a store behind in which nothing is left to do."""
        for endpoint in self.endpoints:
            do(self.store, self.store.remove, endpoint, now=self.now)

        for worker in (*self.workers, *self.crashed):
            do(self.store, self.store.dismiss, worker, now=self.now)

    # --- what happens ---

    def step(self, what: str, number: int) -> None:
        """Do one thing in both, and compare."""
        for worker in self.workers:
            assert do(self.store, self.store.heartbeat, worker, now=self.now)

        getattr(self, "_" + what.replace(" ", "_"))(number)
        self.compare()

    def _keep(self, number: int) -> None:
        for _ in range(number % 3 + 1):
            uid = next(self.messages)
            keep(self.store, make_keep(uid, name=self.events, now=self.now))
            enabled = [e.id for e in self.endpoints.values() if e.enabled]
            self.lines += [_Line(uid, each, due=self.now) for each in enabled]

    def _wait(self, number: int) -> None:
        self.now += number / 8

    def _claim(self, number: int) -> None:
        worker = self.workers[number % 2]
        expected = self.claimable()
        found = claim(self.store, worker, now=self.now, free=1000, unproven=1000)
        self._took(worker, found.claims)
        assert found.next_due is None or found.next_due > self.now

        for whose, lines in expected.items():
            got = [each for each in found.claims if each.endpoint.id == whose]

            if self.endpoints[whose].rate is None:
                assert [each.message.id for each in got] == [e.message for e in lines]
            else:
                assert len(got) <= len(lines)
                assert [each.message.id for each in got] == [
                    line.message for line in lines[: len(got)]
                ]

    def _claim_a_few(self, number: int) -> None:
        worker = self.workers[number % 2]
        free = number % 4
        found = claim(self.store, worker, now=self.now, free=free, unproven=free // 2)
        self._took(worker, found.claims)
        assert len(found.claims) <= free
        assert sum(not each.proven for each in found.claims) <= free // 2

    def _until_due(self, number: int) -> None:
        """Nothing comes before the time that is told, and something does then."""
        worker = self.workers[number % 2]
        found = claim(self.store, worker, now=self.now, free=1000, unproven=1000)
        self._took(worker, found.claims)

        if found.next_due is None:
            assert not any(self.claimable(now=self.now + 1e6).values())
            return

        self.now = max(self.now, math.floor(found.next_due * 1000 - 1) / 1000)
        self._beat()
        early = claim(self.store, worker, now=self.now, free=1000, unproven=1000)
        assert early.claims == ()
        assert early.next_due == found.next_due

        # A store keeps milliseconds; the model's time has no others.
        self.now = math.ceil(found.next_due * 1000) / 1000
        self._beat()
        then = claim(self.store, worker, now=self.now, free=1000, unproven=1000)
        self._took(worker, then.claims)
        assert then.claims

    def _beat(self) -> None:
        for worker in self.workers:
            do(self.store, self.store.heartbeat, worker, now=self.now)

    def _took(self, worker: int, claims: Sequence[Claim]) -> None:
        for each in claims:
            line = self.line(each)
            assert line.state is State.WAITING
            assert line.due <= self.now
            assert each.proven == self.windows[line.endpoint].proven
            assert (each.delivery, each.fence) not in self.fences
            self.fences.add((each.delivery, each.fence))
            line.state, line.worker = State.CLAIMED, worker
            line.fence, line.attempts = line.fence + 1, line.attempts + 1
            line.lease = self.now + _TIMEOUT + LEASE_MARGIN
            assert (each.fence, each.attempt) == (line.fence, line.attempts)
            self.moments[line.endpoint].append(self.now)
            self.claims.append(each)

    def _deliver(self, number: int) -> None:
        self._settle(number, Move.DELIVER)

    def _deliver_all(self, number: int) -> None:
        for _ in range(number):
            self._settle(0, Move.DELIVER)

    def _retry(self, number: int) -> None:
        self._settle(number, Move.RETRY)

    def _bury(self, number: int) -> None:
        self._settle(number, Move.BURY)

    def _stale(self, number: int) -> None:
        """Settle any claim there ever was."""
        if self.claims:
            moves = (Move.DELIVER, Move.RETRY, Move.BURY)
            each = self.claims[number % len(self.claims)]
            self._settle_claim(each, moves[number % 3])

    def _settle(self, number: int, move: Move) -> None:
        flying = [each for each in self.claims if self._is_flying(each)]

        if flying:
            self._settle_claim(flying[number % len(flying)], move)

    def _settle_claim(self, each: Claim, move: Move) -> None:
        line = self.line(each)
        late = line.fence != each.fence or not (
            line.state is State.CLAIMED
            or (line.state is State.WAITING and move is Move.DELIVER)
        )
        outcome = make_outcome(each, move, now=self.now)

        (settled,) = settle(self.store, outcome)

        assert settled.late == late

        if not late:
            line.state = {
                Move.DELIVER: State.DELIVERED,
                Move.RETRY: State.WAITING,
                Move.BURY: State.DEAD,
            }[move]
            line.due = self.now + 5 if move is Move.RETRY else line.due
            self._adapt(line.endpoint, move)

        assert settled.state is line.state

    def _adapt(self, id: str, move: Move) -> None:
        window, limit = self.windows[id], self.endpoints[id].concurrency

        if move is Move.DELIVER:
            window = window.succeeded(concurrency=limit)
        else:
            window = window.failed(now=self.now, started=self.now - 0.25)

        until = round(window.paused_until * 1000) / 1000
        self.windows[id] = attrs.evolve(window, paused_until=until)

    def _give_back(self, number: int) -> None:
        if self.claims:
            each = self.claims[number % len(self.claims)]
            do(self.store, self.store.give_back, [each])

            if self._is_flying(each):
                line = self.line(each)
                line.state, line.attempts = State.WAITING, line.attempts - 1

    def _crash(self, number: int) -> None:
        """A worker falls silent; another one comes."""
        self.crashed[self.workers.pop(number % 2)] = self.now
        self.workers.append(self._enlist())

    def _rescue(self, number: int) -> None:
        if number % 3 == 0:
            self.now += number
            self._beat()

        lapsed = do(self.store, self.store.rescue, now=self.now)
        gone = {w for w, last in self.crashed.items() if self.now - last >= _SILENCE}
        over = [
            line
            for line in self.lines
            if line.state is State.CLAIMED
            and (line.worker in gone or line.lease <= self.now)
        ]
        assert lapsed.number == len(over)

        for line in over:
            line.state = State.WAITING if line.attempts < _ATTEMPTS else State.DEAD
            line.due = self.now

    def _switch(self, number: int) -> None:
        """Pause an endpoint, or let it go on."""
        old = list(self.endpoints.values())[number % len(self.endpoints)]
        self.endpoints[old.id] = attrs.evolve(old, paused=not old.paused)
        do(self.store, self.store.pause, old.id, paused=not old.paused)

    # --- what must hold ---

    def line(self, found: Claim) -> _Line:
        """Return the line of a claim."""
        (line,) = (
            each
            for each in self.lines
            if (each.message, each.endpoint) == (found.message.id, found.endpoint.id)
        )
        return line

    def _is_flying(self, found: Claim) -> bool:
        line = self.line(found)
        return line.state is State.CLAIMED and line.fence == found.fence

    def flying(self, id: str) -> list[_Line]:
        """Return what is in flight of an endpoint."""
        return [e for e in self.lines if e.endpoint == id and e.state is State.CLAIMED]

    def claimable(self, now: float | None = None) -> dict[str, list[_Line]]:
        """Return what could be claimed now of each endpoint, but for its rate."""
        moment = self.now if now is None else now
        return {e: self._claimable(e, moment) for e in self.endpoints}

    def _claimable(self, id: str, now: float) -> list[_Line]:
        endpoint, window = self.endpoints[id], self.windows[id]
        limit = endpoint.concurrency
        room = window.room(concurrency=limit, in_flight=len(self.flying(id)))
        left = [
            e
            for e in self.lines
            if e.endpoint == id and e.state in {State.WAITING, State.CLAIMED}
        ]

        if endpoint.paused or window.paused_until > now:
            return []

        if endpoint.ordered:
            left = left[:1]

        due = [e for e in left if e.state is State.WAITING and e.due <= now]
        return sorted(due, key=lambda line: line.due)[:room]

    def compare(self) -> None:
        """Look whether both are the same, and whether the limits hold."""
        rows = deliveries(self.store, limit=len(self.lines))
        found = {(row.message, row.endpoint): row for row in rows}

        for line in self.lines:
            row = found[line.message, line.endpoint]
            assert (row.state, row.attempts) == (line.state, line.attempts)

        for endpoint in self.endpoints.values():
            number = len(self.flying(endpoint.id))
            assert number <= endpoint.concurrency
            assert number <= 1 or not endpoint.ordered
            self._compare_rate(endpoint)

    def _compare_rate(self, endpoint: Endpoint) -> None:
        moments = self.moments[endpoint.id]

        for first in moments if endpoint.rate else ():
            within = [each for each in moments if first <= each < first + 1]
            assert len(within) <= math.ceil(endpoint.rate or 0)


class ModelContract:
    """Random histories of two workers, and some that crash."""

    def test_store_does_as_the_model_does(self, store: Store) -> None:
        """Windows, rates, order, fences: after every step, all of them hold."""

        # Inside, for each kind of store runs it on its own.
        @settings(max_examples=10, deadline=None, phases=set(Phase) - {Phase.explain})
        @given(steps=STEPS)
        def run(steps: Sequence[Step]) -> None:
            model = Model(store)

            try:
                for what, number in steps:
                    model.step(what, number)
            finally:
                model.close()

        run()
