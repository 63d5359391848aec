"""Every async test runs on asyncio, on uvloop where there is one, and on trio."""

from __future__ import annotations

__all__ = ("anyio_backend",)

import faulthandler
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(
        ("asyncio", {"use_uvloop": True}),
        id="uvloop",
        marks=pytest.mark.skipif(
            sys.platform == "win32", reason="there is no uvloop for Windows"
        ),
    ),
    pytest.param(
        ("trio", {"restrict_keyboard_interrupt_to_checkpoints": True}), id="trio"
    ),
]


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Choose the event loop."""
    return request.param


@pytest.fixture(autouse=True)
def _measured() -> Iterator[None]:
    """Go on measuring coverage: a full stack ends tracing, and some tests fill it."""
    trace = sys.gettrace()
    yield
    sys.settrace(trace)


@pytest.fixture(autouse=True)
def _patient() -> None:
    """Let the long form of a test that kills processes take as long as it takes."""
    if "UPCALL_KILL_ROUNDS" in os.environ:
        faulthandler.cancel_dump_traceback_later()
