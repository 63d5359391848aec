"""Functions that take a callback, made to return a promise; and the way back."""

from __future__ import annotations

__all__ = ("callbackify", "promisify")

import functools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ParamSpec

from upcall.errors import OptionError

from .arguments import check_function
from .cell import link
from .handlers import check_handler
from .home import Home, loop_home
from .promise import Promise, Reject, Resolve
from .start import deferred, run_in

P = ParamSpec("P")


def promisify(
    function: Callable[..., object],
    *,
    callback: str | int = "callback",
    errback: str | int | None = None,
    error_first: bool = False,
) -> Callable[..., Promise[Any]]:
    """Make a function that returns a promise of one that takes a callback.

    The function is called at once. The first call of a callback of it counts, from
    whatever thread, and later ones do nothing. Called with one argument, that is the
    value; with several, it is their tuple; with none, None. An `Exception` that the
    function raises rejects, too; what it returns is of no account.

    Args:
        function: the function that takes a callback.
        callback: where it takes it: the name of a keyword argument, or the place among
            the positional ones, -1 for the last.
        errback: the same for a separate callback that takes errors.
        error_first: whether the callback takes an error, or None, as its first
            argument, as in Node.

    Returns:
        A function with the other arguments. An error that is no exception is wrapped in
        a `RuntimeError`. Call it where the loop runs; cancelling the promise does not
        reach the function, whose callbacks do nothing then.

    Raises:
        WrongTypeError: this is no function.
        OptionError: a callback can be taken nowhere like that.
    """
    check_function(function, "promisify", "a function that takes a callback")
    _check_place("callback", callback)

    if errback is not None:
        _check_place("errback", errback)

    @functools.wraps(function)
    def promised(*args: Any, **kwargs: Any) -> Promise[Any]:
        home = loop_home()
        promise, resolve, reject = deferred(home)
        end = _ErrorFirst if error_first else _Value
        places: dict[str | int, _End] = {callback: end(home, resolve, reject)}

        if errback is not None:
            places[errback] = _Failure(home, resolve, reject)

        try:
            function(*_insert(places, args), **_add(places, kwargs))
        except Exception as error:  # noqa: BLE001 (it becomes the reason)
            reject(error)
            return promise
        else:
            return promise
        finally:
            del promise, resolve, reject, places  # they would be in its traceback

    return promised


def callbackify(
    async_fn: Callable[P, Awaitable[Any]],
    *,
    callback: str = "callback",
    errback: str | None = None,
) -> Callable[..., None]:
    """Make a function that takes a callback of an async function.

    It runs the async function in a task of the loop. What a callback raises is an
    unhandled rejection (see `set_unhandled_rejection_hook`).

    Args:
        async_fn: the async function.
        callback: the keyword argument that the callback comes in; without it, it is
            the last positional argument. It is called as in Node, with an error or
            None, and with the value or None.
        errback: the keyword argument for a separate callback for errors. With it, the
            callback is called with the value alone.

    Returns:
        A function with the arguments of the async function, and the callbacks. Call it
        where the loop runs.

    Raises:
        WrongTypeError: this is no function.
        OptionError: a callback can be taken nowhere like that.
    """
    check_function(async_fn, "callbackify", "an async function")
    _check_place("callback", callback, str)

    if errback is not None:
        _check_place("errback", errback, str)

    @functools.wraps(async_fn)
    def called_back(*args: Any, **kwargs: Any) -> None:
        on_value: Any
        on_error: Any = None

        if errback is not None:
            on_error = kwargs.pop(errback, None)
            check_handler(on_error)

        if callback in kwargs:
            on_value = kwargs.pop(callback)
        else:
            on_value = args[-1] if args else None
            args = args[:-1]

        check_handler(on_value)
        promise = run_in(loop_home(), async_fn, *args, **kwargs)

        if errback is None:
            link(promise, partial(on_value, None), lambda error: on_value(error, None))
        else:
            link(promise, on_value, on_error)

    return called_back


def _check_place(name: str, place: object, *kinds: type[Any]) -> None:
    """Refuse what says of no argument which one it is."""
    if type(place) not in (kinds or (str, int)):
        places = "" if kinds else ", or its place as a number"
        raise OptionError(
            f"{name}={place!r}: give the name of the keyword argument{places}"
        )


class _End(ABC):
    """A callback that settles a promise, from whatever thread it is called."""

    def __init__(self, home: Home, resolve: Resolve[Any], reject: Reject) -> None:
        self._loop = home.loop
        self._resolve = resolve
        self._reject = reject

    def __call__(self, *args: Any) -> None:
        if self._loop.is_here():
            self.settle(*args)
        else:
            self._loop.call_soon_threadsafe(self.settle, *args)

    @abstractmethod
    def settle(self, *args: Any) -> None:
        """Settle the promise, in its loop's thread."""
        ...


class _Value(_End):
    def settle(self, *args: Any) -> None:
        self._resolve(args[0] if len(args) == 1 else args or None)


class _ErrorFirst(_Value):
    def settle(self, *args: Any) -> None:
        if args and args[0] is not None:
            self._reject(_as_error(args[:1]))
        else:
            super().settle(*args[1:])


class _Failure(_End):
    def settle(self, *args: Any) -> None:
        self._reject(_as_error(args))


def _as_error(args: tuple[Any, ...]) -> BaseException:
    if args and isinstance(args[0], BaseException):
        return args[0]

    return RuntimeError(*args)


def _insert(places: dict[str | int, _End], args: tuple[Any, ...]) -> list[Any]:
    """Put those with a number where they belong among the positional arguments."""
    numbered = {place: end for place, end in places.items() if isinstance(place, int)}
    total = len(args) + len(numbered)
    inserted = list(args)

    for index, end in sorted((place % total, end) for place, end in numbered.items()):
        inserted.insert(index, end)

    return inserted


def _add(places: dict[str | int, _End], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Put those with a name among the keyword arguments."""
    return kwargs | {
        place: end for place, end in places.items() if isinstance(place, str)
    }
