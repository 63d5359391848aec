"""Dead endpoints beside healthy ones: how long the healthy ones wait, on virtual time.

A hundred endpoints that answer after 50 ms get a message a second each. Beside them
sixteen get as many and never answer: each attempt ends after 20 s. One worker has 40
slots. What is shown is the wait of the slowest hundredth of the healthy deliveries,
against the same without the sixteen. It is counted, not timed.
"""

# The store, its claims and windows, the verdicts, the schedule and the slots are the
# real ones. The worker is replaced by a list of what happens when: it has nothing else
# to add, and no loop could be turned forward this fast.

from __future__ import annotations

__all__ = ("run", "simulate")

import heapq
import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final

import attrs
from benchmarks.results import Result

from upcall.webhooks import Endpoint, TransportError
from upcall.webhooks._proto.answer import Answer
from upcall.webhooks._proto.delivery import Attempt
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.schedule import DEFAULT
from upcall.webhooks._proto.slots import Slots
from upcall.webhooks._proto.verdict import decide, judge
from upcall.webhooks.outbox.contract import Claim, Keep, Outcome
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

ANSWER: Final = 0.05
TIMEOUT: Final = 20.0
START: Final = 1_700_000_000.0
SLOTS: Final = 40
LIMIT: Final = 2.0
POLL: Final = 1.0


@attrs.define(order=True)
class _Happening:
    """Something that happens at a time: a message comes, or an attempt ends."""

    time: float
    number: int
    claim: Claim | None = attrs.field(order=False)
    endpoint: str = attrs.field(order=False, default="")


class _Simulation:
    """One worker with its store, on virtual time."""

    def __init__(self, store: SqliteStore, slots: int) -> None:
        self._store = store
        self._slots = Slots(slots)
        self._random = Random(1)
        self._numbers = itertools.count()
        self._happenings: list[_Happening] = []
        self._kept: dict[str, float] = {}
        self.waits: list[float] = []
        """How long each healthy delivery took, beyond the answer itself."""

        with store.transaction():
            self._worker = store.enlist(now=START)

    def register(self, names: Sequence[str], *, seconds: int) -> None:
        """Add endpoints, and a message a second for each, spread evenly."""
        for place, name in enumerate(names):
            endpoint = Endpoint(
                id=name,
                url=f"https://{name}.example/",
                events=name,
                secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                schedule=DEFAULT,
                timeout=TIMEOUT,
            )

            with self._store.transaction():
                self._store.add(endpoint, now=START)

            for second in range(seconds):
                time = START + second + place / len(names)
                self._happen(time, None, name)

    def run(self) -> None:
        """Let all of it happen, and a little more."""
        now, end = START, max(each.time for each in self._happenings) + 1

        while now < end:
            due = self._claim(now)
            following = self._happenings[0].time if self._happenings else end
            now = min(following, now + POLL if due is None else max(due, now + 0.001))

            for happening in self._up_to(now):
                if happening.claim is None:
                    self._keep(happening.endpoint, now)
                else:
                    self._end(happening.claim, now)

    def _up_to(self, now: float) -> Iterator[_Happening]:
        while self._happenings and self._happenings[0].time <= now:
            yield heapq.heappop(self._happenings)

    def _happen(self, time: float, claim: Claim | None, endpoint: str = "") -> None:
        happening = _Happening(time, next(self._numbers), claim, endpoint)
        heapq.heappush(self._happenings, happening)

    def _keep(self, endpoint: str, now: float) -> None:
        name = f"{endpoint}-{next(self._numbers)}"
        message = Message(
            id=name, name=endpoint, time=datetime.fromtimestamp(now, UTC), data=b"{}"
        )
        self._kept[name] = now

        with self._store.transaction():
            self._store.keep([Keep(message=message, now=now)])

    def _claim(self, now: float) -> float | None:
        slots = self._slots

        if slots.free <= 0:
            return None

        with self._store.transaction():
            turn = self._store.claim(
                self._worker, now=now, free=slots.free, unproven=slots.free_unproven
            )

        for claim in turn.claims:
            slots.take(proven=claim.proven)
            dead = claim.endpoint.id.startswith("hole")
            self._happen(now + (TIMEOUT if dead else ANSWER), claim)

        return turn.next_due

    def _end(self, claim: Claim, now: float) -> None:
        self._slots.give(proven=claim.proven)
        dead = claim.endpoint.id.startswith("hole")
        found = TransportError("timeout", "no answer") if dead else Answer(status=204)
        began = now - (TIMEOUT if dead else ANSWER)

        if not dead:
            self.waits.append(began - self._kept[claim.message.id])

        decision = decide(
            judge(found, now=now),
            attempts=claim.attempt,
            schedule=DEFAULT,
            now=now,
            random=self._random,
        )
        attempt = Attempt(
            number=claim.attempt,
            worker=self._worker,
            started=datetime.fromtimestamp(began, UTC),
            duration=now - began,
            url=claim.endpoint.url,
            request_headers=(),
            status=None if dead else 204,
            error="no answer" if dead else None,
        )
        outcome = Outcome(claim=claim, decision=decision, attempt=attempt, ended=now)

        with self._store.transaction():
            self._store.settle([outcome])


def simulate(
    *, healthy: int, holes: int, slots: int = SLOTS, seconds: int = 30
) -> list[float]:
    """Return the waits of all deliveries to healthy endpoints, in order of size."""
    store = SqliteStore(None, Seal())
    store.open()

    try:
        simulation = _Simulation(store, slots)
        simulation.register([f"well{n}" for n in range(healthy)], seconds=seconds)

        if holes:
            simulation.register([f"hole{n}" for n in range(holes)], seconds=seconds)

        simulation.run()
        return sorted(simulation.waits)
    finally:
        store.close()


def run(quick: bool) -> list[Result]:
    """Compare with and without dead endpoints."""
    seconds = 5 if quick else 30
    alone, beside = (
        simulate(healthy=100, holes=holes, seconds=seconds) for holes in (0, 16)
    )
    share = len(beside) / (100 * seconds)
    return [
        Result(
            "healthy p99 beside 16 black holes, against without them",
            (_p99(beside) + ANSWER) / (_p99(alone) + ANSWER),
            LIMIT,
            note=f"{share:.1%} of {100 * seconds} were delivered; the slowest waited "
            f"{beside[-1] * 1000:.0f} ms",
        )
    ]


def _p99(waits: Sequence[float]) -> float:
    return waits[int(len(waits) * 0.99)]
