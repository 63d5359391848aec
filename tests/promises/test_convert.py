"""`promisify` and `callbackify`."""

from __future__ import annotations

__all__ = ()

import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.promises.kinds import Boom, later, outcome, turns

from upcall._promises.convert import callbackify, promisify
from upcall._promises.promise import Promise


def by_keyword(a: int, *, callback: Callable[..., Any], b: int = 0) -> str:
    """Take a callback as a keyword argument, and call it later."""
    later(callback, a + b)
    return "of no account"


async def test_a_callback_by_keyword() -> None:
    """The default."""
    add = promisify(by_keyword)

    assert add.__name__ == "by_keyword"
    assert await add(1, b=2) == 3


@pytest.mark.parametrize("place", [0, 1, 2, -1, -2, -3])
async def test_a_callback_by_position(place: int) -> None:
    """Counted from the front or from the back, as it stands in the call."""

    def function(*args: Any) -> None:
        index = place % len(args)
        rest = [arg for number, arg in enumerate(args) if number != index]
        args[index](rest)

    assert await promisify(function, callback=place)("a", "b") == ["a", "b"]


@pytest.mark.parametrize(
    ("callback", "errback"),
    [("done", "failed"), (0, 1), (0, -1), (-2, -1), (0, "failed")],
)
async def test_a_separate_errback(callback: str | int, errback: str | int) -> None:
    """By keyword or position, in any mixture."""
    error = Boom()
    calls: list[tuple[Any, ...]] = []

    def function(*args: Any, **kwargs: Any) -> None:
        functions = [arg for arg in (*args, *kwargs.values()) if callable(arg)]
        calls.append(tuple(arg for arg in args if not callable(arg)))
        functions[fails](error if fails else "value")

    function_ = promisify(function, callback=callback, errback=errback)

    for fails in (0, 1):
        expected = ("rejected", error) if fails else ("fulfilled", "value")
        arguments = () if callback == -2 or errback == 1 else ("x",)
        assert await outcome(function_(*arguments)) == expected
        assert calls.pop() == arguments


async def test_error_first() -> None:
    """As in Node."""
    error = Boom()

    def function(kind: str, callback: Callable[..., Any]) -> None:
        arguments: dict[str, tuple[Any, ...]] = {
            "value": (None, 1),
            "values": (None, 1, 2),
            "nothing": (None,),
            "bare": (),
            "error": (error, None),
            "text": ("went wrong", None),
        }
        callback(*arguments[kind])

    function_ = promisify(function, error_first=True)

    assert await function_("value") == 1
    assert await function_("values") == (1, 2)
    assert await function_("nothing") is None
    assert await function_("bare") is None
    assert (await outcome(function_("error")))[1] is error
    _, reason = await outcome(function_("text"))
    assert isinstance(reason, RuntimeError)
    assert reason.args == ("went wrong",)


async def test_any_number_of_values() -> None:
    """None, the value, or their tuple."""
    function = promisify(lambda *args, callback: callback(*args))

    assert await function() is None
    assert await function(1) == 1
    assert await function(1, 2) == (1, 2)
    assert await function(Promise.resolve(3)) == 3


async def test_called_twice() -> None:
    """The first call counts; later ones do nothing."""

    def function(callback: Callable[[int], None]) -> None:
        callback(1)
        callback(2)
        later(callback, 3)

    assert await promisify(function)() == 1
    await turns()


async def test_called_from_another_thread() -> None:
    """The loop is woken."""
    threads: list[threading.Thread] = []

    def function(value: int, callback: Callable[[int], None]) -> None:
        threads.append(threading.Thread(target=lambda: [*map(callback, [value, 0])]))
        threads[-1].start()

    with anyio.fail_after(5):
        assert await promisify(function)(7) == 7

    threads[0].join()


async def test_what_the_function_raises_rejects() -> None:
    """Unless it has called back before."""
    error = Boom()

    def function(*, before: bool, callback: Callable[[int], None]) -> None:
        if before:
            callback(1)

        raise error

    assert await outcome(promisify(function)(before=False)) == ("rejected", error)
    assert await outcome(promisify(function)(before=True)) == ("fulfilled", 1)


async def test_a_method_can_be_promisified() -> None:
    """It is bound like any function."""

    class Thing:
        factor = 3

        @promisify
        def times(self, number: int, callback: Callable[[int], None]) -> None:
            callback(self.factor * number)

    assert await Thing().times(2) == 6


async def work(number: int) -> int:
    """Be an async function."""
    await anyio.lowlevel.checkpoint()

    if number < 0:
        raise Boom(number)

    return number * 2


@pytest.mark.parametrize("how", ["last", "keyword"])
async def test_callbackify_calls_back_as_node_does(how: str) -> None:
    """With an error or None, and the value or None."""
    calls: list[tuple[Any, ...]] = []
    function = callbackify(work)

    def callback(*args: Any) -> None:
        calls.append(args)

    for number in (2, -1):
        if how == "last":
            function(number, callback)
        else:
            function(number, callback=callback)

        assert len(calls) < 2
        await turns(10)

    assert function.__name__ == "work"
    assert calls[0] == (None, 4)
    assert isinstance(calls[1][0], Boom)
    assert calls[1][1] is None


async def test_callbackify_with_an_errback() -> None:
    """Then each has one argument."""
    calls: list[Any] = []
    function = callbackify(work, callback="done", errback="failed")

    for number in (2, -1):
        function(
            number,
            done=lambda value: calls.append(("done", value)),
            failed=lambda error: calls.append(("failed", type(error))),
        )
        await turns(10)

    assert calls == [("done", 4), ("failed", Boom)]


async def test_callbackify_needs_a_callback() -> None:
    """Told at the call."""
    for arguments in ((), (1,), (1, "no function")):
        with pytest.raises(TypeError, match="cannot be called"):
            callbackify(work)(*arguments)

    with pytest.raises(TypeError, match="cannot be called"):
        callbackify(work, errback="failed")(1, print)


async def test_what_a_callback_raises_is_told(unhandled: list[Any]) -> None:
    """There is no caller any more."""
    error = Boom("in the callback")

    def callback(*_: Any) -> None:
        raise error

    callbackify(work)(1, callback)
    await turns(10)

    assert [reason for _, reason in unhandled] == [error]
    unhandled.clear()


async def test_there_and_back() -> None:
    """The one undoes the other."""
    function = promisify(callbackify(work), error_first=True)

    assert await function(3) == 6
    assert isinstance((await outcome(function(-1)))[1], Boom)
