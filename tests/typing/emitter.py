"""What type checkers make of emitters. Never run: mypy and pyright are the test."""

from __future__ import annotations

__all__ = ()

from collections.abc import Hashable
from typing import Any, assert_type

from upcall._events.emitter import EventEmitter
from upcall._events.emitter_waits import EmitterStream, on, once
from upcall._promises.promise import Promise


class Feed(EventEmitter):
    """A subclass."""


def listener(payload: int) -> str:
    return str(payload)


feed = Feed()

# Chained calls keep the type of the emitter; decorators that of the function.
assert_type(feed.on("x", listener), Feed)
assert_type(feed.once("x", listener).off("x", listener), Feed)
assert_type(feed.add_listener("x", listener), Feed)
assert_type(feed.set_max_listeners(0).remove_all_listeners(), Feed)


@feed.on("x")
def kept(payload: int, *, currency: str) -> float:
    return payload


@feed.prepend_once_listener(None)
async def kept_async(payload: int) -> float:
    return payload


assert_type(kept(1, currency="EUR"), float)
kept("1", currency="EUR")  # type: ignore[arg-type]

assert_type(feed.emit("x", 1, name=2), bool)
assert_type(feed.event_names(), list[Hashable])
feed.on("x", 5)  # type: ignore[call-overload]
feed.on([], listener)  # type: ignore[call-overload]


async def waiting() -> None:
    assert_type(once(feed, "x"), Promise[tuple[Any, ...]])
    assert_type(await once(feed, "x"), tuple[Any, ...])

    async with on(feed, "x", close=["end", None]) as events:
        assert_type(events, EmitterStream)

        async for args in events:
            assert_type(args, tuple[Any, ...])
