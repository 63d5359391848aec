"""What a library enters with: its name, and the ways to use it that take part."""

from __future__ import annotations

__all__ = (
    "AsyncEmitter",
    "AwaitedWay",
    "Emitter",
    "PromiseWay",
    "Rival",
    "Way",
    "awaited",
    "called",
    "in_turn",
)

import functools
import importlib
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib import metadata

import attrs
from benchmarks.callbacks import AsyncCallback, Callback
from benchmarks.measure import AsyncCase, Case, calls


@attrs.frozen(kw_only=True)
class Emitter:
    """Something that emits, with its callbacks subscribed."""

    once: Callable[[], object]
    """Emits once."""

    case: Case
    """Emits so many times, with no call of ours between."""

    change: Callable[[Callback], object] | None = None
    """Subscribes and unsubscribes one more. All pay for the one call that this is."""

    told: Sequence[object] = ()
    """What its listener of errors has heard, where there is such a thing."""


@attrs.frozen(kw_only=True)
class AsyncEmitter:
    """Something that emits and can be awaited, with its callbacks subscribed."""

    once: Callable[[], Awaitable[object]]
    """Emits once, and returns when all callbacks ran."""

    case: AsyncCase
    """Emits so many times."""

    close: Callable[[], Awaitable[object]] | None = None
    """Ends what it has running, where it has something."""

    told: Sequence[object] = ()
    """What its listener of errors has heard, where there is such a thing."""


@attrs.frozen(kw_only=True)
class Way:
    """One way to call sync callbacks."""

    name: str
    """What the user calls: "emit", "send_robust"."""

    subscribed: Callable[[Sequence[Callback]], Emitter]
    """Subscribes these to one event or signal."""

    subscribes: str | None = None
    """What subscribes, as the table shows it. None where another way does the same."""

    keywords: bool = False
    """Callbacks take the payload as the keyword `x`, beside others."""

    named: Callable[[Mapping[str, Callback]], Case] | None = None
    """Subscribes each callback to its name; the case emits to the names in turn."""

    pattern: Callable[[Mapping[str, Callback], str, str], Case] | None = None
    """As `named`, for names and patterns; the case emits to the last argument."""


@attrs.frozen(kw_only=True)
class AwaitedWay:
    """One way to call async callbacks and to wait for them."""

    name: str
    """What the user calls and awaits."""

    subscribed: Callable[[Sequence[AsyncCallback]], AsyncEmitter]
    """Subscribes these to one event or signal. Runs in the loop."""

    keywords: bool = False
    """Callbacks take the payload as the keyword `x`, beside others."""

    on_trio: str = ""
    """What its documentation offers on trio instead."""


@attrs.frozen(kw_only=True)
class PromiseWay:
    """One kind of promise. Each function does it that many times, in the loop."""

    name: str
    """What it is called."""

    alone: Callable[[int], Awaitable[object]]
    """Makes promises, gives each one handler, settles each; all handlers have run."""

    chain: Callable[[int], Awaitable[object]]
    """Makes one, hangs links on it, settles it; the last link has run."""

    every: Callable[[int], Awaitable[object]]
    """Makes promises, combines them to one of all, settles each; has the values."""

    later: Callable[[], Awaitable[bool]]
    """Tells whether a handler runs after the turn that settled, not inside it."""


@attrs.frozen(kw_only=True)
class Rival:
    """A library, and how it takes part."""

    library: str
    """Its name on PyPI."""

    module: str
    """What is imported."""

    ways: tuple[Way, ...] = ()
    awaited: tuple[AwaitedWay, ...] = ()
    promises: tuple[PromiseWay, ...] = ()

    not_awaited: str = "has none"
    """Why no emission of it can be awaited."""

    wrong: str = ""
    """Code that uses it wrongly, to ask a type checker. See `typed`."""

    version_of: Callable[[str], str] = metadata.version
    """Tells the version of what has this name; PackageNotFoundError without it."""

    edition: Callable[[], str] = str
    """What to say of the build, beside the version."""

    def title(self, way: str) -> str:
        """Name one of its ways, with the version."""
        return f"{self.library} {self.version()}{self.edition()}, {way}"

    def version(self) -> str:
        """Return what is installed."""
        return self.version_of(self.library)

    def why_absent(self) -> str | None:
        """Say why it cannot take part here; None if it can."""
        try:
            importlib.import_module(self.module)
            self.version()
        except (ModuleNotFoundError, metadata.PackageNotFoundError):
            return "it is not installed"
        except Exception as error:  # noqa: BLE001 (handed on: the table shows it)
            return f"it cannot be imported here: {error!r}"

        return None


def called(
    function: Callable[..., object],
    /,
    *arguments: object,
    change: Callable[[Callback], object] | None = None,
    told: Sequence[object] = (),
) -> Emitter:
    """Make the emitter that emits by calling this, with these arguments."""
    once = functools.partial(function, *arguments)
    case = calls(function, *arguments)
    return Emitter(once=once, case=case, change=change, told=told)


def awaited(
    function: Callable[..., Awaitable[object]],
    /,
    *arguments: object,
    close: Callable[[], Awaitable[object]] | None = None,
    told: Sequence[object] = (),
) -> AsyncEmitter:
    """Make the emitter that emits by awaiting this, with at most one argument."""
    match arguments:
        case ():

            async def case(number: int) -> None:
                for _ in itertools.repeat(None, number):
                    await function()
        case (one,):

            async def case(number: int) -> None:
                for _ in itertools.repeat(None, number):
                    await function(one)
        case _:
            raise TypeError(f"{len(arguments)} arguments are too many: bind them")

    once = functools.partial(function, *arguments)
    return AsyncEmitter(once=once, case=case, close=close, told=told)


def in_turn(emit: Callable[[str, int], object], names: Iterable[str]) -> Case:
    """Make the case that emits to these names, one after the other, again and again."""
    kept = tuple(names)

    def case(number: int) -> None:
        for name in itertools.islice(itertools.cycle(kept), number):
            emit(name, 1)

    return case
