"""The subscriptions of one key: subscribe, unsubscribe, look; each in constant time."""

from __future__ import annotations

__all__ = ("LOCK", "Host", "Table", "in_order")

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from types import MethodType
from typing import Any, Final, Protocol, cast
from weakref import ref

from .envelope import Envelope
from .options import Options
from .subscribed import Subscribed, TableRef, name_of
from .subscription import Key

LOCK: Final = threading.RLock()
"""Held while subscriptions or plans change, never while a callback runs.

An RLock, because a weak reference's end can call in wherever an object dies.
"""


class Host(Protocol):
    """Whoever plans emissions over tables: a signal or a bus."""

    def forget(self, table: Table) -> None:
        """Drop the plans that this table had a part in. Called under the lock."""


class Table:
    """The subscriptions of one key, and what is said of the key as a whole.

    They are found by their callback: each callback maps to its newest subscription,
    which knows the one before it. So `off` and `cancel` cost the same beside a
    thousand others as beside none. Callbacks that may not be hashed (or that compare
    in ways of their own) are found by identity.
    """

    __slots__ = (
        "__weakref__",
        "_host",
        "_newest",
        "_odd",
        "_own",
        "_shuffled",
        "_size",
        "_unnamed",
        "key",
        "retained",
        "sequential",
    )

    def __init__(self, key: Key, host: ref[Host]) -> None:
        self.key: Key = key
        self.sequential: bool = False
        self.retained: deque[Envelope[Any]] | None = None
        self._host = host
        self._own = TableRef(self)
        self._own.key = key
        self._newest: dict[object, Subscribed[..., Any]] = {}
        self._size = 0
        self._odd = 0
        self._unnamed = 0
        self._shuffled = False

    def add(
        self, callback: Callable[..., Any], options: Options
    ) -> Subscribed[..., Any]:
        """Subscribe; emissions from now on see it."""
        with LOCK:
            subscription: Subscribed[..., Any] = Subscribed(
                self._own, callback, options
            )
            name = subscription.name
            subscription.older = self._newest.pop(name, None)
            self._newest[name] = subscription
            self._size += 1
            self._odd += not subscription.is_plain
            self._unnamed += name is not subscription.target
            self.touch()

        return subscription

    def discard(self, subscription: Subscribed[..., Any]) -> bool:
        """Unsubscribe, if it has not ended; tell which."""
        with LOCK:
            newer, found = None, self._newest.get(subscription.name)

            while found is not None and found is not subscription:
                newer, found = found, found.older

            if found is None:
                return False

            self._take_out(found, newer)
            self.touch()

        return True

    def _take_out(
        self, found: Subscribed[..., Any], newer: Subscribed[..., Any] | None
    ) -> None:
        if newer is not None:
            newer.older = found.older
        elif found.older is not None:
            self._newest[found.name] = found.older
            self._shuffled = True
        else:
            del self._newest[found.name]

        self._size -= 1
        self._odd -= not found.is_plain
        self._unnamed -= found.name is not found.target

    def pause(self, subscription: Subscribed[..., Any], *, paused: bool) -> None:
        """Let a subscription hear nothing, or hear again."""
        with LOCK:
            was_plain = subscription.is_plain
            subscription.paused = paused

            if subscription in self:
                self._odd += was_plain - subscription.is_plain
                self.touch()

    def newest(self, callback: Callable[..., Any]) -> Subscribed[..., Any] | None:
        """Find the newest subscription of a callback, weak ones included."""
        names = [name_of(callback, weak=False)]

        if isinstance(callback, MethodType):
            names.append(name_of(callback, weak=True))

        with LOCK:
            found = [self._newest[name] for name in names if name in self._newest]

        return max(found, key=lambda each: each.number, default=None)

    def touch(self) -> None:
        """Tell whoever plans emissions that something here has changed."""
        host = self._host()

        if host is not None:
            host.forget(self)

    def __contains__(self, subscription: Subscribed[..., Any]) -> bool:
        """Tell whether this subscription has not ended."""
        with LOCK:
            found = self._newest.get(subscription.name)

            while found is not None and found is not subscription:
                found = found.older

        return found is not None

    def __len__(self) -> int:
        return self._size

    @property
    def is_plain(self) -> bool:
        """Whether all are plain, and stand in the order of their subscription."""
        return not self._odd and not self._shuffled and self._size == len(self._newest)

    def callbacks(self) -> tuple[Callable[..., Any], ...]:
        """Give the callbacks themselves, if all `is_plain`. Hold the lock.

        Nearly always they are what the subscriptions are found by.
        """
        if self._unnamed:
            return tuple([each.target for each in self._newest.values()])

        return cast("tuple[Callable[..., Any], ...]", tuple(self._newest))

    def newest_of_each(self) -> Collection[Subscribed[..., Any]]:
        """Give the newest subscription of each callback. Hold the lock."""
        return self._newest.values()

    def __iter__(self) -> Iterator[Subscribed[..., Any]]:
        """Give all of them, in no order that counts. Hold the lock."""
        return chain.from_iterable(map(_with_older, self._newest.values()))


def _with_older(
    subscription: Subscribed[..., Any] | None,
) -> Iterator[Subscribed[..., Any]]:
    while subscription is not None:
        yield subscription
        subscription = subscription.older


def in_order(
    tables: Sequence[Table],
) -> tuple[Collection[Subscribed[..., Any]], tuple[Callable[..., Any], ...] | None]:
    """Give the active subscriptions of tables in the one order of calling.

    By priority, then by time of subscription. Hold the lock while you use them.

    Returns:
        The subscriptions; and the callbacks alone, if all of them are plain.
    """
    if len(tables) == 1 and tables[0].is_plain:
        return tables[0].newest_of_each(), tables[0].callbacks()

    active = [each for table in tables for each in table if not each.paused]
    active.sort(key=lambda each: (-each.options.priority, each.number))

    if all(each.is_plain for each in active):
        return active, tuple([each.target for each in active])

    return active, None
