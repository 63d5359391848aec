"""What type checkers make of promises. Never run: mypy and pyright are the test."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable
from typing import Any, Literal, Never, assert_type

import anyio

from upcall._promises.outcomes import Fulfilled, Rejected
from upcall._promises.promise import Promise


async def length(text: str) -> int:
    return len(text)


def encoded(text: str) -> Promise[bytes]:
    return Promise.fulfilled(text.encode())


def takes_awaitable(_: Awaitable[object]) -> None: ...


async def recover(_: KeyError) -> int:
    return 0


def double(number: int) -> int:
    return 2 * number


async def chains(number: Promise[int], text: Promise[str]) -> None:
    assert_type(number.then(), Promise[int])
    assert_type(number.then(str), Promise[str])
    assert_type(text.then(length), Promise[int])
    assert_type(number.then(double).then(lambda n: [n]), Promise[list[int]])
    assert_type(text.then(encoded), Promise[bytes])
    assert_type(number.then(None, repr), Promise[int | str])
    assert_type(number.then(None, recover), Promise[int])
    assert_type(number.then(double, repr), Promise[int | str])
    assert_type(text.then(length, recover), Promise[int])
    assert_type(number.catch(repr), Promise[int | str])
    assert_type(number.catch(ValueError, repr), Promise[int | str])
    assert_type(number.catch(ValueError, lambda e: True, lambda _: 0), Promise[int])
    assert_type(text.catch(KeyError, recover), Promise[str | int])
    assert_type(number.finally_(lambda: None), Promise[int])
    assert_type(number.tap(print), Promise[int])
    assert_type(number.timeout(1).delay(2.5).shield(), Promise[int])
    assert_type(number.cancel(), bool)
    assert_type(number.state, Literal["pending", "fulfilled", "rejected"])
    assert_type(await number, int)

    number.then(lambda n: n.upper())  # type: ignore[attr-defined]
    number.then(length)  # type: ignore[arg-type]
    number.then(3)  # type: ignore[call-overload]
    number.catch("x", repr)  # type: ignore[call-overload]
    number.finally_(double)  # type: ignore[arg-type]
    number.tap(length)  # type: ignore[arg-type]
    number.timeout("1")  # type: ignore[arg-type]
    number.state = "pending"  # type: ignore[misc]
    wrong: Promise[str] = number  # type: ignore[assignment]


async def makers(number: Promise[int], future: asyncio.Future[int]) -> None:
    assert_type(Promise.resolve(), Promise[None])
    assert_type(Promise.resolve(1), Promise[int])
    assert_type(Promise.resolve(number), Promise[int])
    assert_type(Promise.resolve(length("a")), Promise[int])
    assert_type(Promise.fulfilled(future), Promise[asyncio.Future[int]])
    assert_type(Promise.reject(ValueError), Promise[Never])
    assert_type(Promise.try_(double, 1), Promise[int])
    assert_type(Promise.try_(length, "a"), Promise[int])
    assert_type(Promise.run(length, "a"), Promise[int])
    assert_type(Promise[int](lambda resolve, reject: resolve(1)), Promise[int])

    promise, resolve, reject = Promise[int].with_resolvers()
    assert_type(promise, Promise[int])
    assert_type(resolve(1), bool)
    assert_type(resolve(number), bool)
    assert_type(reject(ValueError()), bool)

    Promise.try_(double, "a")  # type: ignore[call-overload]
    Promise.run(length, 1)  # type: ignore[arg-type]
    Promise.run(double, 1)  # type: ignore[arg-type]
    Promise.reject("no")  # type: ignore[arg-type]
    resolve("one")  # type: ignore[arg-type]
    reject(1)  # type: ignore[arg-type]


async def many(number: Promise[int], text: Promise[str], flag: Promise[bool]) -> None:
    assert_type(Promise.all((number, text)), Promise[tuple[int, str]])
    assert_type(Promise.all((number, text, flag)), Promise[tuple[int, str, bool]])
    assert_type(Promise.all((number, "plain")), Promise[tuple[Any, ...]])
    assert_type(Promise.all([number, "plain"]), Promise[list[Any]])
    assert_type(Promise.all([number, number]), Promise[list[int]])
    assert_type(Promise.all(length(t) for t in "ab"), Promise[list[int]])
    assert_type(Promise.any([number, number]), Promise[int])
    assert_type(Promise.race([text, text]), Promise[str])
    assert_type(Promise.map("abc", length, concurrency=2), Promise[list[int]])
    assert_type(Promise.map([1, 2], double), Promise[list[int]])
    a, b = await Promise.all((number, text))
    assert_type(a, int)
    assert_type(b, str)

    for outcome in await Promise.all_settled([number, number]):
        match outcome:
            case Fulfilled(value):
                assert_type(value, int)
            case Rejected(reason):
                assert_type(reason, BaseException)

    Promise.all(3)  # type: ignore[call-overload]
    Promise.map("abc", double)  # type: ignore[arg-type]


def bridges(
    number: Promise[int],
    task: asyncio.Task[int],
    thread: concurrent.futures.Future[str],
    cell: anyio.Future[bytes],
    handle: anyio.TaskHandle[float, Any],
) -> None:
    assert_type(Promise.from_future(task), Promise[int])
    assert_type(Promise.from_future(thread), Promise[str])
    assert_type(Promise.from_future(cell), Promise[bytes])
    assert_type(Promise.from_future(handle), Promise[float])
    assert_type(number.to_asyncio(), asyncio.Future[int])
    assert_type(number.to_concurrent(), concurrent.futures.Future[int])
    assert_type(number.to_anyio(), anyio.Future[int])
    takes_awaitable(number)

    Promise.from_future(3)  # type: ignore[arg-type]
