"""Which kind of children the running loop has: native ones where that can be."""

from __future__ import annotations

__all__ = ("open_children", "run_all")

from collections.abc import Coroutine, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from .children import Children
from .which import current_loop


class _Family(Protocol):
    """What each of the modules ``<loop>_children`` has; a loop's module names it."""

    def fits(self) -> bool: ...

    def make(self) -> Children: ...

    async def run_all(
        self, coroutines: Sequence[Coroutine[Any, Any, Any]]
    ) -> list[Any]: ...


_families: dict[str, _Family] = {}


async def run_all(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run coroutines at the same time, as children of the caller's cancel scope.

    Cancelling the caller cancels and awaits all of them.

    Returns:
        The results in the order given, with a `Failed` for each that raised an
        `Exception`.

    Raises:
        BaseException: what is no `Exception` (KeyboardInterrupt, SystemExit, the
            caller's cancellation) comes out bare, once all of them have ended.
    """
    return await _family().run_all(coroutines)


def open_children() -> Children:
    """Make the children's scope of somebody who will enter it in this task."""
    return _family().make()


def _family() -> _Family:
    name = type(current_loop()).__module__.rpartition(".")[2]
    family = _families.get(name) or _load(name)

    return family if family.fits() else _load("plain")


def _load(name: str) -> _Family:
    """Import the family when it is first needed, so that no loop is imported early."""
    if name not in _families:
        module = import_module(f".{name}_children", __package__)
        _families[name] = cast("_Family", module)

    return _families[name]
