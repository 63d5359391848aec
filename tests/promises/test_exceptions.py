"""What is raised in handlers, and how it comes out again: rules 29 to 36."""

from __future__ import annotations

__all__ = ()

import asyncio
import concurrent.futures
import gc
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
from tests.promises.kinds import Boom, drained, make_rejected, outcome
from tests.promises.thenables import Thenable

from upcall._promises.convert import promisify
from upcall._promises.promise import Promise
from upcall.errors import AllRejectedError, PromiseCancelledError, UpcallError


def _cancelled_result(_: object) -> object:
    future = asyncio.new_event_loop().create_future()
    future.cancel()
    future.get_loop().close()
    return future.result()


@pytest.mark.parametrize(
    "way",
    {
        "on_fulfilled": lambda: Promise.resolve(0).then(_cancelled_result),
        "on_rejected": lambda: make_rejected(Boom()).catch(_cancelled_result),
        "then": lambda: Promise.resolve(Thenable(lambda *_: _cancelled_result(0))),
        "finally": lambda: Promise.resolve(0).finally_(lambda: _cancelled_result(0)),
        "map": lambda: Promise.map([0], _cancelled_result),
    }.values(),
)
async def test_a_cancellation_out_of_a_handler_is_an_error_of_ours(
    way: Callable[[], Promise[Any]],
) -> None:
    """Rule 30: whoever awaits must not take it for a cancellation of their own."""
    state, reason = await outcome(way())

    assert state == "rejected"
    assert isinstance(reason, PromiseCancelledError)
    assert isinstance(reason.__cause__, asyncio.CancelledError)

    with pytest.raises(PromiseCancelledError):
        await way()


async def test_a_threads_cancellation_is_an_exception_like_any_other() -> None:
    """That of concurrent.futures is an `Exception`, so it is passed on."""

    def fails(_: int) -> None:
        raise concurrent.futures.CancelledError

    _, reason = await outcome(Promise.resolve(0).then(fails))
    assert type(reason) is concurrent.futures.CancelledError


@pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), SystemExit(3)])
@pytest.mark.parametrize("kind", ["handler", "then", "task"])
def test_an_interrupt_rejects_and_leaves_the_loop(
    error: BaseException, kind: str
) -> None:
    """Rule 31: on asyncio it comes out bare."""
    seen: list[Any] = []

    def fails(*_: object) -> Any:
        raise error

    async def fails_later(_: object) -> Any:
        await asyncio.sleep(0)
        raise error

    async def main() -> None:
        ways: dict[str, Any] = {
            "handler": lambda: Promise.resolve(0).then(fails),
            "then": lambda: Promise.resolve(Thenable(fails)),
            "task": lambda: Promise.resolve(0).then(fails_later),
        }
        ways[kind]().catch(seen.append)
        Promise.resolve(0).then(lambda _: seen.append("another"))
        await asyncio.sleep(5)

    with pytest.raises(type(error)) as raised:
        asyncio.run(main())

    assert raised.value is error
    assert error in seen
    assert "another" in seen


@pytest.mark.parametrize("kind", ["handler", "task"])
def test_an_interrupt_ends_a_trio_run(kind: str) -> None:
    """Rule 31: it is raised in a task, for out of a callback it could not come."""
    seen: list[Any] = []
    error = KeyboardInterrupt("stop")

    def fails(_: object) -> None:
        raise error

    async def fails_later(_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise error

    async def main() -> None:
        promise = Promise.resolve(0).then(fails if kind == "handler" else fails_later)
        promise.catch(seen.append)
        Promise.resolve(0).then(lambda _: seen.append("another"))
        await trio.sleep(5)

    with pytest.raises(trio.TrioInternalError) as raised:
        trio.run(main)

    assert "KeyboardInterrupt: stop" in "".join(
        traceback.format_exception(raised.value)
    )
    assert error in seen
    assert "another" in seen


async def test_a_foreign_base_exception_rejects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rule 31: the child is rejected; that the error flies on is another matter."""

    class Odd(BaseException):
        pass

    def fails(_: int) -> None:
        raise Odd

    promise = Promise.resolve(0).then(fails)

    if anyio.get_all_backends() and _is_trio():
        promise.cancel()  # it would end the run: see the tests above
        return

    _quiet_asyncio()
    assert type((await outcome(promise))[1]) is Odd


def _is_trio() -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False

    return True


def _quiet_asyncio() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)


async def test_stop_iteration_is_a_legal_reason() -> None:
    """Rule 32: a handler gets it; `await` cannot raise it, by PEP 479."""
    error = StopIteration("value")

    def fails(_: int) -> None:
        raise error

    assert await outcome(Promise.resolve(0).then(fails)) == ("rejected", error)

    with pytest.raises(RuntimeError) as raised:
        await Promise.resolve(0).then(fails)

    assert raised.value.__cause__ is error


async def test_awaiting_again_does_not_lengthen_the_traceback() -> None:
    """Rule 33: nor do several who await, or links in between."""

    def fails(_: int) -> None:
        raise Boom

    promise = Promise.resolve(0).then(fails)
    child = promise.then()
    child.catch(lambda _: None)
    lengths: list[int] = []

    for awaited in (promise, promise, child, promise, child, None):
        try:
            await (promise.then() if awaited is None else awaited)
        except Boom as error:
            lengths.append(len(traceback.extract_tb(error.__traceback__)))

    assert lengths == [lengths[0]] * 6


async def test_the_traceback_shows_where_it_was_raised() -> None:
    """Rule 33: the place in the handler is kept."""

    def fails_here(_: int) -> None:
        raise Boom

    try:
        await Promise.resolve(0).then(fails_here).then().finally_(lambda: None)
    except Boom as error:
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    assert "fails_here" in names


async def test_an_error_in_on_rejected_knows_what_was_handled() -> None:
    """Rule 34: as an `except` block does it."""
    first, second = Boom("first"), Boom("second")

    def fails(_: BaseException) -> None:
        raise second

    _, reason = await outcome(Promise.reject(first).catch(fails))

    assert reason is second
    assert second.__context__ is first


async def test_a_context_is_neither_replaced_nor_made_a_circle() -> None:
    """Rule 34: only where Python would set one."""
    first, second, third = Boom("first"), Boom("second"), Boom("third")
    second.__context__ = third
    first.__context__ = Boom("between")
    first.__context__.__context__ = other = Boom("other")

    def raising(error: BaseException) -> Callable[[object], None]:
        def fails(_: object) -> None:
            raise error

        return fails

    for error in (second, first, other):
        await outcome(Promise.reject(first).catch(raising(error)))

    await outcome(Promise.resolve(0).then(raising(third)))

    assert second.__context__ is third
    assert first.__context__.args == ("between",)
    assert other.__context__ is None
    assert third.__context__ is None


async def test_any_of_nothing_has_an_error_without_errors() -> None:
    """Rule 35."""
    state, reason = await outcome(Promise.any([]))

    assert state == "rejected"
    assert isinstance(reason, AllRejectedError)
    assert isinstance(reason, UpcallError)
    assert reason.errors == ()
    assert "nothing given" in str(reason)


async def test_any_of_rejections_has_all_errors_in_input_order() -> None:
    """Rule 35: whatever family they are of, whoever was first."""
    errors = [Boom("a"), KeyboardInterrupt("b"), Boom("c")]
    promises = [
        make_rejected(errors[0], "eventually"),
        make_rejected(errors[1], "immediately"),
        make_rejected(errors[2], "already"),
    ]

    _, reason = await outcome(Promise.any(promises))

    assert isinstance(reason, AllRejectedError)
    assert list(reason.errors) == errors


@pytest.mark.parametrize(
    "way",
    [
        "handler",
        "await",
        "executor",
        "then",
        "getter",
        "task",
        "finally",
        "run",
        "run at once",
        "try",
        "iterable",
        "promisify",
    ],
)
async def test_a_failure_leaves_no_reference_cycle(way: str) -> None:
    """Rule 36: reason, traceback, frame, promise: one of these must let go."""
    gc.collect()
    gc.disable()

    try:
        found = weakref.ref(await _failure(way))
        await drained()
        await anyio.lowlevel.checkpoint()
        assert found() is None
    finally:
        gc.enable()


async def _failure(way: str) -> Promise[Any]:
    def fails(*_: object) -> Any:
        raise Boom

    def fails_to_execute(resolve: Any, reject: Any) -> None:
        del resolve, reject
        raise Boom

    def fails_to_call(callback: Any) -> None:
        del callback
        raise Boom

    async def fails_later(*_: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise Boom

    class Getter:
        then = property(fails)

    ways: dict[str, Callable[[], Promise[Any]]] = {
        "handler": lambda: Promise.resolve(0).then(fails),
        "await": lambda: Promise.reject(Boom()),
        "executor": lambda: Promise(fails_to_execute),
        "then": lambda: Promise.resolve(Thenable(fails)),
        "getter": lambda: Promise.resolve(0).then(lambda _: Getter()),
        "task": lambda: Promise.resolve(0).then(fails_later),
        "finally": lambda: Promise.resolve(0).finally_(fails),
        "run": lambda: Promise.run(fails_later),
        "run at once": lambda: Promise.run(fails),
        "try": lambda: Promise.try_(fails),
        "iterable": lambda: Promise.all(fails() for _ in "ab"),
        "promisify": promisify(fails_to_call),
    }
    # No variable may hold the promise: the frame of who called is in the traceback.
    return await _ended(ways[way]())


async def _ended(promise: Promise[Any]) -> Promise[Any]:
    try:
        await _awaits(promise)
        await outcome(promise)
        return promise
    finally:
        del promise


async def _awaits(promise: Promise[Any]) -> None:
    try:
        await promise
    except Boom:
        pass
    finally:
        del promise
