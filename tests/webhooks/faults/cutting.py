"""A proxy before PostgreSQL that cuts connections in the middle of a COMMIT."""

from __future__ import annotations

__all__ = ("CuttingProxy",)

import contextlib
import socket
import threading
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias

Cut: TypeAlias = Literal["before", "after"]
"""Whether the server never hears of the COMMIT, or the client of its success."""

_SOCKET: Final = ".s.PGSQL.5432"
_SECONDS: Final = 120.0


class CuttingProxy:
    """Listens on a port of this machine, and forwards to the socket of a server.

    Args:
        root: the directory with the server's socket.
    """

    def __init__(self, root: Path) -> None:
        self._target = str(root / _SOCKET)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._cuts: list[Cut] = []
        self._lock = threading.Lock()
        self.done = 0
        """How many connections have been cut."""

        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # To close it would not wake the thread that waits in it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def url(self, database: str) -> str:
        """Return the URL of a database, through the proxy."""
        port = self._listener.getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}/{database}?sslmode=disable"

    def cut(self, cut: Cut) -> None:
        """Cut at the next COMMIT."""
        with self._lock:
            self._cuts.append(cut)

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return

            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            pair = _Pair(self, client, server)
            threading.Thread(target=pair.forward, daemon=True).start()
            threading.Thread(target=pair.give_back, daemon=True).start()

    def next_cut(self) -> Cut | None:
        """Return how to cut at this COMMIT, or None; it is then done."""
        with self._lock:
            if not self._cuts:
                return None

            self.done += 1
            return self._cuts.pop(0)


class _Pair:
    """A client and its server."""

    def __init__(
        self, proxy: CuttingProxy, client: socket.socket, server: socket.socket
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._mute = False
        client.settimeout(_SECONDS)
        server.settimeout(_SECONDS)

    def forward(self) -> None:
        """Hand on what the client says."""
        with contextlib.suppress(OSError):
            while data := self._client.recv(65536):
                cut = self._proxy.next_cut() if b"COMMIT\0" in data else None

                if cut == "before":
                    break

                self._mute = cut == "after"
                self._server.sendall(data)

        self._close()

    def give_back(self) -> None:
        """Hand on what the server says."""
        with contextlib.suppress(OSError):
            while data := self._server.recv(65536):
                if self._mute:  # it has answered, so it has committed
                    break

                self._client.sendall(data)

        self._close()

    def _close(self) -> None:
        for each in (self._client, self._server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

            each.close()
