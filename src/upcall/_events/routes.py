"""Who hears a concrete key, in what order: the tables of a bus, and their merging."""

from __future__ import annotations

__all__ = ("Routes", "check_subscribable", "concrete", "hears")

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_origin
from weakref import ref

from upcall.errors import MalformedKeyError
from upcall.keys import check_key, check_name, is_pattern, matches

from .event import name_of
from .subscription import Key
from .table import Host, Table


def hears(key: Key, concrete_key: Key, name: str) -> bool:
    """Tell whether a subscriber of a key hears a concrete key of this name."""
    if isinstance(key, type):
        return isinstance(concrete_key, type) and key in concrete_key.__mro__

    return matches(key, name)


def check_subscribable(key: object) -> Key:
    """Return a key that one can subscribe to, or raise.

    Raises:
        MalformedKeyError: if it is neither a class nor a name nor a pattern.
    """
    if isinstance(key, type):
        return _check_class(key)

    origin = get_origin(key)

    if origin in (Union, UnionType):
        raise MalformedKeyError(
            f"{key} is a union: subscribe to each of its classes by itself"
        )

    if isinstance(origin, type):
        raise MalformedKeyError(
            f"{key!r} is a generic alias, and events know no type arguments: give the "
            f"class, {origin.__qualname__}"
        )

    if not isinstance(key, str):
        raise MalformedKeyError(
            f"{key!r} is no key: give an event class, a name or a pattern"
        )

    return check_key(key)


def _check_class(key: type[Any]) -> type[Any]:
    if key.__module__ == "builtins":
        raise MalformedKeyError(
            f"{key.__qualname__} is a builtin class, and too common to be an event: "
            "make a class of your own, or use a name"
        )

    return key


def concrete(event: object, *, by_name: bool) -> Key:
    """Return the key that an emission goes by, or raise.

    Args:
        event: the name of an event, or the event itself.
        by_name: whether it is to be a name.

    Raises:
        MalformedKeyError: it is a pattern, a class instead of an instance, or an
            instance of a builtin class.
    """
    if isinstance(event, str):
        return check_name(event)

    if isinstance(event, type):
        raise MalformedKeyError(
            f"{event.__qualname__} is a class: emit an instance of it"
        )

    kind = type(event)

    if kind.__module__ == "builtins":
        raise MalformedKeyError(
            f"{event!r} is neither a name nor an event: emit an instance of a class "
            "of your own, or a name and a payload"
        )

    if by_name:
        raise MalformedKeyError(
            f"{event!r} is an event, and was given a payload: an event is its own "
            "payload; emit it alone, or a name with a payload"
        )

    return kind


class Routes:
    """The tables of a bus, one per key that was ever subscribed to."""

    def __init__(self, host: Host) -> None:
        self._host = ref(host)  # it has us: a cycle would keep its callbacks
        self._tables: dict[Key, Table] = {}
        self._patterns: dict[str, list[Table]] = {}

    def table(self, key: Key) -> Table:
        """Return the table of a key; make it if it is not there."""
        table = self._tables.get(key)

        if table is None:
            table = self._tables[key] = Table(key, self._host)

            if isinstance(key, str) and is_pattern(key):
                self._patterns.setdefault(_first_segment(key), []).append(table)

        return table

    def find(self, key: Key) -> Table | None:
        """Return the table of a key if it is there."""
        return self._tables.get(key)

    def drop_empty(self, table: Table) -> None:
        """Forget a table nobody is subscribed to any more and nothing is said of."""
        if table or table.sequential or table.retained is not None:
            return

        if self._tables.get(table.key) is table:
            del self._tables[table.key]

            if isinstance(table.key, str) and is_pattern(table.key):
                self._patterns[_first_segment(table.key)].remove(table)

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def reached(self, key: Key, own: Table | None) -> list[Table]:
        """Give the tables that hear a concrete key; ``own`` is its own."""
        found = [own] if own else []

        if isinstance(key, str):
            name = key
        else:
            name = name_of(key)
            others: tuple[Key, ...] = (*key.__mro__[1:], name)
            tables = [self._tables.get(each) for each in others]
            found.extend(table for table in tables if table)

        return [*found, *self._matching(name)] if self._patterns else found

    def _matching(self, name: str) -> Iterator[Table]:
        for first in (name.partition(".")[0], "*"):
            for table in self._patterns.get(first, ()):
                if table and matches(str(table.key), name):
                    yield table


def _first_segment(pattern: str) -> str:
    """Sort patterns by what a name must begin with; all wildcards go together."""
    first = pattern.partition(".")[0]
    return "*" if "*" in first else first
