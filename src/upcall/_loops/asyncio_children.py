"""Children on asyncio: native tasks that are hung into an anyio cancel scope."""

# Why: anyio's task group costs four times a native one, and a native one knows nothing
#   of anyio's scopes (a shield inside a child does not hold, a deadline is not seen).
#   Hung into the scope by hand, native tasks cost about 1.2 of a native group and
#   behave as anyio's do.
# How: anyio keeps for each task a TaskState that names its scope, and for each scope
#   the set of its tasks, which it cancels again on every turn until they have ended.
#   Those three names are private to anyio. If they are not as we know them, `fits` says
#   so and anyio's own group does the work (plain_children).
# Task factories are passed by: an eager one would start a task before we could hang it
#   anywhere. anyio does the same.

from __future__ import annotations

__all__ = ("fits", "make", "run_all")

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from functools import partial
from typing import Any

from anyio import CancelScope

from upcall.errors import CallbackCancelledError

from .children import Children, Failed, tell_lost

try:
    from anyio._backends import _asyncio as _anyio

    _states: Any = _anyio._task_states  # noqa: SLF001 (see How)  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownVariableType]
    _State: Any = _anyio.TaskState
    _known = "_tasks" in _anyio.CancelScope.__slots__
except (ImportError, AttributeError):  # pragma: no cover (a later anyio)
    _known = False


def fits() -> bool:
    """Tell whether tasks can be hung into scopes."""
    return _known


def _maker(loop: asyncio.AbstractEventLoop) -> Callable[..., asyncio.Task[Any]]:
    """Return what makes tasks that do not start before the next turn."""
    if loop.get_task_factory() is None:
        return loop.create_task

    return partial(asyncio.Task, loop=loop)


def _members(scope: Any) -> set[asyncio.Task[Any]]:
    found: set[asyncio.Task[Any]] = scope._tasks  # noqa: SLF001 (see How)
    return found


class _Hook:
    """Hangs tasks into one scope, and takes them out when they are done."""

    __slots__ = ("_members", "_parent", "_scope")

    def __init__(self, scope: CancelScope) -> None:
        self._scope = scope
        self._members = _members(scope)
        self._parent = id(asyncio.current_task())

    def hang(self, task: asyncio.Task[Any]) -> None:
        _states[task] = _State(self._parent, self._scope)
        self._members.add(task)

    def take(self, task: asyncio.Task[Any]) -> None:
        self._members.discard(task)
        _states.pop(task, None)


async def run_all(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run coroutines as children; see `families.run_all`.

    What `_Hook` does is written out here: a call for each task would cost a tenth.
    """
    loop = asyncio.get_running_loop()
    create, parent = _maker(loop), id(asyncio.current_task())
    left = len(coroutines)
    waiter: asyncio.Future[None] | None = None
    tasks: list[asyncio.Task[Any]] = []

    with CancelScope() as scope:
        members = _members(scope)

        def ended(task: asyncio.Task[Any]) -> None:
            nonlocal left
            left -= 1
            members.discard(task)
            del _states[task]

            if not left and waiter is not None and not waiter.done():
                waiter.set_result(None)

        for coroutine in coroutines:
            task = create(coroutine)
            tasks.append(task)
            _states[task] = _State(parent, scope)
            members.add(task)
            task.add_done_callback(ended)

        try:
            waiter = loop.create_future()
            await waiter
        except BaseException:
            scope.cancel()

            with CancelScope(shield=True):
                while left:
                    waiter = loop.create_future()

                    try:
                        await waiter
                    except asyncio.CancelledError:
                        # Cancelled natively once more: rule 1 still holds.
                        continue

            tell_lost(map(_outcome, filter(_has_failed, tasks)))
            raise

    return [_outcome(task) for task in tasks]


def _outcome(task: asyncio.Task[Any]) -> Any:
    if task.cancelled():
        return Failed(CallbackCancelledError("it ended cancelled; nobody cancelled it"))

    error = task.exception()

    if error is None:
        return task.result()

    # Raised here, it would know our frames, which know it: a cycle.
    if isinstance(error, Exception):
        return Failed(error)

    raise error


def _has_failed(task: asyncio.Task[Any]) -> bool:
    """Tell whether a task raised an `Exception`; an interrupt has left the loop.

    To ask is also to spare us asyncio's complaint that nobody did.
    """
    return not task.cancelled() and isinstance(task.exception(), Exception)


class _AsyncioChildren(Children):
    """Background tasks, each made in the context it is given."""

    async def enter(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.scope.__enter__()
        self._hook = _Hook(self.scope)

    def is_cancelled(self) -> bool:
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0

    def has_left_the_loop(self) -> bool:
        return isinstance(self.fatal, KeyboardInterrupt | SystemExit)

    def start(self, coroutine: Coroutine[Any, Any, object], context: Context) -> None:
        task = _maker(self._loop)(coroutine, context=context)
        self._hook.hang(task)
        self.started()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._hook.take(task)
        error = None if task.cancelled() else task.exception()
        self.ended(error)

    async def close(self) -> None:
        """There is nothing but the scope."""


def make() -> Children:
    """Make children that are to be entered in the running task."""
    return _AsyncioChildren()
