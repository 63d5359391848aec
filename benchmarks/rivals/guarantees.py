"""What one gets for the time: found out by trying, with the versions that are there."""

# Rule 1: a guarantee is what was seen, here and now. Nothing is quoted.
# Rule 2: what a library does not promise may be what its users want: `emit` of Upcall
#   hands back no results and `send` of blinker does. Yes is no praise, no is no blame.

from __future__ import annotations

__all__ = ("guarantees",)

import asyncio
import importlib
import logging
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from benchmarks.results import Figure
from benchmarks.rivals import asked, asked_async
from benchmarks.rivals.asked import Found
from benchmarks.rivals.entry import AwaitedWay, PromiseWay, Way
from benchmarks.rivals.field import Field, none

T = TypeVar("T")
Questions: TypeAlias = Mapping[str, Callable[[T], Awaitable[Found]]]

SYNC: Questions[Way] = {
    "the others run when one fails": asked.others_run,
    "every failure is told to somebody": asked.failures_are_told,
    "called in order of subscription": asked.is_in_order,
    "a returned awaitable is not lost": asked.keeps_awaitable,
    "hands back what callbacks returned": asked.hands_back,
}
ASYNC: Questions[AwaitedWay] = {
    "the others finish when one fails": asked_async.others_finish,
    "every failure is told to somebody": asked_async.failures_are_told,
    "callbacks run concurrently": asked_async.is_concurrent,
    "cancelling the caller ends callbacks": asked_async.is_cancelled_with_caller,
}


async def _is_later(way: PromiseWay) -> Found:
    return Found(await way.later())


PROMISES: Questions[PromiseWay] = {
    "handlers run after the turn that settles": _is_later
}


def guarantees(field: Field) -> list[Figure]:
    """Try all of them, one loop for each question."""
    with _quiet():
        return [
            *_asked("rivals guarantees", field.ways(), SYNC),
            *_asked("rivals awaited guarantees", field.awaited(), ASYNC),
            *_on_trio("rivals awaited guarantees", field.awaited()),
            *_asked("rivals promises guarantees", field.promises(), PROMISES),
        ]


def _asked(
    table: str, ways: Mapping[str, T], questions: Questions[T]
) -> Iterator[Figure]:
    for column, question in questions.items():
        for title, way in ways.items():
            yield _cell(table, title, column, asyncio.run(_answer(question, way)))


def _on_trio(table: str, ways: Mapping[str, AwaitedWay]) -> Iterator[Figure]:
    column = "works on trio"

    try:
        trio: Any = importlib.import_module("trio")
    except ModuleNotFoundError:
        for title in ways:
            yield none(table, title, column, "trio is not installed", "yes/no")
    else:
        for title, way in ways.items():
            found = trio.run(asked_async.works_on_trio, way)
            yield _cell(table, title, column, found)


async def _answer(question: Callable[[T], Awaitable[Found]], way: T) -> Found:
    return await question(way)


def _cell(table: str, row: str, column: str, found: Found) -> Figure:
    """Make the cell: 1 is yes, 0 is no."""
    return Figure(
        table=table,
        row=row,
        column=column,
        value=float(found.yes),
        unit="yes/no",
        note=found.note,
    )


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Let no library log or warn of the failures that we make."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
