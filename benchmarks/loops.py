"""The event loops to measure on, and what is native to each."""

from __future__ import annotations

__all__ = ("LOOPS", "Loop", "Start", "why_absent")

import asyncio
import functools
import importlib.util
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Literal, TypeAlias, TypeVar

import anyio
import attrs

T = TypeVar("T")

Start: TypeAlias = Callable[[Callable[[Any], Any], Any], None]
"""Starts an async function of one argument in a task of its own."""


@attrs.frozen(kw_only=True)
class Loop:
    """An event loop."""

    name: str
    library: str | None
    """What has to be installed for it."""

    backend: Literal["asyncio", "trio"]
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    pause: Callable[[], Awaitable[object]]
    """Lets the others run once."""

    tasks: Callable[[], AbstractAsyncContextManager[Start]]
    """Opens a native group of tasks, and waits for them."""

    def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run an async function in a loop of its own."""
        return anyio.run(
            function, *args, backend=self.backend, backend_options=dict(self.options)
        )


def why_absent(loop: Loop) -> str | None:
    """Return why the loop cannot be used here; None if it can."""
    if loop.library is None or importlib.util.find_spec(loop.library):
        return None

    return f"needs {loop.library}, which is not installed"


@asynccontextmanager
async def _task_group() -> AsyncGenerator[Start]:
    async with asyncio.TaskGroup() as group:

        def start(function: Callable[[Any], Any], argument: object) -> None:
            group.create_task(function(argument))

        yield start


@asynccontextmanager
async def _nursery() -> AsyncGenerator[Start]:
    import trio  # noqa: PLC0415 (not everybody has it)

    async with trio.open_nursery() as nursery:

        def start(function: Callable[[Any], Any], argument: object) -> None:
            nursery.start_soon(function, argument)

        yield start


def _trio_checkpoint() -> Awaitable[None]:
    import trio  # noqa: PLC0415 (not everybody has it)

    return trio.lowlevel.checkpoint()  # noqa: ASYNC105 (whoever calls this awaits it)


_turn = functools.partial(asyncio.sleep, 0)

LOOPS: Final = (
    Loop(
        name="asyncio", library=None, backend="asyncio", pause=_turn, tasks=_task_group
    ),
    Loop(
        name="uvloop",
        library="uvloop",
        backend="asyncio",
        options={"use_uvloop": True},
        pause=_turn,
        tasks=_task_group,
    ),
    Loop(
        name="trio",
        library="trio",
        backend="trio",
        pause=_trio_checkpoint,
        tasks=_nursery,
    ),
)
