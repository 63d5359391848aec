"""The connections that wait for their next request. Decides; others act."""

from __future__ import annotations

__all__ = ("IdleConnections",)

from collections import OrderedDict, deque
from typing import Final, Generic, Protocol, TypeVar

_MOST: Final = 256
"""All origins together: sockets are scarcer than the time to open one."""

_AT_A_TIME: Final = 4
"""No single request pays for closing what all the others have left."""

_Origin = tuple[str, str, int]


class _Aging(Protocol):
    since: float
    """When it was last used."""


_Connection = TypeVar("_Connection", bound=_Aging)


class IdleConnections(Generic[_Connection]):
    """Keeps connections by origin, the last used on top. Knows no clock, never waits.

    What has waited too long, or is one too many, is given out by `surplus`, to be
    closed by the caller.
    """

    def __init__(self, *, expiry: float) -> None:
        """Forget connections after ``expiry`` seconds without a request."""
        self._expiry = expiry
        self._by_origin: dict[_Origin, deque[_Connection]] = {}
        self._by_age: OrderedDict[_Connection, _Origin] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_age)

    def put(self, origin: _Origin, connection: _Connection, *, now: float) -> None:
        """Keep a connection that has just been used."""
        connection.since = now
        self._by_origin.setdefault(origin, deque()).append(connection)
        self._by_age[connection] = origin

    def take(self, origin: _Origin, *, now: float) -> _Connection | None:
        """Return the connection to an origin used last, unless it is too old."""
        waiting = self._by_origin.get(origin)

        if not waiting or self._is_old(waiting[-1], now):
            return None

        connection = waiting[-1]
        self._remove(connection, origin)
        return connection

    def surplus(self, *, now: float) -> list[_Connection]:
        """Remove and return some of those that have to be closed, the oldest first."""
        found: list[_Connection] = []

        while self._by_age and len(found) < _AT_A_TIME:
            connection, origin = next(iter(self._by_age.items()))

            if len(self._by_age) <= _MOST and not self._is_old(connection, now):
                break

            self._remove(connection, origin)
            found.append(connection)

        return found

    def clear(self) -> list[_Connection]:
        """Remove and return all of them."""
        found = list(self._by_age)
        self._by_age.clear()
        self._by_origin.clear()
        return found

    def _is_old(self, connection: _Connection, now: float) -> bool:
        return now - connection.since >= self._expiry

    def _remove(self, connection: _Connection, origin: _Origin) -> None:
        """Remove one from either end: the last used, or the oldest."""
        waiting = self._by_origin[origin]

        if waiting[-1] is connection:
            waiting.pop()
        else:
            waiting.popleft()

        if not waiting:
            del self._by_origin[origin]

        del self._by_age[connection]
