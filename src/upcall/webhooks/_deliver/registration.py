"""What is looked at when an endpoint is registered, beyond what it says by itself."""

from __future__ import annotations

__all__ = ("complete_endpoint",)

from collections.abc import Sequence

import attrs

from upcall._events.event import name_of
from upcall.webhooks._proto.endpoint import Endpoint, check_endpoint
from upcall.webhooks._proto.errors import BlockedError, EndpointError, PayloadError
from upcall.webhooks._proto.formats import needs_source
from upcall.webhooks.codec import Codec
from upcall.webhooks.transport.guard import Guard

from .environment import UnsetVariableError, resolve_secret


def complete_endpoint(
    endpoint: Endpoint,
    *,
    schedule: Sequence[float],
    codec: Codec,
    guard: Guard,
    source: str | None = None,
) -> Endpoint:
    """Return the endpoint as it can be stored: classes as names, with a schedule.

    Args:
        endpoint: as the user made it.
        schedule: for an endpoint without one.
        codec: has to be able to carry the event classes.
        guard: judges the URL.
        source: for an endpoint whose format needs one and that has none.

    Raises:
        EndpointError: if something about it is wrong, with what to do.
    """
    if not isinstance(endpoint, Endpoint):
        raise EndpointError(f"{endpoint!r} is no endpoint: give an Endpoint(...)")

    whole = attrs.evolve(
        endpoint,
        events=[_name(endpoint, key, codec) for key in endpoint.events],
        schedule=schedule if endpoint.schedule is None else endpoint.schedule,
        source=endpoint.source or (source if needs_source(endpoint.format) else None),
    )
    check_endpoint(whole)
    _check_environment(whole)

    try:
        guard.check(whole.url)
    except BlockedError as error:
        raise EndpointError(f"endpoint {whole.id!r}: {error}") from error

    return whole


def _check_environment(endpoint: Endpoint) -> None:
    """Look at secrets that stand in the environment, as at any other."""
    try:
        secret = resolve_secret(endpoint.secret)
    except UnsetVariableError as error:
        raise EndpointError(f"endpoint {endpoint.id!r}: {error}") from error

    if secret != endpoint.secret:
        check_endpoint(attrs.evolve(endpoint, secret=secret))


def _name(endpoint: Endpoint, key: str | type, codec: Codec) -> str:
    if isinstance(key, str):
        return key

    name = name_of(key)

    if not name:
        raise EndpointError(
            f"endpoint {endpoint.id!r}: {key!r} has no name that could be stored; "
            "decorate the class with @event, or give a name"
        )

    try:
        codec.check(key)
    except PayloadError as error:
        raise EndpointError(f"endpoint {endpoint.id!r}: {error}") from error

    return name
