"""Where the signals of an instance are kept that were declared on its class."""

from __future__ import annotations

__all__ = ("signals_of",)

from typing import Any
from weakref import finalize

from upcall.errors import OptionError

_kept: dict[int, dict[Any, Any]] = {}


def signals_of(instance: object) -> dict[Any, Any]:
    """Return what keeps them: its own dict, or for one with slots another.

    That is found by the instance's identity, and dropped when the instance dies.

    Raises:
        OptionError: its signals can be kept nowhere.
    """
    own: dict[Any, Any] | None = getattr(instance, "__dict__", None)
    found = _kept.get(id(instance)) if own is None else own

    if found is not None:
        return found

    try:
        finalize(instance, _kept.pop, id(instance), None).atexit = False
    except TypeError:
        raise OptionError(
            f"a {type(instance).__qualname__} has neither __dict__ nor __weakref__: "
            "its signals can be kept nowhere; add one of them to its slots"
        ) from None

    return _kept.setdefault(id(instance), {})
