"""What kind of callback this is: sync or async, where it stands, whether it fits."""

from __future__ import annotations

__all__ = (
    "check_callback",
    "close_coroutine",
    "describe",
    "fits",
    "is_async",
    "is_awaitable",
    "makes_coroutines",
    "place_of",
)

import inspect
import os
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Final

from upcall.errors import WrongTypeError

_PLAIN: Final = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        list,
        tuple,
        dict,
        set,
        frozenset,
    }
)
"""Types that are surely no awaitables, and that callbacks often return."""


def is_awaitable(value: object) -> bool:
    """Tell whether a callback gave something that wants to be awaited."""
    return type(value) not in _PLAIN and inspect.isawaitable(value)


def close_coroutine(value: object) -> None:
    """Spare a coroutine that nobody will await the warning that nobody did."""
    if inspect.iscoroutine(value):
        value.close()


def is_async(callback: Callable[..., object]) -> bool:
    """Tell whether a callback is known to be async before it is called.

    Async functions, their partials and methods, objects whose ``__call__`` is async,
    and wrappers that say so by `inspect.markcoroutinefunction`. A wrapper that merely
    has an async function in ``__wrapped__`` may run it in a loop of its own, so that
    mark alone decides nothing: what it returns will.
    """
    while isinstance(callback, partial):
        callback = callback.func

    if inspect.iscoroutinefunction(callback):
        return True

    if isinstance(callback, (FunctionType, MethodType, BuiltinFunctionType, type)):
        return False

    return inspect.iscoroutinefunction(getattr(type(callback), "__call__", None))  # noqa: B004 (its kind is asked, not its presence)


def makes_coroutines(callback: object) -> bool:
    """Tell whether a call is sure to give a coroutine: whether it is an ``async def``.

    What was merely marked as async may give any awaitable.
    """
    while isinstance(callback, partial):
        callback = callback.func

    return bool(_flags(callback) & inspect.CO_COROUTINE)


def _flags(callback: object) -> int:
    code = getattr(callback, "__code__", None)
    return code.co_flags if isinstance(code, CodeType) else 0


def describe(callback: object) -> str:
    """Name a callback the way its author does."""
    while isinstance(callback, partial):
        callback = callback.func

    name = getattr(callback, "__qualname__", None)

    return name if isinstance(name, str) else type(callback).__qualname__ + " object"


def place_of(callback: object) -> str:
    """Tell where a callback stands in the source: ``file:line``, or its module."""
    code = _code_of(callback)

    if code is not None:
        return f"{_shortest(code.co_filename)}:{code.co_firstlineno}"

    return str(getattr(callback, "__module__", None) or type(callback).__module__)


def _shortest(path: str) -> str:
    """Write a path below the working directory as one sees it from there."""
    here = os.getcwd() + os.sep  # noqa: PTH109 (pathlib is not worth its import)
    return path.removeprefix(here)


def _code_of(callback: object) -> CodeType | None:
    while isinstance(callback, partial):
        callback = callback.func

    callback = inspect.unwrap(callback) if callable(callback) else callback
    found = getattr(callback, "__code__", None)

    if found is None:
        call = getattr(type(callback), "__call__", None)  # noqa: B004
        found = getattr(call, "__code__", None)

    return found if isinstance(found, CodeType) else None


def check_callback(callback: object) -> None:
    """Refuse what cannot be called with one payload, where that can be told.

    Raises:
        WrongTypeError: saying what was given and what would do.
    """
    if inspect.iscoroutine(callback):
        close_coroutine(callback)
        raise WrongTypeError(
            f"{callback!r} is a coroutine: give the async function itself, uncalled"
        )

    if not callable(callback):
        raise WrongTypeError(
            f"{callback!r} is no callback: give a function that takes the payload"
        )

    if _is_generator(callback):
        raise WrongTypeError(
            f"{describe(callback)} ({place_of(callback)}) has a yield in it: calling "
            "it runs nothing; give a function, or an async function"
        )

    if not _takes_one(callback):
        raise WrongTypeError(
            f"{describe(callback)} ({place_of(callback)}) cannot be called with one "
            "argument: a callback takes the payload, and nothing else that it needs"
        )


def _is_generator(callback: object) -> bool:
    """Tell whether a call would but make a generator, which nobody iterates over."""
    flags = _flags(callback)

    # What types.coroutine has marked is awaited like any other awaitable.
    return bool(
        flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)
        and not flags & inspect.CO_ITERABLE_COROUTINE
    )


def _takes_one(callback: Callable[..., object]) -> bool:
    """Tell whether it can be called with one argument; True where nobody can tell."""
    function, given = callback, 1

    if isinstance(function, MethodType):
        function, given = function.__func__, 2

    if type(function) is FunctionType and not hasattr(function, "__wrapped__"):
        return _fits_code(function, given)

    return fits(callback, None)


def fits(callback: Callable[..., object], *args: object) -> bool:
    """Tell whether it can be called so; True where nobody can tell."""
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):
        return True

    try:
        signature.bind(*args)
    except TypeError:
        return False

    return True


def _fits_code(function: FunctionType, given: int) -> bool:
    """Look at a plain function's code: a hundredth of the cost of a signature."""
    code = function.__code__
    least = code.co_argcount - len(function.__defaults__ or ())
    enough = given <= code.co_argcount or bool(code.co_flags & inspect.CO_VARARGS)
    named = code.co_kwonlyargcount <= len(function.__kwdefaults__ or ())

    return least <= given and enough and named
