"""The system's resolver, in threads of its own."""

# Rule 1: a name server that never answers must not eat the threads of the application,
#   nor more than a fixed number of ours. A lookup cannot be stopped: it is left behind,
#   and its place is free again when its thread ends.

from __future__ import annotations

__all__ = ("SystemResolver",)

import socket
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

import anyio
import anyio.to_thread

_MOST: Final = 32


class SystemResolver:
    """Looks up names as the machine does (``getaddrinfo``). For one event loop."""

    def __init__(self, most: int = _MOST) -> None:
        """Allow so many lookups at a time, those left behind included."""
        self._limiter = anyio.CapacityLimiter(most)
        self._places = threading.BoundedSemaphore(most)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return every address of the host, each once, in the system's order.

        Cancellation leaves the lookup behind in its thread.

        Raises:
            OSError: the name is not known, no server answers, or too many lookups that
                were left behind still hang.
        """
        return await anyio.to_thread.run_sync(
            partial(self._look_up, host, port),
            abandon_on_cancel=True,
            limiter=self._limiter,
        )

    def _look_up(self, host: str, port: int) -> list[str]:
        # On asyncio the limiter forgets what was left behind; the semaphore does not.
        if not self._places.acquire(blocking=False):
            raise OSError("too many lookups hang: no name server answers")

        try:
            # As bytes: else Python applies IDNA 2003 to what is IDNA 2008 already.
            found = socket.getaddrinfo(
                host.encode("ascii"), port, type=socket.SOCK_STREAM
            )
        finally:
            self._places.release()

        return list(dict.fromkeys(str(each[4][0]) for each in found))
