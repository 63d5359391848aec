"""The limits that the design sets, line by line, and which figures answer each."""

# Rule 1: every line of the design stands here, in its order, met or not.
# Rule 2: the limits themselves are in the benchmarks, beside what they measure; a
#   figure finds its line by its name, so that no benchmark knows the table.

from __future__ import annotations

__all__ = ("LINES", "Answer", "Line", "Part", "answers", "others")

from collections.abc import Iterator
from fnmatch import fnmatchcase

import attrs
from benchmarks.report.record import Record
from benchmarks.results import Result, Verdict


@attrs.frozen
class Part:
    """Figures of one kind within a line."""

    label: str
    """What they are, where a line has several kinds; else empty."""

    benchmark: str
    pattern: str
    """Of their names, as in a shell."""

    def of(self, record: Record) -> list[Result]:
        """Return them, in the order they were measured in."""
        if self.benchmark not in record:
            return []

        results = record[self.benchmark].results
        return [each for each in results if fnmatchcase(each.name, self.pattern)]


@attrs.frozen
class Line:
    """One line of the design."""

    short: str
    """A few words, for a plot."""

    what: str
    """What is measured, and against what, in full."""

    parts: tuple[Part, ...]


@attrs.frozen
class Answer:
    """A line, and what came out."""

    line: Line
    parts: tuple[tuple[Part, tuple[Result, ...]], ...]

    @property
    def results(self) -> list[Result]:
        """Return all of its figures."""
        return [result for _, results in self.parts for result in results]

    @property
    def verdict(self) -> Verdict:
        """Tell the worst that any figure met; skipped if one was not measured."""
        verdicts = {result.verdict for result in self.results}
        missing = any(not results for _, results in self.parts)

        if Verdict.NOT_MET in verdicts:
            return Verdict.NOT_MET

        return Verdict.SKIPPED if missing or verdicts != {Verdict.MET} else Verdict.MET


LINES = (
    Line(
        "Signal.emit",
        "`Signal.emit` to 1, 10, 100 sync callbacks, against a bare `for` loop",
        (
            Part("functions", "emit", "Signal.emit, * functions, *"),
            Part("methods", "emit", "Signal.emit, * methods, *"),
        ),
    ),
    Line(
        "50 signals in turn",
        "50 signals in turn, 10 callbacks each, the same",
        (Part("", "emit", "50 signals in turn, *"),),
    ),
    Line(
        "Bus.emit",
        "`Bus.emit` to 1, 10, 100 sync callbacks, the same",
        (
            Part("(event)", "emit", "Bus.emit(event), *"),
            Part("(name, x)", "emit", "Bus.emit(name, x), *"),
        ),
    ),
    Line(
        "every peer",
        "`Signal.emit` to 1, 10, 100, against psygnal, eventkit, pyee, blinker, Events",
        (
            Part("1", "rivals", "Signal.emit to 1, against *"),
            Part("10", "rivals", "Signal.emit to 10, against *"),
            Part("100", "rivals", "Signal.emit to 100, against *"),
        ),
    ),
    Line(
        "aemit to one",
        "`aemit` to one async callback, against `await callback(x)`",
        (
            Part("asyncio", "aemit", "aemit on asyncio, one, *"),
            Part("uvloop", "aemit", "aemit on uvloop, one, *"),
            Part("trio", "aemit", "aemit on trio, one, *"),
        ),
    ),
    Line(
        "aemit to 10 and 100",
        "`aemit` to 10 and 100 that return at once or suspend, "
        "against a native task group",
        (
            Part("asyncio", "aemit", "aemit on asyncio, * task group"),
            Part("uvloop", "aemit", "aemit on uvloop, * task group"),
            Part("trio", "aemit", "aemit on trio, * task group"),
        ),
    ),
    Line(
        "aemit, async peers",
        "the same, against pyee and Django",
        (Part("", "rivals", "aemit to *, against *"),),
    ),
    Line(
        "aemit, sequential",
        "`aemit` to 10 and 100 with `sequential=True`, against awaiting each in a loop",
        (
            Part("asyncio", "aemit", "aemit on asyncio, *, sequential, *"),
            Part("uvloop", "aemit", "aemit on uvloop, *, sequential, *"),
            Part("trio", "aemit", "aemit on trio, *, sequential, *"),
        ),
    ),
    Line(
        "subscribe, unsubscribe",
        "subscribe and unsubscribe with 1000 others on the same event, against none",
        (
            Part("`cancel()`", "subscriptions", "on and cancel with *"),
            Part("`off()`", "subscriptions", "on and off with *"),
        ),
    ),
    Line(
        "first after a change",
        "the first emit after a change, 100 callbacks, against a settled one",
        (Part("", "subscriptions", "first emit after a change, *"),),
    ),
    Line(
        "memory",
        "memory of a subscription on a bus, 100,000 of them over 10,000 events, "
        "each emitted",
        (Part("", "subscriptions", "memory of one of *"),),
    ),
    Line(
        "a link of a chain",
        "a promise link in a chain of 1000, against `asyncio.Future.add_done_callback`",
        (
            Part("asyncio", "promises", "a link of a chain: Promise on asyncio"),
            Part("uvloop", "promises", "a link of a chain: Promise on uvloop"),
            Part("trio", "promises", "a link of a chain: Promise on trio"),
        ),
    ),
    Line(
        "a promise alone",
        "an independent promise, the same",
        (
            Part("asyncio", "promises", "an independent promise: Promise on asyncio"),
            Part("uvloop", "promises", "an independent promise: Promise on uvloop"),
            Part("trio", "promises", "an independent promise: Promise on trio"),
        ),
    ),
    Line(
        "import upcall",
        "`import upcall` beyond importing anyio and attrs",
        (Part("", "importing", "import upcall, *"),),
    ),
    Line(
        "group commit",
        "durable `aemit` with 100 concurrent emitters, against one commit each",
        (
            Part("1 ms fsync", "outbox", "durable aemit, * (1 ms fsync)"),
            Part("in memory", "outbox", "durable aemit, * (in memory)"),
        ),
    ),
    Line(
        "guarded POST",
        "guarded POST, 50 at a time, against aiohttp's bare rate on asyncio",
        (Part("", "transport", "guarded POST, *"),),
    ),
    Line(
        "200 idle connections",
        "its CPU with 200 idle connections, against none",
        (Part("", "transport", "its CPU with 200 idle connections, *"),),
    ),
    Line(
        "durable deliveries",
        "signed, durable deliveries per second, "
        "against the bare loop of the same transport",
        (Part("", "outbox", "signed, durable deliveries, *"),),
    ),
    Line(
        "16 black holes",
        "16 black holes beside 100 healthy endpoints, 40 slots, on a virtual clock: "
        "healthy p99 against without them",
        (Part("", "isolation", "healthy p99 *"),),
    ),
    Line(
        "8 workers, counted",
        "8 workers on PostgreSQL, counted",
        (
            Part("above `concurrency`", "workers", "in flight above concurrency, *"),
            Part("rate exceeded", "workers", "rate exceeded, *"),
            Part("order broken", "workers", "order broken, *"),
        ),
    ),
    Line(
        "claim among 1,000,000",
        "claim with 1,000,000 waiting, 900,000 of them for one dead endpoint, "
        "against 1,000 waiting",
        (Part("", "outbox", "claim, 1,000,000 waiting, *"),),
    ),
)
"""In the order of the design. Two of its lines are shown as two each."""


def answers(record: Record) -> list[Answer]:
    """Find the figures of each line."""
    return [
        Answer(line, tuple((part, tuple(part.of(record))) for part in line.parts))
        for line in LINES
    ]


def others(record: Record) -> Iterator[Result]:
    """Give the figures that have a limit, and that no line asks for."""
    shown = {id(result) for answer in answers(record) for result in answer.results}

    for measured in record.values():
        for result in measured.results:
            if result.limit is not None and id(result) not in shown:
                yield result
