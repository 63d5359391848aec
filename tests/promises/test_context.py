"""Context variables in handlers and tasks: rules 54 and 55."""

from __future__ import annotations

__all__ = ()

from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.promises.kinds import drained, later, make_rejected
from tests.promises.thenables import Thenable

from upcall._promises.promise import Promise

NAME: ContextVar[str] = ContextVar("NAME", default="unset")


def attach(promise: Promise[Any], way: str, seen: list[str]) -> Promise[Any]:
    """Attach something that looks at the variable."""

    def look(*_: object) -> Any:
        seen.append(NAME.get())

    async def alook(*_: object) -> None:
        await anyio.lowlevel.checkpoint()
        look()

    def thenable(_: object) -> Any:
        return Thenable(lambda resolve, _: (look(), resolve(1)))

    ways: dict[str, Any] = {
        "then": lambda: promise.then(look),
        "catch": lambda: promise.then(lambda _: make_rejected(Exception())).catch(look),
        "finally_": lambda: promise.finally_(look),
        "tap": lambda: promise.tap(look),
        "async": lambda: promise.then(alook),
        "async finally_": lambda: promise.finally_(alook),
        "map": lambda: Promise.map([promise], look),
        "thenable": lambda: promise.then(thenable),
        "lambda": lambda: promise.then(lambda _: alook()),
    }
    return ways[way]()  # type: ignore[no-any-return]


WAYS = [
    "then",
    "catch",
    "finally_",
    "tap",
    "async",
    "async finally_",
    "map",
    "thenable",
    "lambda",
]


@pytest.mark.parametrize("way", WAYS)
async def test_a_handler_runs_in_the_context_of_its_then(way: str) -> None:
    """Rules 54 and 55: not in that of who settles, nor in an empty one."""
    seen: list[str] = []
    promise, resolve, _ = Promise[int].with_resolvers()
    token = NAME.set("attached")
    child = attach(promise, way, seen)
    NAME.set("settled")
    later(resolve, 1)
    await child
    NAME.reset(token)

    assert seen == ["attached"]


async def test_a_handler_sees_a_copy() -> None:
    """Rule 54: taken at `then`; changes do not leak out, nor into other handlers."""
    seen: list[str] = []

    def change(_: object) -> None:
        seen.append(NAME.get())
        NAME.set("changed")

    NAME.set("before")
    promise = Promise.resolve(1)
    first = promise.then(change)
    second = promise.then(change)
    third = first.then(change)
    NAME.set("after")
    await Promise.all([first, second, third])

    assert seen == ["before"] * 3
    assert NAME.get() == "after"


async def test_a_task_continues_the_context_of_its_handler() -> None:
    """Rule 54: what the handler sets, its coroutine sees."""
    seen: list[str] = []

    async def task() -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(NAME.get())

    def handler(_: object) -> Any:
        NAME.set("in the handler")
        return task()

    await Promise.resolve(1).then(handler)

    assert seen == ["in the handler"]


async def test_run_takes_the_callers_context() -> None:
    """A copy of it."""
    seen: list[str] = []

    async def task() -> None:
        seen.append(NAME.get())
        NAME.set("in the task")

    NAME.set("caller")
    await Promise.run(task)
    await Promise.try_(task)
    await Promise.resolve(task())

    assert seen == ["caller"] * 3
    assert NAME.get() == "caller"


async def test_the_executor_runs_in_the_callers_context() -> None:
    """It is called at once."""
    context = copy_context()
    context.run(NAME.set, "elsewhere")
    seen: list[str] = []

    context.run(Promise, lambda *_: seen.append(NAME.get()))
    await drained()

    assert seen == ["elsewhere"]
