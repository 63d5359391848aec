"""What `on` accepts and what it refuses: callables and options."""

from __future__ import annotations

__all__ = ()

import types
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial, wraps
from typing import Any

import anyio.lowlevel
import pytest

from upcall import Bus, BusNotOpenError, OptionError, Signal


class Callee:
    """Callable, and not hashable."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.heard: list[int] = []

    def __eq__(self, other: object) -> bool:
        return True

    def __call__(self, x: int) -> None:
        self.heard.append(x)


class Listener:
    """Has a method to subscribe."""

    def __init__(self, heard: list[int]) -> None:
        self.heard = heard

    def hear(self, x: int) -> None:
        self.heard.append(x)

    def hear_two(self, x: int, y: int) -> None:
        self.heard.append(x + y)


@pytest.mark.parametrize(
    "callback",
    [len, partial(max, "a"), Callee(), str.upper, "{}".format, bool, repr],
)
def test_callables_of_every_kind(callback: Callable[[Any], object]) -> None:
    """Builtins, partials, classes, objects and methods."""
    signal = Signal[Any]("tick")
    signal.on(callback)

    assert signal.emit("1") == 1


@pytest.mark.parametrize(
    "callback",
    [
        lambda: None,
        lambda a, b: None,
        lambda a, *, b: None,
        Listener.hear,
        Listener([]).hear_two,
        partial(Listener.hear_two, Listener([])),
        partial(lambda a, b: None, 1, 2),
    ],
)
def test_callback_that_cannot_take_the_payload_is_refused(
    callback: Callable[..., object],
) -> None:
    """At `on`, not at the first emission."""
    with pytest.raises(OptionError, match="one argument"):
        Signal[int]("tick").on(callback)


@pytest.mark.parametrize("callback", [3, "x", object()])
def test_what_is_no_callable_is_refused(callback: Any) -> None:
    """A TypeError of ours."""
    with pytest.raises(OptionError) as caught:
        Signal[int]("tick").on(callback)

    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 1.5},
        {"priority": True},
        {"when": 3},
        {"weak": True},
        {"overlap": "sometimes"},
        {"overlap": "queue"},
        {"concurrency": 2},
        {"concurrency": 0, "thread": True},
        {"timeout": 1.0},
        {"timeout": -1, "thread": True},
        {"timeout": "1", "thread": True},
        {"debounce": 0},
        {"debounce": 1, "throttle": 1},
        {"kind": "fast"},
        {"nonsense": 1},
    ],
)
def test_option_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    """For a sync callback, at `on`, by name."""
    with pytest.raises(OptionError, match=next(iter(options))):
        Signal[int]("tick").on(lambda _: None, **options)


async def test_option_that_contradicts_an_async_callback_is_refused() -> None:
    """A thread is for blocking callbacks; sync is what it is not."""

    async def listener(x: int) -> None: ...

    for options in ({"thread": True}, {"kind": "sync"}):
        with pytest.raises(OptionError):
            Signal[int]("tick").on(listener, **options)


async def later(payload: object) -> str:
    """Give what it was given, a turn later."""
    await anyio.lowlevel.checkpoint()
    return f"later {payload}"


async def with_prefix(prefix: str, payload: object) -> str:
    """Take more than a payload."""
    return f"{prefix} {await later(payload)}"


class Async:
    """Async in two ways."""

    async def __call__(self, payload: object) -> str:
        return await later(payload)

    async def method(self, payload: object) -> str:
        return await later(payload)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap an async function in an async one, as decorators do."""

    @wraps(function)
    async def wrapper(*args: Any) -> Any:
        return await function(*args)

    return wrapper


@types.coroutine
def old_style(payload: object) -> Generator[Any, Any, str]:
    """Be a coroutine of the kind there was before ``async def``."""
    return (yield from later(payload).__await__())


@pytest.mark.parametrize(
    "callback",
    [
        later,
        Async(),
        Async().method,
        partial(later),
        partial(partial(with_prefix), "and"),
        logged(later),
        lambda payload: later(payload),  # noqa: PLW0108 (async, and nobody can tell)
        old_style,
    ],
)
async def test_async_callables_of_every_kind_are_awaited(
    callback: Callable[[Any], Any],
) -> None:
    """Awaited, and in the background of a bus."""
    signal, heard = Signal[int]("tick"), list[object]()
    signal.on(callback)
    assert str(*await signal.aemit(1)).endswith("later 1")

    async with Bus() as bus:
        bus.on("a", callback)
        assert bus.emit("a", 2) == 1
        heard += await bus.emit_soon("a", 3)

    assert str(*heard).endswith("later 3")


async def test_kind_says_what_nobody_could_tell() -> None:
    """Such a callback is refused before any call, as async ones are."""
    signal, heard = Signal[int]("tick"), list[int]()
    signal.on(heard.append)
    signal.on(lambda payload: later(payload), kind="async")  # noqa: PLW0108 (likewise)

    with pytest.raises(BusNotOpenError):
        signal.emit(1)

    assert heard == []
    assert await signal.aemit(1) == [None, "later 1"]


async def test_callback_of_kind_async_may_return_a_plain_value() -> None:
    """Then there is nothing to await."""
    signal = Signal[int]("tick")
    signal.on(lambda payload: payload + 1, kind="async")
    signal.on(lambda payload: payload + 2, kind="async", timeout=10)

    assert await signal.aemit(1) == [2, 3]


def generator(payload: object) -> Iterator[object]:
    """Have a yield by mistake."""
    yield payload


async def async_generator(payload: object) -> AsyncIterator[object]:
    """Have one here too."""
    yield payload


class Yielding:
    """A method with a yield in it."""

    def method(self, payload: object) -> Iterator[object]:
        yield payload


@pytest.mark.parametrize("callback", [generator, async_generator, Yielding().method])
def test_callback_that_would_never_run_is_refused(
    callback: Callable[[Any], object],
) -> None:
    """Calling it makes a generator, and nobody iterates over that."""
    with pytest.raises(OptionError, match="yield"):
        Signal[int]("tick").on(callback)


def test_coroutine_instead_of_its_function_is_refused() -> None:
    """And closed, so that nobody is warned besides."""
    with pytest.raises(OptionError, match="uncalled"):
        Signal[int]("tick").on(later(1))  # type: ignore[call-overload]


def test_async_predicate_is_refused() -> None:
    """A coroutine is always true."""

    async def when(payload: int) -> bool:
        return False

    with pytest.raises(OptionError, match="when"):
        Signal[int]("tick").on(print, when=when)


def test_callback_may_have_more_parameters_with_defaults() -> None:
    """One argument is enough for it."""
    heard: list[tuple[object, ...]] = []

    def more(payload: int, more: int = 2) -> None:
        heard.append((payload, more))

    def many(*payloads: int) -> None:
        heard.append(payloads)

    def named(payload: int, *, key: int = 3) -> None:
        heard.append((payload, key))

    signal = Signal[int]("tick")
    signal.on(more)
    signal.on(many)
    signal.on(named)

    signal.emit(1)

    assert heard == [(1, 2), (1,), (1, 3)]
