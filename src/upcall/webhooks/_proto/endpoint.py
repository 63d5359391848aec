"""An endpoint: who wants which events, where, and signed how."""

# Rule 1: an endpoint is data. It is checked when it is registered, whole, and read
#   again at every attempt; nothing in it is code.
# Rule 2: secrets and the values of custom headers are shown nowhere.
# Rule 3: a class among the events stands for its name: what is stored must be
#   understood by workers that do not have the class.

from __future__ import annotations

__all__ = ("Endpoint", "check_endpoint", "hears")

import uuid
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

import attrs

from upcall.errors import MalformedKeyError, OptionError
from upcall.keys import check_key, matches

from .errors import EndpointError
from .headers import check_header
from .schedule import check_schedule
from .schemes import scheme as find_scheme

_RESERVED: Final = ("webhook-", "svix-")
_SIGNATURES: Final = frozenset(
    {
        "content-type",
        "stripe-signature",
        "user-agent",
        "x-github-delivery",
        "x-github-event",
        "x-hub-signature",
        "x-hub-signature-256",
        "x-shopify-hmac-sha256",
        "x-signature-ed25519",
        "x-signature-timestamp",
        "x-slack-request-timestamp",
        "x-slack-signature",
        "x-twilio-signature",
    }
)
_LONGEST_TIMEOUT: Final = 300.0
_MOST_IN_FLIGHT: Final = 1000
_LONGEST_ID: Final = 200

_T = TypeVar("_T")


def _new_id() -> str:
    return f"ep_{uuid.uuid4().hex}"


def _as_events(events: str | type | Iterable[str | type]) -> tuple[str | type, ...]:
    if isinstance(events, (str, type)):
        return (events,)

    return _as_tuple(events, "events= takes names, patterns and event classes")


def _as_secret(secret: str | Iterable[str]) -> str | tuple[str, ...]:
    if isinstance(secret, str):
        return secret

    return _as_tuple(secret, "secret= takes a text, or several in a sequence")


def _as_schedule(given: Iterable[float] | None) -> tuple[float, ...] | None:
    if given is None:
        return None

    return _as_tuple(given, "schedule= takes the seconds before each attempt")


def _as_tuple(given: Iterable[_T], what: str) -> tuple[_T, ...]:
    try:
        return tuple(given)
    except TypeError:
        raise EndpointError(f"{what}, not a single {type(given).__name__}") from None


def _as_mapping(given: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return MappingProxyType(dict(given))
    except (TypeError, ValueError):
        raise EndpointError(
            "headers= and metadata= take a mapping of names to texts, "
            f"not a {type(given).__name__}"
        ) from None


@attrs.frozen(kw_only=True)
class Endpoint:
    """Where events go. `Bridge.add` checks and registers it."""

    id: str = attrs.field(factory=_new_id)
    """Made if it is not given. Give one to register the same endpoint at each start."""

    url: str
    """The guard of the bridge judges it."""

    events: tuple[str | type, ...] = attrs.field(converter=_as_events)
    """Names, patterns and event classes; a class stands for its name."""

    scheme: str = "standard"
    """How requests are signed."""

    secret: str | tuple[str, ...] = attrs.field(converter=_as_secret, repr=False)
    """What they are signed with; several while one is rotated out."""

    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=_as_mapping, repr=False, hash=False
    )
    """Sent with every request."""

    timeout: float = 20.0
    """Seconds for one request, from the name service to the end of the answer."""

    schedule: tuple[float, ...] | None = attrs.field(
        default=None, converter=_as_schedule
    )
    """Seconds before each attempt. None is the bridge's; `Bridge.add` fills it in."""

    concurrency: int = 8
    """How many requests may be in flight at once, over all workers."""

    enabled: bool = True
    """Whether it gets new deliveries, and those that wait are attempted."""

    description: str = ""
    metadata: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=_as_mapping, hash=False
    )
    """Yours: texts by name. Kept and given back, never sent."""


def hears(endpoint: Endpoint, name: str) -> bool:
    """Tell whether a key of the endpoint matches the name of an event."""
    return any(isinstance(key, str) and matches(key, name) for key in endpoint.events)


def check_endpoint(endpoint: Endpoint) -> None:
    """Return if the endpoint can be registered, but for its URL and event classes.

    The URL is the guard's business; classes must have become names before.

    Raises:
        EndpointError: with what is wrong and what to do. It shows no secret.
    """
    for check in _CHECKS:
        try:
            check(endpoint)
        except (OptionError, MalformedKeyError, TypeError) as error:
            raise EndpointError(f"endpoint {endpoint.id!r}: {error}") from error


def _check_id(endpoint: Endpoint) -> None:
    text = endpoint.id

    if not (text.isascii() and text.isprintable() and 0 < len(text) <= _LONGEST_ID):
        raise OptionError(f"id={text!r}: give 1 to 200 printable ASCII characters")


def _check_events(endpoint: Endpoint) -> None:
    if not endpoint.events:
        raise OptionError(
            "events= is empty: give names, patterns or event classes; "
            "'**' is every event"
        )

    for key in endpoint.events:
        check_key(key)


def _check_secret(endpoint: Endpoint) -> None:
    if not endpoint.secret:
        raise OptionError("secret= is empty: make one with new_secret()")

    # A public key verifies and does not sign; only signing shows it.
    find_scheme(endpoint.scheme, secret=endpoint.secret).sign(b"", id="x", timestamp=0)


def _check_headers(endpoint: Endpoint) -> None:
    for name, value in endpoint.headers.items():
        check_header(name, value)

        if name.lower() in _SIGNATURES or name.lower().startswith(_RESERVED):
            raise OptionError(f"the header {name!r} is set by Upcall: leave it out")

    if len({name.lower() for name in endpoint.headers}) < len(endpoint.headers):
        raise OptionError("a header is there twice, in letters of another case")


def _check_numbers(endpoint: Endpoint) -> None:
    if not 0 < endpoint.timeout <= _LONGEST_TIMEOUT:
        raise OptionError(
            f"timeout={endpoint.timeout!r}: give seconds, more than 0 and at most "
            f"{_LONGEST_TIMEOUT:g}"
        )

    if endpoint.concurrency not in range(1, _MOST_IN_FLIGHT + 1):
        raise OptionError(
            f"concurrency={endpoint.concurrency!r}: give a number from 1 to "
            f"{_MOST_IN_FLIGHT}"
        )

    if endpoint.schedule is not None:
        check_schedule(endpoint.schedule)


def _check_metadata(endpoint: Endpoint) -> None:
    for name, value in endpoint.metadata.items():
        if not (_is_text(name) and _is_text(value)):
            raise OptionError(f"metadata={{{name!r}: ...}}: give texts by name")


def _is_text(given: object) -> bool:
    return isinstance(given, str)


_CHECKS: Final[tuple[Callable[[Endpoint], None], ...]] = (
    _check_id,
    _check_events,
    _check_secret,
    _check_headers,
    _check_numbers,
    _check_metadata,
)
