"""One attempt: sign, post, judge, and write down what happened."""

from __future__ import annotations

__all__ = ("Sender",)

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random
from typing import Final, TypeAlias

import attrs

from upcall.errors import OptionError
from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks._proto.delivery import Attempt
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import BlockedError
from upcall.webhooks._proto.formats import Rendered, render
from upcall.webhooks._proto.mask import MASK, mask_headers, mask_url
from upcall.webhooks._proto.schedule import DEFAULT
from upcall.webhooks._proto.schemes import (
    Scheme,
    scheme,
    sent_to,
    signature_headers,
)
from upcall.webhooks._proto.verdict import Bury, Decision, Verdict, decide, judge
from upcall.webhooks.clock import Clock
from upcall.webhooks.outbox.contract import Claim, Outcome
from upcall.webhooks.transport.contract import Transport

from .environment import UnsetVariableError, resolve_secret

_LOG: Final = logging.getLogger("upcall")
_KEPT_BODY: Final = 4096
_KEPT_HEADERS: Final = 4096
_KEPT_TEXT: Final = 1000
_MOST_PREPARED: Final = 1000

_Headers: TypeAlias = tuple[tuple[str, str], ...]
_Found: TypeAlias = Answer | TransportError | BlockedError


@attrs.frozen
class _Request:
    """What is sent where, and how it is shown on record."""

    url: str
    headers: _Headers
    shown: _Headers
    body: bytes


@attrs.frozen
class _Prepared:
    """What all requests to an endpoint in one format have in common."""

    endpoint: Endpoint
    signer: Scheme
    headers: _Headers
    shown: _Headers
    stand_ins: frozenset[str]
    """Headers of the scheme, in lower case, that stand in for what we know better."""


class Sender:
    """Makes attempts.

    Args:
        transport: makes the requests.
        clock: tells the time.
        random: throws the dice for the jitter.
    """

    def __init__(self, transport: Transport, *, clock: Clock, random: Random) -> None:
        self._transport = transport
        self._clock = clock
        self._random = random
        self._prepared: dict[tuple[str, str], _Prepared] = {}

    async def attempt(self, claim: Claim) -> Outcome:
        """Make one request, and return how it ended and what is to be done.

        Whatever goes wrong is an outcome, too. Cancelled, it is not known whether the
        request arrived.
        """
        started = ended = self._clock.now()
        verdict: Verdict

        try:
            request = self._sign(claim, now=started)
        except UnsetVariableError as error:
            # Nothing is wrong with the delivery: another worker may have the variable.
            request = _Request(claim.endpoint.url, (), (), b"")
            found: _Found = TransportError("broken", f"it cannot be signed: {error}")
            verdict = judge(found, now=started)
        except OptionError as error:
            request = _Request(claim.endpoint.url, (), (), b"")
            found = BlockedError(f"it cannot be signed: {error}")
            verdict = Bury(reason=str(found))
        else:
            found = await self._post(claim, request)
            ended = self._clock.now()
            verdict = judge(found, now=ended)

        decision = decide(
            verdict,
            attempts=claim.attempt,
            schedule=claim.endpoint.schedule or DEFAULT,
            now=ended,
            random=self._random,
        )
        return Outcome(
            claim=claim,
            decision=_storable(decision),
            attempt=_record(claim, request, found, started=started, ended=ended),
            ended=ended,
        )

    def _sign(self, claim: Claim, *, now: float) -> _Request:
        endpoint, message = claim.endpoint, claim.message
        rendered = render(
            message,
            format=claim.format,
            scheme=endpoint.scheme,
            source=endpoint.source,
        )
        prepared = self._prepare(endpoint, claim.format, rendered)
        url = sent_to(endpoint.scheme, endpoint.url, rendered.body)
        signed = tuple(
            prepared.signer.sign(
                rendered.body, id=message.id, timestamp=now, url=url
            ).items()
        )

        if prepared.stand_ins:
            signed = tuple(
                each for each in signed if each[0].lower() not in prepared.stand_ins
            )

        return _Request(
            url=url,
            headers=(*rendered.headers, *prepared.headers, *signed),
            shown=(*rendered.headers, *prepared.shown, *mask_headers(signed)),
            body=rendered.body,
        )

    def _prepare(
        self, endpoint: Endpoint, format: str, rendered: Rendered
    ) -> _Prepared:
        """Return what there is to prepare, from the last time if nothing changed.

        To read the keys of a scheme each time would cost more than to sign.
        """
        found = self._prepared.get((endpoint.id, format))

        if found is None or found.endpoint is not endpoint:
            if len(self._prepared) >= _MOST_PREPARED:
                self._prepared.clear()

            found = _prepared(endpoint, rendered)
            self._prepared[endpoint.id, format] = found

        return found

    async def _post(self, claim: Claim, request: _Request) -> _Found:
        endpoint = claim.endpoint

        try:
            return await self._transport.post(
                request.url,
                headers=request.headers,
                body=request.body,
                timeout=endpoint.timeout,
            )
        except (TransportError, BlockedError) as error:
            return error
        except Exception as error:  # noqa: BLE001 (logged, and on record)
            # A transport of somebody else's that breaks its contract: it must not end
            # the worker, and the delivery is tried again.
            _LOG.exception(
                "the transport failed: event %s, message %s, endpoint %s, delivery %s",
                claim.message.name,
                claim.message.id,
                endpoint.id,
                claim.delivery,
                extra={"upcall_delivery": claim.delivery},
            )
            return TransportError("broken", f"{type(error).__name__}: {error}")


def _prepared(endpoint: Endpoint, rendered: Rendered) -> _Prepared:
    headers = tuple(endpoint.headers.items())
    names = {name.lower() for name, _ in rendered.headers}
    return _Prepared(
        endpoint=endpoint,
        signer=scheme(endpoint.scheme, resolve_secret(endpoint.secret)),
        headers=headers,
        shown=tuple((name, MASK) for name, _ in headers),
        stand_ins=signature_headers(endpoint.scheme) & names,
    )


def _storable(decision: Decision) -> Decision:
    reason = _clean(decision.reason)
    return decision if reason is None else attrs.evolve(decision, reason=reason)


def _record(
    claim: Claim, request: _Request, found: _Found, *, started: float, ended: float
) -> Attempt:
    """Return the record of the attempt: secrets masked, texts of bounded size."""
    answer = found if isinstance(found, Answer) else None
    return Attempt(
        number=claim.attempt,
        worker=claim.worker,
        started=datetime.fromtimestamp(started, UTC),
        duration=max(0.0, ended - started),
        url=mask_url(request.url),
        request_headers=request.shown,
        status=answer.status if answer else None,
        error=None if answer else _clean(str(found)),
        address=None if isinstance(found, BlockedError) else found.address,
        response_headers=_shown(answer.headers) if answer else (),
        response=answer.body[:_KEPT_BODY] if answer else b"",
        truncated=answer is not None
        and (answer.truncated or len(answer.body) > _KEPT_BODY),
    )


def _shown(headers: Iterable[tuple[str, str]]) -> _Headers:
    """Return the first headers, as many as fit into 4 KiB; secrets masked."""
    kept: list[tuple[str, str]] = []
    room = _KEPT_HEADERS

    for name, value in headers:
        room -= len(name) + len(value)

        if room < 0:
            break

        kept.append((name, value))

    return mask_headers(kept)


def _clean(text: str | None) -> str | None:
    """Return what a database takes: half a surrogate pair would stop the delivery."""
    if text is None:
        return None

    return text[:_KEPT_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")
