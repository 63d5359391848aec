"""A bare server in a process of its own, for what sends requests of 1024 bytes."""

from __future__ import annotations

__all__ = ("serving",)

import contextlib
import subprocess
import sys
from collections.abc import Iterator

# In a process of its own, so that its cost is nobody's; it counts bytes, since every
# request ends with the same 1024.
_SERVER = """
import asyncio, sys

class Answering(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.tail = transport, b""

    def data_received(self, data):
        data = self.tail + data
        while (end := data.find(b"\\r\\n\\r\\n")) >= 0 and len(data) >= end + 4 + 1024:
            data = data[end + 4 + 1024:]
            self.transport.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
        self.tail = data

async def main(ports):
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(ports):
        server = await loop.create_server(Answering, "127.0.0.1", 0)
        found.append(server.sockets[0].getsockname()[1])
    print(*found, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)

asyncio.run(main(int(sys.argv[1])))
"""


@contextlib.contextmanager
def serving(number: int) -> Iterator[list[int]]:
    """Run the server, and give the ports it listens on."""
    command = [sys.executable, "-c", _SERVER, str(number)]

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None

        try:
            yield [int(port) for port in process.stdout.readline().split()]
        finally:
            process.terminate()
