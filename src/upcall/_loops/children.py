"""Tasks that hang in a cancel scope: what every loop's children have in common."""

# Rule 1: a child never outlives the one who waits for it: cancelled, we cancel the
#   children, wait for them behind a shield, and only then let the cancellation out.
# Rule 2: cancellation means what anyio says it means, in the children too: levels,
#   shields and deadlines. A native asyncio.TaskGroup inside an anyio scope does not
#   give that, and anyio's own group costs four times as much. So on asyncio we hang
#   native tasks into a scope ourselves (asyncio_children), on trio a nursery does it
#   (trio_children), and where neither fits anyio's group is used (plain_children).

from __future__ import annotations

__all__ = ("Children", "Failed", "tell_lost", "unlinked")

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from contextvars import Context
from typing import Any

import anyio
import attrs

from .which import current_loop


@attrs.frozen(eq=False)
class Failed:
    """What stands in a list of results for a child that raised."""

    error: Exception


def unlinked(outcomes: list[Any]) -> list[Any]:
    """Move outcomes into a list that the frames of the children do not know.

    Their errors know these frames: so they would keep themselves, and the payload.
    """
    moved = outcomes.copy()
    outcomes.clear()
    return moved


def tell_lost(outcomes: Iterable[Any]) -> None:
    """Tell of the failures of children whose outcomes nobody will have.

    Who waited for them was cancelled or interrupted, and that comes out alone.
    """
    for outcome in outcomes:
        if type(outcome) is Failed:
            text = "a callback failed after it was cancelled"
            current_loop().handle_exception(text, outcome.error)


class Children(ABC):
    """Tasks that belong to a cancel scope, started from any callback of its loop.

    Enter it, start coroutines, and `leave` it. A child handles its own exceptions: one
    that raises an `Exception` all the same, or is told to end by a KeyboardInterrupt,
    ends all of them, and `leave` raises it bare.
    """

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.count = 0
        self.fatal: BaseException | None = None
        """What has ended all of them; once left, only if `leave` could not raise it."""

        self._fewer: anyio.Event | None = None

    @abstractmethod
    async def enter(self) -> None:
        """Enter the scope, in the task that will leave it."""

    @abstractmethod
    def start(self, coroutine: Coroutine[Any, Any, object], context: Context) -> None:
        """Run a coroutine as a child, in a copy of the context. From the loop only."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what `enter` took beside the scope, in the same task.

        No child is left. It may take a turn of the loop, and cannot be cancelled.
        """

    def is_cancelled(self) -> bool:
        """Tell whether somebody cancelled the running task.

        Where tasks can raise a cancellation of their own making, asyncio, the task
        itself knows.
        """
        return True

    def has_left_the_loop(self) -> bool:
        """Tell whether `fatal` has come out of the loop itself already.

        On asyncio, what is no `Exception` and ends a task ends the loop's run too.
        """
        return False

    def _outranks(self) -> bool:
        """Tell whether `fatal` counts more than what ended the block from outside.

        Once it has left the loop, whoever runs that loop knows of it, and cancels the
        block to clean up: raised a second time, it would end the cleaning up.
        """
        return not isinstance(self.fatal, Exception) and not self.has_left_the_loop()

    def started(self) -> None:
        """Count a child in."""
        self.count += 1

    def ended(self, error: BaseException | None) -> None:
        """Count a child out."""
        self.count -= 1

        if error is not None and self.fatal is None:
            self.end_all(error)

        self.nudge()

    def end_all(self, error: BaseException) -> None:
        """Cancel everything inside the scope, and have `leave` raise this."""
        self.fatal = error
        self.scope.cancel()

    def nudge(self) -> None:
        """Let whoever waits for fewer children look again."""
        if self._fewer is not None:
            self._fewer.set()

    async def wait_fewer(self) -> None:
        """Wait until a child has ended, or somebody nudged."""
        if self._fewer is None or self._fewer.is_set():
            self._fewer = anyio.Event()

        await self._fewer.wait()

    async def leave(self, error: BaseException | None) -> bool:
        """Wait for the children that are left and leave the scope.

        Args:
            error: what ended the block, if anything; the children are cancelled then.

        Returns:
            Whether the error was our own cancellation and ends here.
        """
        if error is not None:
            self.scope.cancel()

        cancelled = await self._wait_for_all()

        await self.close()
        return self._leave_scope(error or cancelled, error)

    async def _wait_for_all(self) -> BaseException | None:
        """Wait whatever comes; return what tried to end the waiting first."""
        cancelled: BaseException | None = None

        with anyio.CancelScope() as patience:
            while self.count:
                try:
                    await self.wait_fewer()
                except BaseException as error:  # noqa: BLE001 (returned, and raised)
                    cancelled = cancelled or error
                    patience.shield = True
                    self.scope.cancel()

        return cancelled

    def _leave_scope(
        self, cause: BaseException | None, error: BaseException | None
    ) -> bool:
        kind, trace = (type(cause), cause.__traceback__) if cause else (None, None)
        caught = bool(self.scope.__exit__(kind, cause, trace))

        if self.fatal is not None and (cause is None or caught or self._outranks()):
            fatal, self.fatal = self.fatal, None
            raise fatal

        if cause is not None and cause is not error and not caught:
            raise cause

        return caught and error is not None
