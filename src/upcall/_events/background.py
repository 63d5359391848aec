"""The background of an open bus: the tasks it owns, and where their failures go."""

from __future__ import annotations

__all__ = ("Background", "OnError", "Reporter")

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Literal

import anyio

from upcall._loops.families import open_children
from upcall._loops.loop import Loop, OwnedTask
from upcall._loops.which import current_loop
from upcall._promises.home import Home
from upcall._promises.promise import Promise
from upcall.errors import BusNotOpenError, CallbackCancelledError, OptionError

from .envelope import Envelope
from .failures import failed
from .kinds import describe, fits, is_async, place_of
from .policies import INSIDE, Delay
from .subscription import Subscription
from .table import LOCK

if TYPE_CHECKING:  # concurrent.futures brings logging, at the cost of the whole core
    from concurrent.futures import Future

OnError = (
    Literal["log", "raise"]
    | Callable[[Exception, Subscription[..., Any] | None, Envelope[Any] | None], object]
)


class Reporter:
    """Hands failures that have no caller to ``on_error``."""

    def __init__(self, on_error: OnError) -> None:
        if on_error not in ("log", "raise") and not callable(on_error):
            raise OptionError(
                f"on_error={on_error!r}: give 'log', 'raise' or a callable "
                "(error, subscription or None, envelope or None)"
            )

        if callable(on_error) and is_async(on_error):
            raise OptionError(
                f"on_error={on_error!r} is async: failures are handed to it at once; "
                "give a sync callable, that may start what takes its time"
            )

        if callable(on_error) and not fits(on_error, None, None, None):
            raise OptionError(
                f"on_error={on_error!r} cannot be called with three arguments: it is "
                "given the error, the subscription or None, and the envelope or None"
            )

        self._on_error = on_error
        self._end: Callable[[BaseException], None] | None = None
        self._raised: list[Exception] = []

    def attach(self, end: Callable[[BaseException], None] | None) -> None:
        """Have a bus that opens ended with the failures; or, with None, none more."""
        self._end = end
        self._raised.clear()

    def __call__(
        self,
        error: Exception,
        subscription: Subscription[..., Any] | None,
        envelope: Envelope[Any] | None,
    ) -> None:
        """Report one failure, once."""
        if callable(self._on_error):
            self._tell(self._on_error, error, subscription, envelope)
        elif self._on_error == "raise" and self._end is not None:
            self._raised.append(error)
            self._end(failed([*self._raised], ""))
        else:
            _log("a background callback failed", error, subscription, envelope)

    def _tell(
        self,
        on_error: Callable[..., object],
        error: Exception,
        subscription: Subscription[..., Any] | None,
        envelope: Envelope[Any] | None,
    ) -> None:
        try:
            on_error(error, subscription, envelope)
        except Exception as another:  # noqa: BLE001 (both are logged)
            _log("a background callback failed", error, subscription, envelope)
            who = f"{describe(on_error)} ({place_of(on_error)})"
            _log(f"on_error itself failed, {who}", another, subscription, envelope)


def _log(
    text: str,
    error: Exception,
    subscription: Subscription[..., Any] | None,
    envelope: Envelope[Any] | None,
) -> None:
    extra = {
        "upcall_subscription": repr(subscription) if subscription else None,
        "upcall_event": envelope.name if envelope else None,
        "upcall_envelope": envelope.id if envelope else None,
    }
    # Its notes tell the callback, its place and the event.
    told = [repr(error), *getattr(error, "__notes__", ())]
    told += [f"envelope {envelope.id}"] if envelope else []

    import logging  # noqa: PLC0415 (a fifth of what importing the core costs)

    logging.getLogger("upcall").error(
        "%s: %s", text, "; ".join(told), exc_info=error, extra=extra
    )


class Background:
    """What runs in an open bus. Made in the task that opens it, and left there."""

    def __init__(self, report: Reporter) -> None:
        self.loop: Loop = current_loop()
        self.home: Home = _BusHome(self, report)
        self.closed = False
        self._idling = 0
        self._report = report
        self._children = open_children()
        self._delays: set[Delay] = set()
        self._expected: set[Future[Any]] = set()

    def expect(self, future: Future[Any]) -> None:
        """Know of an emission that another thread has sent on its way. From there.

        Raises:
            BusNotOpenError: the bus has closed.
        """
        with LOCK:
            if self.closed:
                raise BusNotOpenError("the bus is closed: it starts nothing any more")

            self._expected.add(future)

    def expected(self, future: Future[Any]) -> bool:
        """Take note that it has come; False if the bus has closed before it could."""
        with LOCK:
            found = future in self._expected
            self._expected.discard(future)

        return found

    @property
    def running(self) -> int:
        """How many background tasks there are."""
        return self._children.count

    async def enter(self) -> None:
        """Begin."""
        await self._children.enter()
        self._report.attach(self._children.end_all)

    def start(
        self, coroutine: Coroutine[Any, Any, object], context: Context | None = None
    ) -> None:
        """Run a coroutine that handles its own failures, in a copy of the context.

        Raises:
            BusNotOpenError: the bus has closed; the coroutine is closed too.
        """
        if self.closed:
            coroutine.close()
            raise BusNotOpenError("the bus is closed: it starts nothing any more")

        inside = copy_context() if context is None else context.copy()
        task = inside.run(_enter_task, self)
        self._children.start(self._live(task, coroutine), inside)

    async def _live(self, task: _Task, coroutine: Coroutine[Any, Any, object]) -> None:
        try:
            await coroutine
        finally:
            # What it leaves behind in its context (another library's task, say) is not
            # ours: we neither wait for that, nor count it.
            task.over = True
            self._idling -= task.idle_waits > 0

    async def supervise(
        self,
        coroutine: Coroutine[Any, Any, Any],
        subscription: Subscription[..., Any] | None,
        envelope: Envelope[Any] | None,
        failure: Callable[[Exception], Exception],
    ) -> None:
        """Run a background callback to its end; report its failure."""
        try:
            await coroutine
        except Exception as error:  # noqa: BLE001 (reported)
            self._report(failure(error), subscription, envelope)
        except anyio.get_cancelled_exc_class():
            if self.is_cancelled():
                raise

            lone = CallbackCancelledError("it ended cancelled; nobody cancelled it")
            self._report(failure(lone), subscription, envelope)

    def is_cancelled(self) -> bool:
        """Tell whether somebody cancelled the running task, one of ours."""
        return self._children.is_cancelled()

    def add_delay(self, delay: Delay) -> None:
        """Know of a delay, to flush it when the bus drains."""
        self._delays.add(delay)

    @contextmanager
    def idle(self) -> Generator[None]:
        """Let nobody wait for this task meanwhile, if it is one of ours.

        It waits for the bus itself: in a stream, or to drain.
        """
        task = _TASK.get()

        if task is None or task.owner is not self or task.over:
            yield
            return

        task.idle_waits += 1
        self._idling += task.idle_waits == 1
        self._children.nudge()

        try:
            yield
        finally:
            task.idle_waits -= 1
            self._idling -= task.idle_waits == 0 and not task.over

    async def drain(self) -> None:
        """Wait until nothing of ours runs or waits, but tasks that idle."""
        with self.idle():
            while not await self._is_quiet():
                pass

    async def _is_quiet(self) -> bool:
        """Wait for something to end, if there is anything."""
        for delay in self._delays:
            delay.flush()

        self._delays = {delay for delay in self._delays if delay.waiting}

        if self.running > self._idling:
            await self._children.wait_fewer()
        elif self.loop.jobs.pending or self._expected:
            await self._end_of_turn()
        else:
            return True

        return False

    async def _end_of_turn(self) -> None:
        """Let what other threads have sent begin, and the jobs of promises end."""
        done = anyio.Event()
        self.loop.call_soon_threadsafe(self.loop.jobs.at_end, done.set)
        await done.wait()

    async def leave(
        self,
        error: BaseException | None,
        grace: float | None,
        end_streams: Callable[[], None],
    ) -> None:
        """Wait for all that runs, for ``grace`` seconds at most, and end it.

        What still runs may go on to emit, until nothing runs any more. Tasks of ours
        that wait in a stream would wait for ever: so the streams end when nobody but
        these is left.
        """
        interrupted = None

        if error is None:
            interrupted = await self._wait_for_the_end(grace, end_streams)

        self._close()
        end_streams()
        caught = await self._children.leave(error or interrupted)
        self._report.attach(None)

        if isinstance(self._children.fatal, Exception):
            _log(
                "the bus was ended by this, and by an error of the block itself",
                self._children.fatal,
                None,
                None,
            )

        if interrupted is not None and not caught:
            raise interrupted

    def _close(self) -> None:
        """Start nothing from now on; refuse what other threads have on its way."""
        with LOCK:
            self.closed = True
            late, self._expected = self._expected, set()

        for future in late:
            if future.set_running_or_notify_cancel():
                future.set_exception(BusNotOpenError("the bus was closed before this"))

    async def _wait_for_the_end(
        self, grace: float | None, end_streams: Callable[[], None]
    ) -> BaseException | None:
        """Wait, and return what interrupted the waiting."""
        try:
            with anyio.move_on_after(grace) as patience:
                await self.drain()
                end_streams()
                await self.drain()
        except BaseException as error:  # noqa: BLE001 (raised by whoever asked)
            return error

        if patience.cancelled_caught:
            self._children.scope.cancel()

        return None


class _BusHome(Home):
    """The home of a bus's promises: its tasks are the bus's, its failures too."""

    __slots__ = ("_background", "_report")

    def __init__(self, background: Background, report: Reporter) -> None:
        super().__init__(background.loop)
        self._background = background
        self._report = report

    def spawn(
        self, coroutine: Coroutine[Any, Any, object], context: Context
    ) -> OwnedTask:
        """Run it in the bus, in a scope of its own.

        Raises:
            BusNotOpenError: the bus has closed; the coroutine is closed too.
        """
        task = OwnedTask(self._background.loop, coroutine)

        try:
            self._background.start(task.run(), context)
        except BusNotOpenError:
            task.close()
            raise

        return task

    def report(self, promise: Promise[Any], reason: BaseException) -> None:
        """Hand it to ``on_error``."""
        del promise

        if isinstance(reason, Exception):
            self._report(reason, None, None)


class _Task:
    """A background task, as known in its context: to all its children too."""

    __slots__ = ("idle_waits", "over", "owner")

    def __init__(self, owner: Background) -> None:
        self.owner = owner
        self.idle_waits = 0
        self.over = False


_TASK: ContextVar[_Task | None] = ContextVar("upcall_task", default=None)


def _enter_task(owner: Background) -> _Task:
    """Mark a context as that of a background task."""
    task = _Task(owner)
    _TASK.set(task)
    INSIDE.set(frozenset())

    return task
