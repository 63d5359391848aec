"""Fakes of the webhooks' tests: a transport that answers by a script, and the like."""

from __future__ import annotations

__all__ = (
    "SECRET",
    "FakeTransport",
    "Middle",
    "Sent",
    "accepts",
    "make_endpoint",
    "until",
)

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, TypeAlias

import anyio
import attrs
from anyio.lowlevel import checkpoint

from upcall.webhooks._proto.answer import Answer
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.schemes import new_secret, scheme

SECRET = new_secret()

Step: TypeAlias = int | Answer | Exception
"""What a request comes to: a status, an answer, or an error that is raised."""


@attrs.frozen
class Sent:
    """A request that was made."""

    url: str
    headers: dict[str, str]
    """By name in lower case."""

    body: bytes
    timeout: float

    @property
    def id(self) -> str:
        """The id of the message."""
        return self.headers["webhook-id"]


class FakeTransport:
    """Answers by a script, one step per request of a URL, then as by default.

    Args:
        script: the steps for each URL.
        default: what comes after them.
    """

    def __init__(
        self, script: dict[str, Sequence[Step]] | None = None, *, default: Step = 204
    ) -> None:
        self._script = {url: list(steps) for url, steps in (script or {}).items()}
        self._default = default
        self._gate: anyio.Event | None = None
        self._arrived = anyio.Event()
        self.sent: list[Sent] = []
        self.in_flight: dict[str, int] = {}
        self.most_in_flight: dict[str, int] = {}
        self.is_closed = False

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 (as the contract has it)
    ) -> Answer:
        by_name = {name.lower(): value for name, value in headers}
        self.sent.append(Sent(url, by_name, body, timeout))
        step = self._next(url)
        self._arrived.set()
        self._enter(url)

        try:
            await checkpoint()

            if self._gate is not None:
                await self._gate.wait()
        finally:
            self.in_flight[url] -= 1

        return _answer(step)

    async def aclose(self) -> None:
        self.is_closed = True
        await checkpoint()

    def hold(self) -> None:
        """Answer nothing, until `release`."""
        self._gate = anyio.Event()

    def release(self) -> None:
        """Answer what is held, and all that comes."""
        gate, self._gate = self._gate, None

        if gate is not None:
            gate.set()

    async def arrived(self, number: int = 1) -> list[Sent]:
        """Wait until so many requests have been made."""
        with anyio.fail_after(20):
            while len(self.sent) < number:
                self._arrived = anyio.Event()
                await self._arrived.wait()

        return self.sent

    def _enter(self, url: str) -> None:
        now = self.in_flight[url] = self.in_flight.get(url, 0) + 1
        self.most_in_flight[url] = max(now, self.most_in_flight.get(url, 0))

    def _next(self, url: str) -> Step:
        steps = self._script.get(url)
        return steps.pop(0) if steps else self._default


def _answer(step: Step) -> Answer:
    if isinstance(step, Exception):
        raise step

    return (
        step if isinstance(step, Answer) else Answer(status=step, address="192.0.2.1")
    )


def make_endpoint(name: str = "one", **changes: Any) -> Endpoint:
    """Make an endpoint that is right, at a URL with its name."""
    fields: dict[str, Any] = {
        "id": name,
        "url": f"https://{name}.example/hooks",
        "events": ["**"],
        "secret": SECRET,
    }
    return Endpoint(**(fields | changes))


def accepts(sent: Sent, *, now: float, secret: str = SECRET) -> bool:
    """Tell whether a request is signed as it should be; raise if it is not."""
    scheme("standard", secret=secret).verify(sent.headers, sent.body, now=now)
    return True


async def until(
    look: Callable[[], Awaitable[Sequence[Any]]], number: int
) -> Sequence[Any]:
    """Look again and again until there are so many, and return them.

    What is looked at has a thread of its own to wait for, so this does not spin.
    """
    with anyio.fail_after(20):
        while len(found := await look()) < number:
            await checkpoint()

    return found


class Middle(Random):
    """Dice that always show the middle: no jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2
