"""Plain data that cannot be changed: what is made of it stays what was checked."""

# They are dicts and lists all the same: what reads JSON need not know of them.

from __future__ import annotations

__all__ = ("FrozenDict", "FrozenList", "freeze_object")

from collections.abc import Mapping
from typing import Any, Final, cast


def _refuse(self: object, *_: object, **__: object) -> Any:
    raise TypeError(f"a {type(self).__name__} cannot be changed: make another one")


_REFUSED: Final[Any] = _refuse


class FrozenDict(dict[str, Any]):
    """A dict that cannot be changed."""

    __setitem__ = __delitem__ = __ior__ = _REFUSED
    clear = pop = popitem = setdefault = update = _REFUSED

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class FrozenList(list[Any]):
    """A list that cannot be changed."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _REFUSED
    append = clear = extend = insert = pop = remove = reverse = sort = _REFUSED

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self),)


def freeze_object(given: Mapping[str, Any]) -> FrozenDict:
    """Return a copy of plain data that cannot be changed, however deep.

    Mappings in it become `FrozenDict`, lists and tuples `FrozenList`; all else stays.

    Raises:
        TypeError: if it is no mapping. ValueError, too, from what only looks like one.
        RecursionError: if it is nested too deeply, or holds itself.
    """
    return FrozenDict({key: _freeze(each) for key, each in dict(given).items()})


def _freeze(value: object) -> Any:
    if isinstance(value, Mapping):
        return freeze_object(cast("Mapping[str, Any]", value))

    if isinstance(value, (list, tuple)):
        return FrozenList([_freeze(each) for each in cast("list[object]", value)])

    return value
