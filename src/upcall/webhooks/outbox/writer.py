"""One thread that does all there is to do with a store, many things per commit."""

# Rule 1: whatever has gathered while a commit was under way goes into the next one. Who
#   waits for a commit shares its cost with all the others who do.
# Rule 2: no waiter is ever left behind. What goes wrong goes to those whose work it
#   was; what breaks the thread itself to all of them, and to all who come later.
# Rule 3: a batch that fails because of one bad operation is done again one by one, and
#   only the bad one fails. If the store itself fails, all of the batch fail with it.
# Rule 4: while there is nothing to do, the thread looks now and then whether other
#   processes have done something, for those who asked to be told.
# Rule 5: operations are data: a verb of the store and its arguments. So those that a
#   store can do in bulk are found together, and done together.

from __future__ import annotations

__all__ = ("BATCH", "Writer")

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, ParamSpec, TypeVar

import attrs

from upcall._loops.loop import Loop, Waiter
from upcall._loops.which import current_loop
from upcall.errors import NoRunningLoopError, UpcallError
from upcall.webhooks._proto.errors import ConflictError, OutboxError

from .contract import StorageError, Store, TryAgainError

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S")

_LOG: Final = logging.getLogger("upcall")
BATCH: int = 500
"""How many operations go into one commit at most, so that nobody waits too long."""

_AGAIN: Final = 5
"""How often a batch is done again that was undone for another process's sake."""

PEEK: Final = 0.02
"""Seconds between two looks at what other processes have done."""

ANNOUNCE: Final = 0.1
"""Seconds between two words to other processes, at least."""

_NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.define(eq=False)
class _Ticket:
    """One operation, and who is to be told of its end."""

    loop: Loop
    told: Callable[[Any], object]
    """Takes the result or the error, in the loop. It must not refer to the ticket: what
    goes in a circle is found by the garbage collector alone, which costs more than all
    else that we do with a ticket."""

    verb: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = _NO_OPTIONS
    in_bulk: bool = False
    """Whether the verb takes a sequence of what is here the only argument."""

    taken: bool = False
    withdrawn: bool = False
    result: Any = None
    error: Exception | None = None

    def outcome(self) -> Any:
        """Return the result, or raise an error of this waiter's own."""
        if self.error is not None:
            raise self.error

        return self.result

    def tell(self) -> None:
        """Tell who is to be told."""
        self.told(self.result if self.error is None else self.error)


class Writer:
    """The thread of a store. Made, started and closed by an `Outbox`.

    Its methods may be called from any event loop, in any thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()  # a signal may come while we hold it
        self._filled = threading.Condition(self._lock)
        self._queue: deque[_Ticket] = deque()
        self._batch: Sequence[_Ticket] = ()
        self._closed: UpcallError | None = None
        self._ended = False
        self._process = os.getpid()
        self._last: _Ticket | None = None
        self._watchers: list[Callable[[], object]] = []
        self._announced = 0.0
        self._thread = threading.Thread(
            target=self._run, name="upcall-outbox", daemon=True
        )
        self.commits: int = 0
        """How many commits there were."""

    @property
    def queued(self) -> int:
        """How many operations wait for a commit."""
        return len(self._queue)

    def start(self) -> None:
        """Start the thread; it opens the store and then does what it is asked to.

        If the store cannot be opened, all that is asked of it fails with the reason.
        """
        self._thread.start()

    async def close(self) -> None:
        """Do what is queued, close the store, and return when the thread has ended.

        Call it in a shield: a cancellation leaves the thread behind, to end by itself.
        """
        ticket, waiter = _waiting(self._store.close)  # it is only told, not called

        with self._filled:
            self._closed = self._closed or OutboxError(
                "the outbox is closed: open its bridge again"
            )

            if self._ended:
                return

            self._last = ticket
            self._filled.notify()

        await waiter
        ticket.outcome()

    async def perform(
        self, verb: Callable[_P, _R], *args: _P.args, **options: _P.kwargs
    ) -> _R:
        """Have the thread call a verb of the store; return when that is committed.

        A cancellation withdraws the operation, unless the thread has taken it already:
        then it is done, and nobody is told.

        Raises:
            OutboxError: if nothing came of it, and whatever else the verb may raise.
        """
        ticket, waiter = _waiting(verb, *args)
        ticket.options = options
        result: _R = await self._done(ticket, waiter)
        return result

    async def perform_in_bulk(
        self, verb: Callable[[Sequence[_S]], Sequence[_R | ConflictError]], subject: _S
    ) -> _R:
        """Do the same with a verb that takes many subjects, for one of them.

        Subjects of one commit are handed to the verb together.
        """
        ticket, waiter = _waiting(verb, subject)
        ticket.in_bulk = True
        result: _R = await self._done(ticket, waiter)
        return result

    def queue(
        self,
        verb: Callable[..., _R],
        *args: Any,
        loop: Loop,
        done: Callable[[_R | Exception], object],
        **options: Any,
    ) -> None:
        """Do the same as `perform`, without waiting, from any thread.

        Args:
            verb: of the store.
            args: for it.
            loop: where to call ``done``.
            done: takes the result, or the error.
            options: for the verb.

        Raises:
            OutboxError: if the outbox is closed or broken.
        """
        self._put(_Ticket(loop, done, verb, args, options))

    def queue_in_bulk(
        self,
        verb: Callable[[Sequence[_S]], Sequence[_R | ConflictError]],
        subject: _S,
        *,
        loop: Loop,
        done: Callable[[_R | Exception], object],
    ) -> None:
        """Do the same without waiting.

        Args:
            verb: of the store.
            subject: what it is to be done with.
            loop: where to call ``done``.
            done: takes the result, or the error.

        Raises:
            OutboxError: if the outbox is closed or broken.
        """
        self._put(_Ticket(loop, done, verb, (subject,), in_bulk=True))

    def watch(self, changed: Callable[[], object]) -> None:
        """Call it, in our thread, when another process may have changed something."""
        with self._filled:
            self._watchers.append(changed)
            self._filled.notify()

    def unwatch(self, changed: Callable[[], object]) -> None:
        """Call it no more."""
        with self._filled:
            self._watchers.remove(changed)

    # --- in the threads of those who ask ---

    async def _done(self, ticket: _Ticket, waiter: Waiter) -> Any:
        self._put(ticket)

        try:
            await waiter
        except BaseException:
            self._withdraw(ticket)
            raise

        return ticket.outcome()

    def _put(self, ticket: _Ticket) -> None:
        # Threads stay behind in a fork, and whatever locks they held are held for ever.
        if os.getpid() != self._process:
            raise OutboxError(
                "the outbox was opened before this process was forked: open a bridge "
                "of its own in each process"
            )

        with self._lock:
            if self._closed is not None:
                raise OutboxError(*self._closed.args) from self._closed.__cause__

            self._queue.append(ticket)

        self._nudge_soon(ticket.loop)

    def _nudge_soon(self, loop: Loop) -> None:
        """Wake the thread at the end of this turn of the loop, once for all of it.

        What many tasks ask for in one turn then goes into one commit, and the threads
        do not fight for the interpreter over every single operation.
        """
        if not loop.is_here():
            self._nudge()
        elif self not in loop.local:
            loop.local[self] = None
            loop.call_soon(self._nudge, loop)

    def _nudge(self, loop: Loop | None = None) -> None:
        if loop is not None:
            loop.local.pop(self, None)

        with self._filled:
            self._filled.notify()

    def _withdraw(self, ticket: _Ticket) -> None:
        with self._filled:
            if not ticket.taken:
                ticket.withdrawn = True

    # --- in our own thread ---

    def _run(self) -> None:
        try:
            self._store.open()

            while self._take():
                self._do(self._batch)
                self._tell(self._batch)
                self._batch = ()
                self._look_around()
        except BaseException as error:  # noqa: BLE001 (handed to all who wait)
            self._break(error)
        finally:
            self._end()

    def _take(self) -> bool:
        """Take what has gathered, or wait; return False when it is time to end."""
        with self._filled:
            if not self._queue and self._last is None:
                self._filled.wait(self._idle_seconds())

            number = min(BATCH, len(self._queue))
            tickets = [self._queue.popleft() for _ in range(number)]
            self._batch = [ticket for ticket in tickets if not ticket.withdrawn]

            for ticket in self._batch:
                ticket.taken = True

            return number > 0 or self._last is None

    def _idle_seconds(self) -> float | None:
        """Return for how long there will be nothing to do, if nobody asks."""
        if self._store.fresh:
            return max(0.0, self._announced + ANNOUNCE - time.monotonic())

        return PEEK if self._watchers else None

    def _look_around(self) -> None:
        """Tell other processes what we did, and our own what others did."""
        try:
            now = time.monotonic()

            if self._store.fresh and now >= self._announced + ANNOUNCE:
                self._announced = now
                self._store.announce()

            if self._watchers and self._store.peek():
                for changed in tuple(self._watchers):
                    changed()
        except StorageError as error:
            # Who waits for work will ask again; whoever stores is told by the failure
            # of what is stored.
            _LOG.debug("the outbox could not be asked for news: %s", error)

    def _do(self, batch: Sequence[_Ticket], left: int = _AGAIN) -> None:
        """Do a batch in one commit, or what can be done of it; again if need be."""
        if not batch:
            return

        try:
            with self._store.transaction():
                for group in _grouped(batch):
                    _call(group)
        except TryAgainError as error:
            if left:
                self._do(batch, left - 1)
            else:
                _fail(batch, error)
        except StorageError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 (handed to whose it is)
            if len(batch) == 1:
                _fail(batch, error)
                return

            for ticket in batch:
                self._do((ticket,))
        else:
            self.commits += 1

    def _tell(self, tickets: Iterable[_Ticket]) -> None:
        """Wake all who waited, each loop once."""
        loops: dict[Loop, list[_Ticket]] = {}

        for ticket in tickets:
            loops.setdefault(ticket.loop, []).append(ticket)

        for loop, mine in loops.items():
            # A loop that has ended took those who waited in it along.
            with contextlib.suppress(NoRunningLoopError):
                loop.call_soon_threadsafe(_tell_all, mine)

    def _break(self, error: BaseException) -> None:
        """Let all who wait fail, and all who come."""
        with self._filled:
            tickets = [*self._batch, *self._queue]
            self._queue.clear()
            _fail(tickets, error)
            self._closed = _as_ours(error)

        self._tell(tickets)

    def _end(self) -> None:
        try:
            self._store.close()
        except Exception:  # noqa: BLE001 (on record; nobody waits for it)
            _LOG.exception("the outbox could not be closed")
        finally:
            with self._filled:
                self._ended = True
                last = self._last

            if last is not None:
                self._tell((last,))


def _waiting(verb: Callable[..., Any], *args: Any) -> tuple[_Ticket, Waiter]:
    loop = current_loop()
    waiter = loop.waiter()
    return _Ticket(loop, waiter.wake, verb, args), waiter


def _grouped(batch: Iterable[_Ticket]) -> Iterator[list[_Ticket]]:
    """Gather what can be done in bulk; all else is done alone, in its order.

    What is done in bulk may be done before what was asked for earlier in bulk with
    another verb: those of the contract do not touch each other's rows.
    """
    gathered: dict[Callable[..., Any], list[_Ticket]] = {}

    for ticket in batch:
        if ticket.in_bulk:
            gathered.setdefault(ticket.verb, []).append(ticket)
            continue

        yield from gathered.values()
        gathered.clear()
        yield [ticket]

    yield from gathered.values()


def _call(group: Sequence[_Ticket]) -> None:
    first = group[0]

    if not first.in_bulk:
        first.result = first.verb(*first.arguments, **first.options)
        return

    results = first.verb([ticket.arguments[0] for ticket in group])

    for ticket, result in zip(group, results, strict=True):
        failed = isinstance(result, ConflictError)
        ticket.result, ticket.error = (None, result) if failed else (result, None)


def _fail(tickets: Iterable[_Ticket], error: BaseException) -> None:
    """Give each its own error: one that was raised in many tasks would mix them up."""
    for ticket in tickets:
        ticket.result, ticket.error = None, _as_ours(error)


def _as_ours(error: BaseException) -> UpcallError:
    if isinstance(error, UpcallError) and not isinstance(error, StorageError):
        return error

    text = f"the outbox failed: {type(error).__name__}: {error}"
    mine = OutboxError(str(error) if isinstance(error, StorageError) else text)
    mine.__cause__ = error.__cause__ or error
    return mine


def _tell_all(tickets: Iterable[_Ticket]) -> None:
    errors: list[Exception] = []

    for ticket in tickets:
        try:
            ticket.tell()
        except Exception as error:  # noqa: BLE001 (raised below, when all were told)
            errors.append(error)

    if errors:
        raise ExceptionGroup("who was told of the outbox failed", errors)
