"""Real HTTP servers for the demo, on sockets of this machine."""

from __future__ import annotations

__all__ = ("Backend", "check_backend", "listen", "serving")

import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from importlib.util import find_spec
from typing import Any, Final, Literal, TypeAlias

import anyio
import click
import uvicorn

Backend: TypeAlias = Literal["asyncio", "trio"]

HOST: Final = "127.0.0.1"


def check_backend(backend: Backend) -> None:
    """See whether there is a server for this event loop.

    Raises:
        click.ClickException: if not; says what to install.
    """
    if backend == "trio" and not (find_spec("trio") and find_spec("hypercorn")):
        raise click.ClickException(
            "--trio needs trio and a server for it: pip install 'hypercorn[trio]'"
        )


def listen(port: int, option: str) -> socket.socket:
    """Open a socket on loopback.

    Args:
        port: 0 for one that is free.
        option: of the command line, where the port comes from.

    Raises:
        click.ClickException: if the port cannot be had.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise click.ClickException(
            f"port {port} of {HOST} cannot be had ({error.strerror}): "
            f"give another with {option}"
        ) from error


@contextlib.asynccontextmanager
async def serving(
    app: Callable[..., Any], listener: socket.socket, backend: Backend
) -> AsyncGenerator[str, None]:
    """Serve an ASGI app while the context lasts, and give the URL of its root.

    The socket listens already, so nobody has to wait for the server. It is closed, and
    requests under way are finished, before the context ends, cancelled or not.
    """
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    serve = _serve_on_trio if backend == "trio" else _serve_on_asyncio
    stop = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(serve, app, listener, stop)

        try:
            yield url
        finally:
            stop.set()


class _Uvicorn(uvicorn.Server):
    """A server that leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _serve_on_asyncio(
    app: Callable[..., Any], listener: socket.socket, stop: anyio.Event
) -> None:
    server = _Uvicorn(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    # Cancelled in the middle, it would leave connections behind: it is told to end.
    with anyio.CancelScope(shield=True):
        async with anyio.create_task_group() as group:
            group.start_soon(end)
            await server.serve([listener])


async def _serve_on_trio(
    app: Callable[..., Any], listener: socket.socket, stop: anyio.Event
) -> None:
    from hypercorn.config import Config  # noqa: PLC0415 (not of the extra)
    from hypercorn.trio import (  # noqa: PLC0415 (as above)
        serve,  # pyright: ignore[reportUnknownVariableType]
    )

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    config.graceful_timeout = 1.0

    with anyio.CancelScope(shield=True):
        await serve(app, config, shutdown_trigger=stop.wait)
