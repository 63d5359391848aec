"""Incoming webhooks become events: the ASGI app that takes them."""

# Rule 1: the order is path, method, content type, body, signature, handshake, rate,
#   JSON, event, seen before, callbacks, answer. Nothing of a request is used before all
#   that stands earlier here has been passed; above all nothing is parsed that was not
#   verified.
# Rule 2: an answer of 2xx means that the event has been handled, or is on disk to be
#   handled, by this request or by a copy of it.
# Rule 3: the sender learns a status and its one text; the log learns the reason.

from __future__ import annotations

__all__ = ("Invalid", "Receiver", "Source")

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from random import Random
from types import TracebackType
from typing import Final, Literal, NoReturn, Self

from upcall._events.bus import Bus
from upcall._events.inside import hub_of
from upcall.errors import OptionError

from ._deliver.parts import check_clock, check_random, check_slots, outbox_of
from ._proto.errors import OutboxError
from ._proto.schedule import DEFAULT, check_schedule
from ._receive.arrival import Arrival, Invalid, emit
from ._receive.asgi import (
    Receive,
    Scope,
    Send,
    declared_length,
    find_paths,
    find_repeated,
    read_body,
    read_headers,
    respond,
    send_reply,
    serve_lifespan,
    turn_away,
    url_of,
)
from ._receive.inbox import Inbox
from ._receive.inbox_news import log_altered
from ._receive.inbox_records import InboxRecords
from ._receive.inbox_worker import SLOTS
from ._receive.intake import Intake, intakes_of
from ._receive.refusal import TEXTS, Refusal, SenderGone
from ._receive.request import Reply, Request
from ._receive.source import Source
from .clock import Clock, SharedClock, SystemClock
from .outbox.inbox_contract import Taken
from .outbox.outbox import Outbox

BODY_SECONDS: Final = 30.0
"""How long a sender may take over its body; senders give up after 5 to 30 seconds."""

RETRY_AFTER: Final = 10
"""Seconds after which senders may try again when the store failed."""

_log = logging.getLogger("upcall")


class Receiver(InboxRecords):
    """An ASGI app that turns the webhooks of its sources into events on a bus.

    Mount it in Starlette, FastAPI, Litestar or Django, or let a server run it alone;
    it needs no lifespan. It answers 2xx when the event has been handled (200, 202 or
    204, as its sender likes it) and 500 when a callback failed, so that the sender may
    send it again, and it refuses with 400, 401, 404, 405, 408, 413, 415 or 429. Each
    request is on record on the logger ``upcall``, its particulars in ``extra``,
    without secrets.

    An event is called ``<name of the source>.<type>`` (``github.push``), where a ``/``
    in the type becomes a dot. Its payload is the event class registered for that name,
    built and validated, or else plain data. What does not fit its class is no event:
    ``webhook.invalid`` is emitted instead, with an `Invalid`. The type is

    - ``"standard"``, ``"svix"``: the ``"type"`` of the body; the payload is its
      ``"data"`` if there is a ``"timestamp"`` too, as Standard Webhooks recommends,
      and else the whole body. ``"bearer"`` and ``"none"`` are read in the same way.
    - ``"github"``: ``X-GitHub-Event``; the action stays in the payload.
    - ``"stripe"``: the ``"type"`` of the body, ``stripe.invoice.paid``.
    - ``"shopify"``: the topic, ``shopify.orders.create``.
    - ``"slack"``: that of the event in the body (``slack.app_mention``) or of the
      action (``slack.block_actions``), or ``command`` and the command
      (``slack.command.deploy``), with the form as its payload.
    - ``"discord"``: ``application_command``, ``message_component``, ``modal_submit``,
      or that of a webhook event in small letters. Interactions are answered as
      deferred: a callback sends the answer, with the token in the payload.
    - ``"twilio"``: ``message``, ``call`` or ``recording`` and its status
      (``twilio.message.received``), the ``EventType``, or else ``request``.
    - format ``"cloudevents"``: the event's ``type``; the payload is its data. All
      events of a batch are handled, or the batch is not taken.

    Slack's ``url_verification``, GitHub's ``ping``, Discord's PING and the ``OPTIONS``
    of CloudEvents are answered, and are no events; ``Source(pings="emit")`` makes one
    of GitHub's.

    The id of the envelope is made from the source's name and the sender's id, so it is
    the same when the sender sends again. Copies of an event that has been handled are
    answered like the first and not emitted; those that come meanwhile wait for how it
    ends. Ids are remembered in memory, for as long as the sender may send again.

    With a ``store`` the answer does not wait for callbacks: it is given when the
    request and its id are on disk, together. Then the event is emitted; if a callback
    raises or the process dies, the whole emission is made again by the schedule, with
    the same envelope id: callbacks that had finished are called again. What callbacks
    raised goes to the bus's ``on_error``, and is on record: `requests` and `attempts`.
    When the schedule ends the request is dead, and ``webhook.dead`` is emitted, with a
    `Dead`; `replay` lets it wait again, and so does its sender by sending it again. If
    the store cannot write, the answer is 503 with ``Retry-After``. Copies find the
    request on record, whoever took it, and are answered like the first.

    A receiver with a store is open while it emits. Open it after its bus, ``async with
    Bus() as bus, Receiver(bus, ..., store=...) as receiver:``, or let the lifespan of
    the host reach it, which does the same. Where neither happens (Django, or mounted in
    a host that keeps its lifespan to itself), the first request opens it until the
    event loop ends, and what had waited before waits till then; the log says so.
    Leaving it takes nothing more, and gives what is being emitted the bus's ``grace``
    to finish; what waits is emitted when it is opened again, here or elsewhere.

    Without a store no answer of 2xx is given before the callbacks are through, however
    long they take.
    Senders wait for 3 seconds (Slack, Discord) to some 15, then hang up and send again,
    and servers end a request whose sender has hung up or let it go on: what was handled
    in the end is known when it comes again. The log says when an answer came too late.

    An event that comes back to its source because a bridge sends it there is refused
    after four rounds: by then the name of the source stands five times in its own.

    It serves one event loop at a time, the one in which the bus is open. If the host
    cancels a request, its callbacks are cancelled and its id is free again.

    Args:
        bus: where the events are emitted.
        sources: who sends; each has a path of its own. One alone may be given as it is.
        store: a database URL, or an `Outbox`, which may be that of a bridge. For how
            long requests stay there say its ``keep`` and ``keep_dead``; no shorter than
            their senders may send them again.
        answer: when to answer. ``"stored"``, the default with a store: when the request
            is on disk. ``"done"``, the default without one: after the callbacks;
            nothing is stored then.
        schedule: the seconds before each attempt, with a store.
        slots: how many stored events are emitted at once, at most.
        clock: tells the time; by default that of the database server, where there is
            one, or else the machine's.
        random: throws the dice for the jitter of the schedule.

    Raises:
        OptionError: for no bus, no sources, two with one path, two of different kinds
            with one name, an unknown ``answer``, ``"stored"`` without a store; or if
            something else is not what it should be.
        OutboxError: if the URL is none that we know.
    """

    def __init__(
        self,
        bus: Bus,
        sources: Iterable[Source] | Source,
        *,
        store: Outbox | str | None = None,
        answer: Literal["stored", "done"] | None = None,
        schedule: Iterable[float] = DEFAULT,
        slots: int = SLOTS,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        hub_of(bus)
        stored = _is_stored(answer, store)
        time = check_clock(clock) or (SharedClock() if stored else SystemClock())
        self._bus = bus
        self._intakes = intakes_of(sources)
        inbox = None
        self._opened_by: list[AbstractAsyncContextManager[None]] = []

        if store is not None and stored:
            inbox = Inbox(
                outbox_of(store),
                bus=bus,
                intakes=self._intakes.values(),
                schedule=check_schedule(schedule),
                clock=time,
                random=check_random(random),
                slots=check_slots(slots),
            )

        super().__init__(inbox, clock=time)

    # --- opening and leaving ---

    async def __aenter__(self) -> Self:
        if self._inbox is not None:
            opened = self._inbox.opened()
            await opened.__aenter__()
            self._opened_by.append(opened)

        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._opened_by:
            await self._opened_by.pop().__aexit__(kind, error, trace)

    # --- as an ASGI app ---

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the host's lifespan; refuse a WebSocket."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await serve_lifespan(receive, send, self)
        else:
            await turn_away(receive, send)

    def __repr__(self) -> str:
        return f"<Receiver at {', '.join(self._intakes)}>"

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        record: dict[str, object] = {"upcall_path": path}

        try:
            reply = await self._handle(scope, receive, record)
        except SenderGone:
            _log.warning(
                "webhook refused at %r: the sender hung up", path, extra=record
            )
        except Refusal as refusal:
            record["upcall_status"] = refusal.status
            _log.warning(
                "webhook refused at %r: %s", path, refusal.reason, extra=record
            )
            await respond(send, refusal.status, TEXTS[refusal.status], refusal.headers)
        except Exception:  # noqa: BLE001 (on record, and the sender is told)
            record["upcall_status"] = 500
            _log.exception(
                "webhook failed at %r: event %r, envelope %r",
                path,
                record.get("upcall_event"),
                record.get("upcall_id"),
                extra=record,
            )
            await respond(send, 500, TEXTS[500])
        else:
            await send_reply(
                send, reply.status, reply.body, reply.media_type, reply.headers
            )

    async def _handle(
        self, scope: Scope, receive: Receive, record: dict[str, object]
    ) -> Reply:
        """Go through the steps of rule 1; what becomes known goes on the record."""
        began = self._clock.now()
        intake = self._find(scope)
        record["upcall_source"] = intake.name
        headers = read_headers(scope)
        greeting = intake.ask(scope["method"], headers)

        if greeting is None:
            request = await self._read(scope, receive, intake, headers)
            greeting = intake.greet(request)

            if greeting is None:
                arrivals = intake.take(request, now=self._clock.now())
                return await self._take_all(intake, request, arrivals, record, began)

        record["upcall_status"] = greeting.status
        _log.info(
            "webhook answered at %r: a handshake", record["upcall_path"], extra=record
        )
        return greeting

    async def _read(
        self,
        scope: Scope,
        receive: Receive,
        intake: Intake,
        headers: Mapping[str, str],
    ) -> Request:
        """Return the request, whole and verified."""
        merged = len(headers) < len(scope["headers"])
        repeated = find_repeated(scope) if merged else frozenset[str]()
        intake.check_head(scope["method"], headers, repeated=repeated)
        body = await read_body(
            receive,
            declared=declared_length(headers),
            limit=intake.max_body,
            seconds=BODY_SECONDS,
        )
        request = Request(headers=headers, body=body)
        url = url_of(scope, headers, base=intake.source.url) if intake.signs_url else ""
        intake.verify(request, now=self._clock.now(), url=url)
        return request

    async def _take_all(
        self,
        intake: Intake,
        request: Request,
        arrivals: list[Arrival],
        record: dict[str, object],
        began: float,
    ) -> Reply:
        if refused := intake.refused(arrivals):
            await self._refuse(intake, refused, record)

        reply = intake.reply(arrivals)
        record["upcall_status"] = reply.status

        if self._inbox is None:
            for arrival in arrivals:
                await self._take(intake, arrival, record)
                _log_taken(record, arrival)
        elif arrivals:
            await self._store(self._inbox, intake, request, arrivals, record)

        if not arrivals:
            _log.info(
                "webhook taken at %r: no event", record["upcall_path"], extra=record
            )

        _log_delay(record, intake, self._clock.now() - began)
        return reply

    async def _refuse(
        self, intake: Intake, refused: list[Arrival], record: dict[str, object]
    ) -> NoReturn:
        for arrival in refused:
            _note(record, arrival)
            await emit(self._bus, arrival, source=intake.name)

        raise Refusal(400, f"event {refused[0].name!r}: {refused[0].invalid}")

    async def _take(
        self, intake: Intake, arrival: Arrival, record: dict[str, object]
    ) -> None:
        _note(record, arrival)
        now = self._clock.now()
        record["upcall_replayed"] = intake.is_replay(arrival, now=now)
        record["upcall_duplicate"] = not await intake.seen.once(
            arrival.id,
            partial(emit, self._bus, arrival, source=intake.name),
            digest=arrival.digest,
            now=self._clock.now,
        )

        if not record["upcall_duplicate"] and intake.is_altered(arrival, now=now):
            log_altered(intake.name, arrival)

    async def _store(
        self,
        inbox: Inbox,
        intake: Intake,
        request: Request,
        arrivals: list[Arrival],
        record: dict[str, object],
    ) -> None:
        try:
            taken = await inbox.take(intake, intake.kept(request), arrivals)
        except OutboxError as error:
            later = [("retry-after", str(RETRY_AFTER))]
            raise Refusal(503, str(error), headers=later) from error

        for arrival, each in zip(arrivals, taken, strict=True):
            _note(record, arrival)
            record["upcall_replayed"] = each is Taken.REPLAYED
            record["upcall_duplicate"] = each in (Taken.COPY, Taken.REVIVED)
            _log_taken(record, arrival)

    def _find(self, scope: Scope) -> Intake:
        plain = None if scope.get("root_path") else self._intakes.get(scope["path"])

        if plain is not None:
            return plain

        for path in find_paths(scope):
            if path in self._intakes:
                return self._intakes[path]

        raise Refusal(404, "no source has this path")


def _is_stored(answer: object, store: object) -> bool:
    if answer not in (None, "stored", "done"):
        raise OptionError(
            f"answer={answer!r} is unknown: give 'stored' (when it is on disk) or "
            "'done' (after the callbacks)"
        )

    if answer == "stored" and store is None:
        raise OptionError("answer='stored' needs a place: give store=, a database URL")

    return store is not None and answer != "done"


def _note(record: dict[str, object], arrival: Arrival) -> None:
    record["upcall_event"] = arrival.name
    record["upcall_id"] = arrival.id
    record["upcall_sender_id"] = arrival.sender_id


def _log_taken(record: dict[str, object], arrival: Arrival) -> None:
    if arrival.invalid is None:
        _log.info(
            "webhook taken at %r: %s %r, envelope %r",
            record["upcall_path"],
            "a copy of event" if record["upcall_duplicate"] else "event",
            arrival.name,
            arrival.id,
            extra=record,
        )
    else:
        _log.warning(
            "webhook taken at %r, and no event: %r: %s",
            record["upcall_path"],
            arrival.name,
            arrival.invalid,
            extra=record,
        )


def _log_delay(record: dict[str, object], intake: Intake, seconds: float) -> None:
    """Say if the sender has given up meanwhile, and may send again what was taken."""
    if seconds > intake.patience:
        _log.warning(
            "webhook answered at %r after %.1f s: its sender waits %.0f s; do less in "
            "its callbacks, or let them start what takes longer",
            record["upcall_path"],
            seconds,
            intake.patience,
            extra=record,
        )
