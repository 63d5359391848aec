"""The hub: subscriptions of many keys, and the plans for their emissions."""

# A bus is a hub that can be opened. A signal that belongs to no bus has a hub to
# itself, which stays closed; so there is one way only in which things are heard.

from __future__ import annotations

__all__ = ("Hub",)

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any, TypeVar
from weakref import ref

import attrs

from upcall._promises.arguments import check_flag
from upcall._promises.home import Home, loop_home
from upcall._promises.promise import Promise
from upcall.errors import OptionError

from .calls import Run, emitted, plan_of
from .emission import make_plan_run
from .envelope import Envelope
from .event import name_of
from .failures import refused
from .keeper import Keeper
from .kinds import check_callback, describe, is_async
from .options import DEFAULT, Options, make_options
from .plan import NOTHING_AROUND, Around, Counts, Host, Plan
from .retained import hand_over
from .routes import Routes, check_subscribable, hears
from .stream import Feed, Overflow, Stream
from .subscribed import Subscribed
from .subscription import Key
from .table import LOCK, Table, in_order
from .waits import Waits, next_payload

_ROOM = 1024
"""How many plans are kept for keys that nobody is subscribed to by themselves."""


T = TypeVar("T")

_Bound = tuple[ref[Any], Callable[[Any], None]]
"""A signal that keeps a run of ours, and what makes it forget the run."""


class Hub:
    """Subscriptions by key, and a plan for each concrete key that was emitted to."""

    def __init__(self, *, trace: bool = False, retain: int = 0) -> None:
        _check_retain(retain)
        check_flag("trace", trace)
        self.class_runs: dict[Any, Run] = {}
        """The runs by class; ever the same dict, so that `Bus.emit` may look."""

        self.name_runs: dict[Any, Run] = {}
        """Likewise those by name: or a class with a payload would find the class's."""

        self._routes = Routes(self)
        self._extra: dict[Key, None] = {}
        self._classes: dict[str, set[Key]] = {}
        self._bound: dict[Key, tuple[_Bound, ...]] = {}
        self._retain = retain
        self._retaining = retain > 0
        self._trace = trace
        self._interceptors: list[Table] = []
        self._forwards: list[tuple[Table, Host]] = []
        self._keepers: list[Keeper] = []
        self._apart = _Apart(ref(self))
        self._waits: Waits | None = None
        self._counts = Counts()
        self._retired: dict[ref[Run], Plan] = {}

    # Subscribing

    def subscribe(
        self,
        key: object,
        callback: Callable[..., Any],
        *,
        once: bool = False,
        envelope: bool = False,
        given: Any = None,
    ) -> Subscribed[..., Any]:
        """Subscribe a callback to a key, and hand it what is retained for it."""
        checked = check_subscribable(key)
        options = _options(callback, once=once, envelope=envelope, given=given)

        return self.add(checked, callback, options)

    def add(
        self, key: Key, callback: Callable[..., Any], options: Options
    ) -> Subscribed[..., Any]:
        """Subscribe what has been checked."""
        with LOCK:
            retained = self._retained_for(key)
            subscription = self._routes.table(key).add(callback, options)

        if retained:
            try:
                hand_over(subscription, retained, self.as_host)
            except BaseException:
                subscription.cancel()
                raise

        return subscription

    def off(self, key: object, callback: Callable[..., Any]) -> bool:
        """End the newest subscription of a callback to this very key."""
        table = self._routes.find(check_subscribable(key))
        subscription = None if table is None else table.newest(callback)

        return subscription is not None and subscription.cancel()

    def subscriptions(self, key: object = None) -> list[Subscribed[..., Any]]:
        """Return the subscriptions to this very key (or all), oldest first."""
        with LOCK:
            if key is None:
                tables = list(self._routes)
            else:
                table = self._routes.find(check_subscribable(key))
                tables = [] if table is None else [table]

            found = [subscription for table in tables for subscription in table]

        return sorted(found, key=lambda each: each.number)

    # Planning

    @property
    def as_host(self) -> Host | None:
        """Where plans start their background callbacks."""
        return None

    def run_of(self, key: Key) -> Run:
        """Return the run for a concrete key; plan it if it is not planned."""
        run = self._runs_like(key).get(key)
        return self._plan(key) if run is None else run

    def _runs_like(self, key: Key) -> dict[Any, Run]:
        return self.name_runs if isinstance(key, str) else self.class_runs

    def _plan(self, key: Key) -> Run:
        with LOCK:
            found = self._runs_like(key).get(key)

            if found is not None:  # another thread was here first
                return found

            name = key if isinstance(key, str) else name_of(key)
            own = self._routes.find(key)
            subscriptions, plain = in_order(self._routes.reached(key, own))
            run = make_plan_run(
                Plan(key, name, self.as_host, len(subscriptions), self._counts),
                subscriptions,
                self._around(key, name),
                plain=plain,
                sequential=own is not None and own.sequential,
            )
            self._keep(key, name, run, has_table=own is not None)

        return run

    def _around(self, key: Key, name: str) -> Around:
        if not (
            self._interceptors
            or self._keepers
            or self._forwards
            or self._retaining
            or self._trace
        ):
            return NOTHING_AROUND

        return Around(
            interceptors=tuple(
                each
                for table in self._interceptors
                if hears(table.key, key, name)
                for each in table
                if not each.paused
            ),
            keepers=tuple(each for each in self._keepers if name and each.wants(name)),
            retained=self._retainers(key),
            forward=tuple(
                host
                for table, host in self._forwards
                if hears(table.key, key, name)
                for each in table
                if not each.paused
            ),
            trace=self._trace,
        )

    def _keep(self, key: Key, name: str, run: Run, *, has_table: bool) -> None:
        """Keep a run; of those for keys without subscribers of their own, not many."""
        self._runs_like(key)[key] = run

        if not isinstance(key, str) and name:
            self._classes.setdefault(name, set()).add(key)

        if has_table:
            return

        self._extra[key] = None

        if len(self._extra) > _ROOM:
            self._drop(next(iter(self._extra)))

    def bind(self, key: Key, signal: T, reset: Callable[[T], None]) -> None:
        """Tell a signal from now on when the run that it keeps is no longer right."""
        with LOCK:
            others = (
                each for each in self._bound.get(key, ()) if each[0]() is not None
            )
            self._bound[key] = (*others, (ref(signal), reset))

    def forget(self, table: Table) -> None:
        """Drop the plans that a table had a part in. Called under the lock."""
        key = table.key

        if isinstance(key, type):
            self._drop_class(key)
        elif "*" in key:
            self.forget_all()
        else:
            for each in (key, *self._classes.pop(key, ())):
                self._drop(each)

        self._routes.drop_empty(table)

    def forget_all(self) -> None:
        """Drop all plans."""
        with LOCK:
            for key in (*self.class_runs, *self.name_runs):
                self._drop(key)

    def _drop_class(self, key: type[Any]) -> None:
        self._drop(key)

        for subclass in type.__subclasses__(key):
            self._drop_class(subclass)

    def _drop(self, key: Key) -> None:
        """Drop one plan."""
        run = self._runs_like(key).pop(key, None)
        self._extra.pop(key, None)

        if run is not None and not isinstance(key, str):
            self._forget_class(key)

        for signal, reset in self._bound.get(key, ()):
            found = signal()

            if found is not None:
                reset(found)

        if run is not None and self.as_host is not None:
            # An emission may be under way, and is counted when it is over.
            self._retired[ref(run, self._sum_up)] = plan_of(run)

    def _forget_class(self, key: type[Any]) -> None:
        """Keep a class no longer for the sake of its name."""
        name = name_of(key)
        classes = self._classes.get(name)

        if classes is not None:
            classes.discard(key)

            if not classes:
                del self._classes[name]

    def _sum_up(self, run: ref[Run]) -> None:
        with LOCK:
            _add(self._counts, self._retired.pop(run))

    def counts(self) -> Counts:
        """Return how many emissions, calls and failures there were."""
        with LOCK:
            found = attrs.evolve(self._counts)

            runs = chain(self.class_runs.values(), self.name_runs.values())

            for plan in (*self._retired.values(), *map(plan_of, runs)):
                _add(found, plan)

        return found

    # What happens around the calls

    def intercept(
        self,
        key: object,
        function: Callable[[Envelope[Any]], object],
    ) -> Subscribed[[Envelope[Any]], Any]:
        """Let a function see the envelope first; see `Bus.intercept`."""
        checked = check_subscribable(key)
        check_callback(function)

        if is_async(function):
            raise OptionError(f"{describe(function)} is async: interceptors are sync")

        with LOCK:
            table = self._aside(checked)
            self._interceptors = [*filter(None, self._interceptors), table]

            return table.add(function, DEFAULT)

    def forward(self, host: Host, key: object) -> Subscribed[..., Any]:
        """Let another hub hear what is emitted here; see `Bus.forward`."""
        checked = check_subscribable(key)

        with LOCK:
            table = self._aside(checked)
            others = (each for each in self._forwards if each[0])
            self._forwards = [*others, (table, host)]

            return table.add(host.run_of, DEFAULT)

    def _aside(self, key: Key) -> Table:
        """Make a table for one subscription that is no callback's."""
        return Table(key, ref(self._apart))

    def add_keeper(self, keeper: Keeper) -> None:
        """Have events kept before they are heard; see `upcall._events.keeper`."""
        self._keepers = [*self._keepers, keeper]
        self.forget_all()

    def remove_keeper(self, keeper: Keeper) -> None:
        """Have them kept no more by this keeper."""
        self._keepers = [each for each in self._keepers if each is not keeper]
        self.forget_all()

    def keepers_changed(self) -> None:
        """Ask the keepers anew what they want. From any thread."""
        self.forget_all()

    def drop_closed_keepers(self) -> None:
        """Forget keepers that have ended."""
        self._keepers = [each for each in self._keepers if not each.closed]
        self.forget_all()

    # What a key as a whole may have

    def set_up(self, key: Key, *, sequential: bool, retain: int) -> None:
        """Say of a key that it is sequential, and how much is retained."""
        _check_retain(retain)
        check_flag("sequential", sequential)

        if not sequential and not retain:
            return

        with LOCK:
            table = self._routes.table(key)
            table.sequential = table.sequential or sequential

            if retain:
                self._retaining = True
                table.retained = deque(table.retained or (), maxlen=retain)

            self.forget(table)

    def _retainers(self, key: Key) -> tuple[Callable[[Envelope[Any]], None], ...]:
        table = self._routes.find(key)

        if self._retain and (table is None or table.retained is None):
            table = self._routes.table(key)
            table.retained = deque(maxlen=self._retain)

        if table is None or table.retained is None:
            return ()

        return (table.retained.append,)

    def _retained_for(self, key: Key) -> list[Envelope[Any]]:
        """Give what is retained for a new subscriber of a key, oldest first."""
        if not self._retaining:
            return []

        found = [
            envelope
            for table in self._routes
            if table.retained and hears(key, table.key, _name(table.key))
            for envelope in tuple(table.retained)
        ]

        return sorted(found, key=lambda envelope: envelope.time)

    # Waiting

    def home(self) -> Home:
        """Return the home of promises made here."""
        return loop_home()

    def next_of(
        self, key: object, when: Callable[[Any], object] | None = None
    ) -> Promise[Any]:
        """Make a promise of the next payload of a key."""
        checked = check_subscribable(key)
        options = make_options(_nothing, once=True, when=when, kind="sync")

        return next_payload(
            lambda callback: self._wait(checked, callback, options),
            self.home(),
            self._waits,
        )

    def _wait(
        self, key: Key, callback: Callable[..., Any], options: Options
    ) -> Subscribed[..., Any]:
        """Subscribe one who waits: what is retained does not count."""
        with LOCK:
            return self._routes.table(key).add(callback, options)

    def stream_of(self, key: object, capacity: int, overflow: Overflow) -> Stream[Any]:
        """Make a stream of the payloads of a key."""
        checked = check_subscribable(key)

        def subscribe(
            callback: Callable[..., Any], options: Options
        ) -> Subscribed[..., Any]:
            return self.add(checked, callback, options)

        return Stream(Feed(subscribe, capacity, overflow), self.idle, self.opened)

    def idle(self) -> AbstractContextManager[None]:
        """Mark a wait of the running task for something that is heard here."""
        return nullcontext()

    def opened(self, feed: Feed) -> None:
        """Know of a stream that is open, by what it lives from."""

    def soon(self, run: Run, payload: object, id: str | None) -> Promise[Any]:
        """Begin an awaited emission in the background."""
        del payload, id
        plan: Plan = plan_of(run)
        raise refused(None, plan.name)


def _add(counts: Counts, plan: Plan) -> None:
    """Count the emissions of a calm plan, and their calls."""
    number = 0 if plan.tally is None else emitted(plan.tally)
    counts.emissions += number
    counts.calls += number * plan.width


def _nothing(_: object) -> None:
    pass


def _name(key: Key) -> str:
    return key if isinstance(key, str) else name_of(key)


def _options(
    callback: Callable[..., object], *, once: bool, envelope: bool, given: Any
) -> Options:
    check_callback(callback)

    if not given and once is False and envelope is False:
        return DEFAULT

    return make_options(callback, once=once, envelope=envelope, **(given or {}))


def _check_retain(retain: object) -> None:
    if type(retain) is not int or retain < 0:
        raise OptionError(f"retain={retain!r}: give a whole number from 0 on")


class _Apart:
    """The host of tables that stand apart: a change there may concern every plan."""

    def __init__(self, hub: ref[Hub]) -> None:
        self._hub = hub

    def forget(self, table: Table) -> None:
        """Drop all plans."""
        del table
        hub = self._hub()

        if hub is not None:
            hub.forget_all()
