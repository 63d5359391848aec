"""The fast path: one emission to plain sync callbacks, as a function made for it."""

# What it is. An emission to n callbacks is one call of a function `run(payload)` that
#   calls them one after the other, unrolled, and returns n. The callbacks are the
#   function's *defaults*: a default is a fast local, costs eight bytes and needs no
#   lookup. The code object depends on n alone, so one per *number* of callbacks is
#   compiled, once per process, and a new plan costs little more than a tuple.
# Errors. One `try` holds all calls. Which one raised? Each stands on a line of its own,
#   and the head of the traceback is always the frame of `run`: its line tells.
# Returned awaitables. Each value that is not None is handed to `stray`, which lets
#   plain values pass. Nothing is dropped: the value is still in hand when it looks.
# Counting, for plans of a bus. What `run` returns it takes from `tally`, an iterator
#   that repeats n. That costs a third of adding one to a number somewhere, and what is
#   left in the iterator tells how often it happened: `emitted`.
# The plain path beside it, `_loop`, does the same with a loop, for more than LONGEST
#   callbacks. A property test holds them equal.

from __future__ import annotations

__all__ = (
    "LONGEST",
    "Planned",
    "Run",
    "callbacks_of",
    "emitted",
    "make_run",
    "make_slow_run",
    "make_tally",
    "plan_of",
)

import linecache
import sys
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import length_hint
from types import CodeType, FunctionType
from typing import Any, Final, NoReturn, Protocol, cast

LONGEST: Final = 100
"""The most callbacks that are unrolled."""

_FIRST_LINE: Final = 3
"""The line of the generated source on which the first callback is called."""

Callback = Callable[[Any], object]
Run = Callable[[Any], int]


class Planned(Protocol):
    """The plan that a run belongs to."""

    tally: repeat[int] | None

    def stray(self, callback: Callback, value: object) -> None:
        """Look at a value that is not None; raise if it cannot be taken care of."""

    def finish(
        self,
        callbacks: Sequence[Callback],
        payload: object,
        position: int,
        error: BaseException,
    ) -> NoReturn:
        """Go on after the callback at this position raised, then raise."""
        ...


def make_run(callbacks: tuple[Callback, ...], plan: Planned) -> Run:
    """Make the function that calls these callbacks with a payload."""
    count = len(callbacks)
    kind = count, plan.tally is not None
    code = _codes.get(kind)

    if code is None and 0 < count <= LONGEST:
        code = _codes[kind] = _compile(*kind)

    if code is None:
        return _make(_loop.__code__, (callbacks, plan.tally, plan))

    return _make(code, (*callbacks, plan.tally, plan))


def make_tally(count: int) -> repeat[int]:
    """Make what the runs of a plan for this many callbacks return."""
    return repeat(count, sys.maxsize)


def emitted(tally: repeat[int]) -> int:
    """Tell how often something was taken from a tally."""
    return sys.maxsize - length_hint(tally)


_codes: dict[tuple[int, bool], CodeType] = {}


def make_slow_run(emit: Callable[[Any, Any], int], plan: object) -> Run:
    """Make the run of a plan that is not calm: it leaves all to ``emit``."""
    return _make(_slow.__code__, (emit, plan))


def plan_of(run: Run) -> Any:
    """Return the plan that a run was made for."""
    return cast("Any", run).__defaults__[-1]


def callbacks_of(run: Run) -> Sequence[Callback]:
    """Return the callbacks of a calm run."""
    calm = cast("FunctionType", run)
    defaults = cast("tuple[Any, ...]", calm.__defaults__)
    found: Sequence[Callback] = (
        defaults[0] if calm.__code__ is _loop.__code__ else defaults[:-2]
    )

    return found


def _make(code: CodeType, defaults: tuple[Any, ...]) -> Run:
    return cast("Run", FunctionType(code, globals(), "run", defaults))


def _loop(
    payload: object,
    callbacks: tuple[Callback, ...],
    tally: repeat[int] | None,
    plan: Planned,
) -> int:
    """Call them one after the other: the plain path."""
    position = -1

    try:
        for position, callback in enumerate(callbacks):  # noqa: B007 (told if it raises)
            if (value := callback(payload)) is not None:
                plan.stray(callback, value)
    except BaseException as error:  # noqa: BLE001 (finish raises)
        plan.finish(callbacks, payload, position, error)

    return len(callbacks) if tally is None else next(tally)


def _slow(
    payload: object,
    emit: Callable[[Any, Any], int],
    plan: object,
) -> int:
    return emit(plan, payload)


def _source(count: int, counted: bool) -> str:
    """Write the unrolled form for this many callbacks."""
    parameters = "".join(f", f{i}" for i in range(count))
    lines = [
        f"def run(payload{parameters}, tally, plan):",
        "  try:",
        *(
            f"    if (r := f{i}(payload)) is not None: plan.stray(f{i}, r)"
            for i in range(count)
        ),
        "  except BaseException as error:",
        f"    _raised(plan, ({parameters[2:]},), payload, error)",
        "  for r in tally: return r" if counted else f"  return {count}",
    ]

    return "\n".join(lines) + "\n"


def _compile(count: int, counted: bool) -> CodeType:
    source, name = _source(count, counted), f"<upcall: {count} callbacks, {counted=}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    module = compile(source, name, "exec")

    return next(part for part in module.co_consts if isinstance(part, CodeType))


def _raised(  # pyright: ignore[reportUnusedFunction]  (by what _source writes)
    plan: Planned,
    callbacks: Sequence[Callback],
    payload: object,
    error: BaseException,
) -> NoReturn:
    """Find out by the line which callback it was."""
    trace = error.__traceback__
    assert trace is not None
    plan.finish(callbacks, payload, trace.tb_lineno - _FIRST_LINE, error)
