"""The options of a subscription, and which of them make sense together."""

from __future__ import annotations

__all__ = (
    "DEFAULT",
    "MISSING",
    "Decorator",
    "OnOptions",
    "Options",
    "Overlap",
    "make_options",
)

import math
from collections.abc import Callable
from types import MethodType
from typing import Any, Final, Literal, Protocol, TypedDict, TypeVar, final, get_args

import attrs

from upcall._promises.arguments import check_flag
from upcall.errors import OptionError

from .kinds import describe, is_async

T = TypeVar("T")
R = TypeVar("R")

Overlap = Literal["merge", "queue", "drop", "latest", "restart"]
"""What an async callback does with an emission that comes while it still runs."""


class OnOptions(TypedDict, total=False):
    """The keyword options of `on`, beside ``once``, ``envelope`` and ``when``.

    What ``when`` takes depends on the key. As a parameter of its own it lets pyright
    tell which overload was meant: with a generic TypedDict it names the wrong one.
    """

    priority: int
    weak: bool
    thread: bool
    timeout: float | None
    overlap: Overlap
    concurrency: int | None
    debounce: float | None
    throttle: float | None
    kind: Literal["sync", "async"] | None


class Decorator(Protocol[T]):
    """What ``on(**options)`` gives: takes the callback and returns it as it is."""

    def __call__(self, callback: Callable[[T], R], /) -> Callable[[T], R]:
        """Subscribe the callback."""
        ...


@attrs.frozen(kw_only=True)
class Options:
    """What was asked for at `on`, checked."""

    priority: int = 0
    once: bool = False
    when: Callable[[Any], object] | None = None
    weak: bool = False
    envelope: bool = False
    thread: bool = False
    timeout: float | None = None
    overlap: Overlap = "merge"
    concurrency: int | None = None
    debounce: float | None = None
    throttle: float | None = None
    kind: Literal["sync", "async"] | None = None


DEFAULT: Final = Options()


@final
class _Missing:
    """What an argument is that was not given, where None could be a mistake."""

    def __repr__(self) -> str:
        return "<not given>"


MISSING: Final[Any] = _Missing()


def make_options(callback: Callable[..., object], **given: Any) -> Options:
    """Check the options for this callback.

    Raises:
        OptionError: naming the option, and what would do.
    """
    if not given:
        return DEFAULT

    try:
        options = Options(**given)
    except TypeError:
        known = ", ".join(field.name for field in attrs.fields(Options))
        unknown = ", ".join(sorted(set(given) - set(known.split(", "))))
        raise OptionError(f"no such option: {unknown}; there are {known}") from None

    _check_values(options)
    _check_callback_fits(options, callback)

    return options


def _check_values(options: Options) -> None:
    if type(options.priority) is not int:
        raise OptionError(f"priority={options.priority!r}: give a whole number")

    when: object = options.when

    if when is not None and (not callable(when) or is_async(when)):
        raise OptionError(f"when={options.when!r}: give a sync function of the payload")

    if options.overlap not in get_args(Overlap):
        known = ", ".join(repr(word) for word in get_args(Overlap))
        raise OptionError(f"overlap={options.overlap!r}: give one of {known}")

    if options.kind not in (None, "sync", "async"):
        raise OptionError(f"kind={options.kind!r}: give 'sync' or 'async'")

    for name in ("once", "weak", "envelope", "thread"):
        check_flag(name, getattr(options, name))

    _check_concurrency(options.concurrency)

    for name in ("timeout", "debounce", "throttle"):
        _check_seconds(name, getattr(options, name))

    if options.debounce is not None and options.throttle is not None:
        raise OptionError("debounce and throttle exclude each other: choose one")


def _check_concurrency(value: object) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise OptionError(f"concurrency={value!r}: give a whole number from 1 on")


def _check_seconds(name: str, value: object) -> None:
    if value is None:
        return

    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{name}={value!r}: give seconds, as a number")

    if not 0 < value < math.inf:
        raise OptionError(f"{name}={value!r}: give a number of seconds above 0")


def _check_callback_fits(options: Options, callback: Callable[..., object]) -> None:
    known_async = is_async(callback)

    if options.weak and not isinstance(callback, MethodType):
        raise OptionError(
            f"weak=True is for bound methods; {describe(callback)} is none, and "
            "would be gone at once"
        )

    if options.thread and (known_async or options.kind == "async"):
        raise OptionError(
            f"thread=True is for blocking callbacks; {describe(callback)} is async, "
            "and runs in the event loop"
        )

    if known_async and options.kind == "sync":
        raise OptionError(f"kind='sync', but {describe(callback)} is async")

    if options.kind == "async" or known_async or options.thread:
        return

    for name in ("timeout", "concurrency"):
        _refuse_for_sync(name, getattr(options, name), None, callback)

    if options.debounce is None and options.throttle is None:
        _refuse_for_sync("overlap", options.overlap, "merge", callback)


def _refuse_for_sync(
    name: str, value: object, default: object, callback: Callable[..., object]
) -> None:
    if value != default:
        raise OptionError(
            f"{name}={value!r} is for callbacks that take their time; "
            f"{describe(callback)} is sync: make it async, or add thread=True"
        )
