"""A plan: who hears one concrete key, settled until subscriptions change."""

# Two kinds. A *calm* plan has but plain sync callbacks, and nobody asks for an
#   envelope: its run is made by `calls`, and nothing else happens in an emission.
#   Every other plan is *filled* with entries, and run by `emission`.
# A run is a function whose last default is its plan, so that one table of runs serves
#   both `emit`, which calls them, and `aemit`, which asks them for their plan.

from __future__ import annotations

__all__ = ("NOTHING_AROUND", "Around", "AsyncCallback", "Counts", "Host", "Plan")

from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from typing import Any, Final, NoReturn, Protocol
from weakref import ref

import attrs

from .calls import Run, make_tally
from .entry import Entry
from .envelope import Envelope
from .failures import as_failure, failed, noted, refused
from .keeper import Keeper
from .kinds import close_coroutine, is_awaitable
from .policies import Start
from .subscribed import Subscribed
from .subscription import Key

AsyncCallback = Callable[[Any], Coroutine[Any, Any, Any]]


class Host(Protocol):
    """What a plan asks of the bus it belongs to."""

    def run_of(self, key: Key) -> Run:
        """Return the run for a concrete key: a class or a name."""
        ...

    def check_background(self, callback: object, name: str) -> None:
        """Raise unless background callbacks can be started, here and now."""

    def start(
        self,
        coroutine: Coroutine[Any, Any, Any],
        callback: Subscribed[..., Any] | Callable[..., Any],
        envelope: Envelope[Any] | None,
        name: str,
    ) -> None:
        """Run a background callback; its failure goes to ``on_error``."""

    def starter(
        self,
        callback: Subscribed[..., Any],
        envelope: Envelope[Any] | None,
        name: str,
    ) -> Start:
        """Return what starts delayed runs of a callback, later."""
        ...

    def report(
        self,
        error: Exception,
        subscription: Subscribed[..., Any] | None,
        envelope: Envelope[Any] | None,
    ) -> None:
        """Hand a failure that has no caller to ``on_error``."""


@attrs.define(eq=False)
class Counts:
    """What a hub has counted, beside the emissions of its calm plans."""

    emissions: int = 0
    calls: int = 0
    failures: int = 0


@attrs.frozen(kw_only=True)
class Around:
    """What happens to an emission around the calls of its callbacks."""

    interceptors: tuple[Subscribed[..., Any], ...] = ()
    keepers: tuple[Keeper, ...] = ()
    retained: tuple[Callable[[Envelope[Any]], None], ...] = ()
    forward: tuple[Host, ...] = ()
    trace: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything is; then the envelope is needed."""
        return bool(
            self.trace
            or self.interceptors
            or self.keepers
            or self.retained
            or self.forward
        )


NOTHING_AROUND: Final = Around()


class Plan:
    """Who hears a key, and what is counted of its emissions."""

    __slots__ = (
        "_host",
        "around",
        "background",
        "bare",
        "counts",
        "delayed",
        "entries",
        "key",
        "name",
        "sequential",
        "tally",
        "turn",
        "wants_envelope",
        "width",
    )

    def __init__(
        self, key: Key, name: str, host: Host | None, calls: int, counts: Counts
    ) -> None:
        self.key = key
        self.name = name
        self._host = None if host is None else ref(host)  # it has us
        self.width = calls
        self.counts = counts
        self.tally = None if host is None else make_tally(calls)
        self.around = NOTHING_AROUND
        self.entries: tuple[Entry, ...] = ()
        self.background: Subscribed[..., Any] | None = None
        self.delayed: Subscribed[..., Any] | None = None
        self.bare: tuple[AsyncCallback, ...] = ()
        """All callbacks, if they are async functions and nothing else happens."""

        self.turn: tuple[AsyncCallback, ...] = ()
        """The same, if each is awaited in the caller's task, one after the other."""

        self.sequential = False
        self.wants_envelope = False

    @property
    def host(self) -> Host | None:
        """The bus, if there is one."""
        return None if self._host is None else self._host()

    @property
    def is_calm(self) -> bool:
        """Whether its run does it all."""
        return not self.entries and not self.around

    def fill(
        self,
        subscriptions: Collection[Subscribed[..., Any]],
        around: Around,
        *,
        sequential: bool,
    ) -> None:
        """Make it a plan that is run entry by entry."""
        entries = tuple(map(Entry, subscriptions))
        self.entries = entries
        self.around = around
        self.background = _first(entry for entry in entries if entry.is_async)
        self.delayed = _first(entry for entry in entries if entry.is_delayed)
        self.sequential = sequential
        self.wants_envelope = bool(around) or any(e.wants_envelope for e in entries)

        if entries and not around and all(entry.is_bare for entry in entries):
            self.bare = tuple(entry.target for entry in entries)
            self.turn = self.bare if self.sequential or len(entries) == 1 else ()

    def check_background(self, callback: object) -> None:
        """Raise unless the callback could be started in the bus, here and now.

        Raises:
            BusNotOpenError: there is no bus, or it is not open.
            WrongThreadError: this is not the bus's thread.
        """
        host = self.host

        if host is None:
            raise refused(callback, self.name)

        host.check_background(callback, self.name)

    def stray(self, callback: Callable[[Any], object], value: object) -> None:
        """Take care of what a callback taken for sync returned, if it is awaitable.

        Raises:
            BusNotOpenError: if there is no open bus; the awaitable is closed.
            WrongThreadError: likewise, outside of the bus's thread.
        """
        if is_awaitable(value):
            self.start_stray(callback, value, None)

    def start_stray(
        self,
        callback: Callable[..., Any],
        value: Any,
        envelope: Envelope[Any] | None,
    ) -> None:
        """Run an awaitable that a sync callback returned in the open bus."""
        host = self.host

        try:
            self.check_background(callback)
            assert host is not None
        except Exception:
            close_coroutine(value)
            raise

        host.start(_await(value), callback, envelope, self.name)

    def finish(
        self,
        callbacks: Sequence[Callable[[Any], object]],
        payload: object,
        position: int,
        error: BaseException,
    ) -> NoReturn:
        """Call the callbacks after the one that raised, then raise all failures."""
        self.counts.emissions += 1
        self.counts.calls += self.width
        errors = [self.failure(error, callbacks[position])]

        for callback in callbacks[position + 1 :]:
            try:
                if (value := callback(payload)) is not None:
                    self.stray(callback, value)
            except BaseException as other:  # noqa: BLE001 (kept, or raised again)
                errors.append(self.failure(other, callback))

        raise self.failed(errors) from None

    def failure(self, error: BaseException, callback: object) -> Exception:
        """Note on a callback's failure whose it is, and count it.

        Raises:
            BaseException: what is no failure: a KeyboardInterrupt, say.
        """
        failure = as_failure(error)
        self.counts.failures += 1

        return noted(failure, callback, self.name)

    def failed(self, errors: list[Exception]) -> Exception:
        """Make one group of the failures of an emission."""
        return failed(errors, self.name)


def _first(entries: Iterator[Entry]) -> Subscribed[..., Any] | None:
    return next((entry.subscription for entry in entries), None)


async def _await(value: Any) -> Any:
    return await value
