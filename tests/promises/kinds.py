"""Promises, thenables and values of every kind, for tests that try them all."""

from __future__ import annotations

__all__ = (
    "REASONS",
    "VALUES",
    "WHEN",
    "Boom",
    "Touchy",
    "drained",
    "later",
    "make_fulfilled",
    "make_rejected",
    "outcome",
    "settle",
    "turns",
)

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel

from upcall._loops.which import current_loop
from upcall._promises.promise import Promise

WHEN = ("already", "immediately", "eventually")
"""When a promise is settled: before it is given, right after, or turns later."""


class Boom(Exception):  # noqa: N818 (short, as it stands in most lines)
    """What goes wrong on purpose."""


class Touchy:
    """A value that cannot bear to be compared, measured, hashed or tried for truth."""

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("the value was touched")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __hash__ = _refuse


class Thenless:
    """A value whose attribute `then` is no function."""

    then = 5


VALUES: dict[str, Any] = {
    "None": None,
    "False": False,
    "zero": 0,
    "text": "text",
    "tuple": (),
    "list": [],
    "dict": {},
    "object": object(),
    "touchy": Touchy(),
    "an exception": ValueError("a value"),
    "an exception class": ValueError,
    "a class with then": type("Thenable", (), {"then": lambda self, *_: None}),
    "a promise class": Promise,
    "then that is no function": Thenless(),
    "a function": len,
    "not implemented": NotImplemented,
}
"""Values that fulfil as they are."""

REASONS: dict[str, BaseException] = {
    "exception": Boom("reason"),
    "base": BaseException("reason"),
    "interrupt": KeyboardInterrupt("reason"),
    "exit": SystemExit(3),
    "group": ExceptionGroup("reasons", [Boom("one")]),
    "timeout": TimeoutError(),
    "stop async": StopAsyncIteration(),
    "stop": StopIteration("reason"),
    "generator exit": GeneratorExit(),
}
"""Exceptions of every family."""


def later(function: Callable[..., object], *args: Any, turns: int = 3) -> object:
    """Call it some turns of the loop later."""
    if not turns:
        return function(*args)

    current_loop().call_soon(lambda: later(function, *args, turns=turns - 1))
    return None


def settle(when: str, function: Callable[..., object], *args: Any) -> None:
    """Call it now, in the next job, or some turns later."""
    if when == "already":
        function(*args)
    elif when == "immediately":
        current_loop().jobs.later(function, *args)
    else:
        later(function, *args)


def make_fulfilled(value: Any, when: str = "already") -> Promise[Any]:
    """Make a promise that is fulfilled with this very value then."""
    promise, resolve, _ = Promise[Any].with_resolvers()
    settle(when, lambda: resolve(Promise.fulfilled(value)))
    return Promise.fulfilled(value) if when == "already" else promise


def make_rejected(reason: BaseException, when: str = "already") -> Promise[Any]:
    """Make a promise that is rejected with this reason then."""
    promise, _, reject = Promise[Any].with_resolvers()
    settle(when, reject, reason)
    return promise


async def outcome(promise: Promise[Any]) -> tuple[str, Any]:
    """Wait for the end of a promise by its handlers."""
    done = anyio.Event()
    found: list[tuple[str, Any]] = []

    def note(state: str, thing: Any) -> None:
        found.append((state, thing))
        done.set()

    promise.then(
        lambda value: note("fulfilled", value), lambda reason: note("rejected", reason)
    )

    with anyio.fail_after(5):
        await done.wait()

    return found[0]


async def drained() -> None:
    """Wait until the job queue of the loop has run empty."""
    done = anyio.Event()
    current_loop().jobs.at_end(done.set)
    await done.wait()


async def turns(number: int = 5) -> None:
    """Let the loop run some turns."""
    for _ in range(number):
        await anyio.lowlevel.checkpoint()
