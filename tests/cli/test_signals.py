"""SIGTERM ends what runs, and lets it put everything away."""

from __future__ import annotations

import signal
import sys

import anyio
import anyio.lowlevel
import pytest

from upcall.cli.signals import TerminatedError, ended_by_sigterm

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="there is no such signal on Windows"
)


async def test_sigterm_cancels_the_block() -> None:
    """It is awaited while it cleans up, and only then the error comes."""
    put_away = False

    with pytest.raises(TerminatedError):
        async with ended_by_sigterm():
            signal.raise_signal(signal.SIGTERM)

            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
                    put_away = True

    assert put_away


async def test_without_a_signal_nothing_happens() -> None:
    """The block ends as it would, and the handler is the one that was there before."""
    before = signal.getsignal(signal.SIGTERM)

    async with ended_by_sigterm():
        await anyio.lowlevel.checkpoint()

    assert signal.getsignal(signal.SIGTERM) is before
