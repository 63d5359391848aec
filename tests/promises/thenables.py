"""Things with a `then`, well behaved and not: what A+ 2.3.3 is about."""

from __future__ import annotations

__all__ = ("FULFILLING", "REJECTING", "Thenable", "from_everywhere")

from collections.abc import Callable
from typing import Any

from tests.promises.kinds import Boom, later, make_fulfilled, make_rejected

from upcall._promises.promise import Promise


class Thenable:
    """An object whose `then` does what it was told."""

    def __init__(self, then: Callable[[Any, Any], object]) -> None:
        self._then = then

    def then(self, resolve: Any, reject: Any) -> object:
        return self._then(resolve, reject)


def _and_raise(*calls: object) -> None:
    del calls
    raise Boom("after the end")


def _slotted(value: Any) -> object:
    class Slotted:
        __slots__ = ("then",)

    thing = Slotted()
    thing.then = lambda resolve, _: resolve(value)  # type: ignore[attr-defined]
    return thing


def _callable(value: Any) -> object:
    def function() -> None: ...

    function.then = lambda resolve, _: resolve(value)  # type: ignore[attr-defined]
    return function


class _Property:
    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def then(self) -> Any:
        return lambda resolve, _: resolve(self.value)


class _Dynamic:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __getattr__(self, name: str) -> Any:
        if name == "then":
            return lambda resolve, _: resolve(self.value)

        raise AttributeError(name)


async def _coroutine(value: Any) -> Any:
    return value


class _Awaitable:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        return _coroutine(self.value).__await__()


FULFILLING: dict[str, Callable[[Any], Any]] = {
    "at once": lambda v: Thenable(lambda f, _: f(v)),
    "later": lambda v: Thenable(lambda f, _: later(f, v)),
    "twice at once": lambda v: Thenable(lambda f, _: (f(v), f(Boom))),
    "twice, at once and later": lambda v: Thenable(lambda f, _: (f(v), later(f, 0))),
    "twice later": lambda v: Thenable(lambda f, _: (later(f, v), later(f, 0, turns=4))),
    "then rejecting": lambda v: Thenable(lambda f, r: (f(v), r(Boom()))),
    "then rejecting later": lambda v: Thenable(lambda f, r: (f(v), later(r, Boom()))),
    "then raising": lambda v: Thenable(lambda f, _: _and_raise(f(v))),
    "then a promise": lambda v: Thenable(
        lambda f, _: (f(v), f(Promise.resolve(0)), f(Thenable(lambda g, _: g(0))))
    ),
    "with a promise, then raising": lambda v: Thenable(
        lambda f, _: _and_raise(f(make_fulfilled(v, "eventually")))
    ),
    "with a promise, then more": lambda v: Thenable(
        lambda f, r: (f(make_fulfilled(v, "eventually")), f(0), r(Boom()))
    ),
    "returning rubbish": lambda v: Thenable(lambda f, _: f(v) and "rubbish"),
    "an own attribute": _slotted,
    "a function": _callable,
    "a property": _Property,
    "getattr": _Dynamic,
    "a promise": lambda v: make_fulfilled(v, "already"),
    "a promise, immediately": lambda v: make_fulfilled(v, "immediately"),
    "a promise, eventually": lambda v: make_fulfilled(v, "eventually"),
    "a coroutine": _coroutine,
    "an awaitable": _Awaitable,
}
"""Makers of what fulfils with a value."""

REJECTING: dict[str, Callable[[BaseException], Any]] = {
    "at once": lambda e: Thenable(lambda _, r: r(e)),
    "later": lambda e: Thenable(lambda _, r: later(r, e)),
    "twice at once": lambda e: Thenable(lambda _, r: (r(e), r(Boom("second")))),
    "twice, at once and later": lambda e: Thenable(lambda _, r: (r(e), later(r, Boom))),
    "then fulfilling": lambda e: Thenable(lambda f, r: (r(e), f(0))),
    "then fulfilling later": lambda e: Thenable(lambda f, r: (r(e), later(f, 0))),
    "then raising": lambda e: Thenable(lambda _, r: _and_raise(r(e))),
    "with a promise, then fulfilling": lambda e: Thenable(
        lambda f, _: (f(make_rejected(e, "eventually")), f(0))
    ),
    "a promise, immediately": lambda e: make_rejected(e, "immediately"),
    "a promise, eventually": lambda e: make_rejected(e, "eventually"),
}
"""Makers of what rejects with a reason."""


def from_everywhere(make: Callable[[], Any]) -> dict[str, Callable[[], Promise[Any]]]:
    """Give all the ways in which a promise is resolved with something."""

    def resolved_late() -> Promise[Any]:
        promise, resolve, _ = Promise[Any].with_resolvers()
        later(lambda: resolve(make()))
        return promise

    return {
        "on_fulfilled": lambda: Promise.resolve(0).then(lambda _: make()),
        "on_rejected": lambda: make_rejected(Boom()).catch(lambda _: make()),
        "resolve": resolved_late,
        "executor": lambda: Promise(lambda resolve, _: resolve(make())),
        "Promise.resolve": lambda: Promise.resolve(make()),
        "Promise.try_": lambda: Promise.try_(make),
        "all": lambda: Promise.all([make()]).then(lambda v: Promise.fulfilled(v[0])),
        "race": lambda: Promise.race([make()]),
    }
