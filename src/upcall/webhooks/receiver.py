"""Incoming webhooks become events: the ASGI app that takes them."""

# Rule 1: the order is path, method, content type, body, signature, JSON, event, seen
#   before, callbacks, answer. Nothing of a request is used before all that stands
#   earlier here has been passed; above all nothing is parsed that was not verified.
# Rule 2: an answer of 2xx means that the event has been handled, by this request or by
#   a copy of it.
# Rule 3: the sender learns a status and its one text; the log learns the reason.

from __future__ import annotations

__all__ = ("Receiver", "Source")

import logging
from collections.abc import Iterable
from functools import partial
from typing import Final, Literal

from upcall._events.bus import Bus
from upcall.errors import OptionError

from ._receive.asgi import (
    Receive,
    Scope,
    Send,
    declared_length,
    find_paths,
    read_body,
    read_headers,
    respond,
    serve_lifespan,
    turn_away,
)
from ._receive.intake import Arrival, Intake, check_head, intakes_of
from ._receive.refusal import TEXTS, Refusal, SenderGone
from ._receive.source import Source
from .clock import Clock, SystemClock

BODY_SECONDS: Final = 30.0
"""How long a sender may take over its body; senders give up after 5 to 30 seconds."""

_log = logging.getLogger("upcall")


class Receiver:
    """An ASGI app that turns the webhooks of its sources into events on a bus.

    Mount it in Starlette, FastAPI, Litestar or Django, or let a server run it alone;
    it needs no lifespan. It answers 202 when the event has been handled and 500 when a
    callback failed, so that the sender may send it again, and it refuses with 400, 401,
    404, 405, 408, 413 or 415. Each request is on record on the logger ``upcall``, its
    particulars in ``extra``, without secrets.

    An event is called ``<name of the source>.<type>`` (``github.push``), where a ``/``
    in the type becomes a dot. Its payload is the event class registered for that name,
    built and validated, or else plain data. GitHub's type is ``X-GitHub-Event`` (the
    action stays in the payload). With ``"standard"`` and ``"svix"`` the type is the
    ``"type"`` of the body; the payload is its ``"data"`` if there is a ``"timestamp"``
    too, as Standard Webhooks recommends, and else the whole body.

    The id of the envelope is made from the source's name and the sender's id, so it is
    the same when the sender sends again. Copies of an event that has been handled are
    answered 202 and not emitted; those that come meanwhile wait for how it ends. Ids
    are remembered in memory, for as long as the sender may send again.

    It serves one event loop at a time, the one in which the bus is open. If the host
    cancels a request, its callbacks are cancelled and its id is free again.

    Args:
        bus: where the events are emitted.
        sources: who sends; each has a path of its own.
        answer: when to answer. ``"done"``: after the callbacks.
        clock: tells the time; by default the machine's.

    Raises:
        OptionError: for no sources, two with one path, or an unknown ``answer``.
    """

    def __init__(
        self,
        bus: Bus,
        sources: Iterable[Source],
        *,
        answer: Literal["done"] = "done",
        clock: Clock | None = None,
    ) -> None:
        if answer != "done":
            raise OptionError(
                f"answer={answer!r} is unknown: give 'done' (after the callbacks)"
            )

        self._bus = bus
        self._clock = clock or SystemClock()
        self._intakes = intakes_of(sources)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the host's lifespan; refuse a WebSocket."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        else:
            await turn_away(receive, send)

    def __repr__(self) -> str:
        return f"<Receiver at {', '.join(self._intakes)}>"

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        record: dict[str, object] = {"upcall_path": scope["path"]}

        try:
            await self._handle(scope, receive, record)
        except SenderGone:
            _log.warning("webhook refused: the sender hung up", extra=record)
        except Refusal as refusal:
            record["upcall_status"] = refusal.status
            _log.warning("webhook refused: %s", refusal.reason, extra=record)
            await respond(send, refusal.status, TEXTS[refusal.status], refusal.headers)
        except Exception:  # noqa: BLE001 (on record, and the sender is told)
            record["upcall_status"] = 500
            _log.exception("webhook failed", extra=record)
            await respond(send, 500, TEXTS[500])
        else:
            record["upcall_status"] = 202
            _log.info("webhook taken", extra=record)
            await respond(send, 202)

    async def _handle(
        self, scope: Scope, receive: Receive, record: dict[str, object]
    ) -> None:
        """Go through the steps of rule 1; what becomes known goes on the record."""
        intake = self._find(scope)
        record["upcall_source"] = intake.name
        headers = read_headers(scope)
        check_head(scope["method"], headers)
        body = await read_body(
            receive,
            declared=declared_length(headers),
            limit=intake.max_body,
            seconds=BODY_SECONDS,
        )
        arrival = intake.take(headers, body, now=self._clock.now())
        record["upcall_event"] = arrival.name
        record["upcall_id"] = arrival.id
        record["upcall_sender_id"] = arrival.sender_id
        record["upcall_replayed"] = intake.is_replay(arrival, now=self._clock.now())
        record["upcall_duplicate"] = not await intake.seen.once(
            arrival.id,
            partial(self._emit, arrival),
            digest=arrival.digest,
            now=self._clock.now,
        )

    def _find(self, scope: Scope) -> Intake:
        for path in find_paths(scope):
            if path in self._intakes:
                return self._intakes[path]

        raise Refusal(404, "no source has this path")

    async def _emit(self, arrival: Arrival) -> None:
        if arrival.typed:
            await self._bus.aemit(arrival.payload, id=arrival.id)
        else:
            await self._bus.aemit(arrival.name, arrival.payload, id=arrival.id)
