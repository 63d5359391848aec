"""Children on trio: a nursery, whose tasks catch what they raise."""

from __future__ import annotations

__all__ = ("fits", "make", "run_all")

from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from typing import Any, cast

import trio

from .children import Children, Failed, tell_lost, unlinked


def fits() -> bool:
    """Tell whether these can be used: always, in a trio task or callback."""
    return True


async def run_all(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run coroutines as children; see `families.run_all`."""
    outcomes: list[Any] = [None] * len(coroutines)

    async def child(i: int, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            outcomes[i] = await coroutine
        except Exception as error:  # noqa: BLE001 (handed on in the outcomes)
            outcomes[i] = Failed(error)

    try:
        async with trio.open_nursery() as nursery:
            for i, coroutine in enumerate(coroutines):
                nursery.start_soon(child, i, coroutine)
    except BaseExceptionGroup as group:
        tell_lost(outcomes)
        raise _bare(group) from None

    return unlinked(outcomes)


def _bare(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take out of a nursery's group what is to come out bare.

    Children catch every Exception, so only cancellations and the likes of
    KeyboardInterrupt are in it; one of the latter counts more.
    """
    leaves = list(_leaves(group))
    others = [leaf for leaf in leaves if not isinstance(leaf, trio.Cancelled)]

    return (others or leaves)[0]


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []

    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            found.extend(_leaves(cast("BaseExceptionGroup[BaseException]", error)))
        else:
            found.append(error)

    return found


class _TrioChildren(Children):
    """Background tasks in a nursery that is held open inside the scope."""

    async def enter(self) -> None:
        self.scope.__enter__()
        self._manager: AbstractAsyncContextManager[trio.Nursery] = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()

    def start(self, coroutine: Coroutine[Any, Any, object], context: Context) -> None:
        context.run(self._nursery.start_soon, self._child, coroutine)
        self.started()

    async def _child(self, coroutine: Coroutine[Any, Any, object]) -> None:
        fatal: BaseException | None = None

        try:
            await coroutine
        except trio.Cancelled:
            # It has done its work: whoever waits for us is cancelled on their own, and
            # the nursery would only wrap this one up in a group.
            pass
        except BaseException as error:  # noqa: BLE001 (raised bare by leave)
            fatal = error
        finally:
            self.ended(fatal)

    async def close(self) -> None:
        await self._manager.__aexit__(None, None, None)


def make() -> Children:
    """Make children that are to be entered in the running task."""
    return _TrioChildren()
