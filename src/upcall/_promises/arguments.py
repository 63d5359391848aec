"""What is wrong with an argument, told at the call that it was given to."""

from __future__ import annotations

__all__ = ("check_flag", "check_function", "check_items", "check_seconds")

from collections.abc import Iterable
from typing import Any, cast

from upcall.errors import OptionError, WrongTypeError


def check_function(function: object, where: str, wanted: str) -> None:
    """Refuse what cannot be called.

    Args:
        function: what was given.
        where: what it was given to or as, for the message.
        wanted: what would do.

    Raises:
        WrongTypeError: saying so.
    """
    if not callable(function):
        raise WrongTypeError(f"{where}: {function!r} cannot be called; give {wanted}")


def check_items(items: object, where: str) -> list[Any]:
    """List what can be iterated over.

    Raises:
        WrongTypeError: it cannot.
        Exception: what the iteration raises.
    """
    if not isinstance(items, Iterable) and not hasattr(items, "__getitem__"):
        raise WrongTypeError(f"{where}: {items!r} is no iterable; give a list, say")

    return list(cast("Iterable[Any]", items))


def check_seconds(name: str, seconds: object, *, least: float = 0) -> None:
    """Refuse what is no time to wait.

    Args:
        name: what the argument is called.
        seconds: what was given.
        least: the least that will do.

    Raises:
        OptionError: naming the argument.
    """
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)

    if not number or not cast("float", seconds) >= least:
        raise OptionError(f"{name}={seconds!r} is no time: give seconds from 0 on")


def check_flag(name: str, flag: object) -> None:
    """Refuse what is neither True nor False.

    Raises:
        WrongTypeError: naming the argument.
    """
    if type(flag) is not bool:
        raise WrongTypeError(f"{name}={flag!r}: give True or False")
