"""An endpoint: who wants which events, where, and signed how."""

# Rule 1: an endpoint is data. It is checked when it is registered, whole, and read
#   again at every attempt; nothing in it is code.
# Rule 2: secrets and the values of custom headers are shown nowhere.
# Rule 3: a class among the events stands for its name: what is stored must be
#   understood by workers that do not have the class.

from __future__ import annotations

__all__ = ("LONGEST_TIMEOUT", "Endpoint", "check_endpoint", "hears")

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeGuard, TypeVar

import attrs

from upcall.errors import MalformedKeyError, OptionError
from upcall.keys import check_key, matches

from .errors import EndpointError
from .filter import Filter
from .formats import FORMATS, needs_source
from .frozen import freeze_object
from .headers import check_header
from .health import Health
from .schedule import check_schedule
from .schemes import names, signature_headers
from .schemes import scheme as find_scheme
from .tenant import check_tenant

_RESERVED: Final = ("ce-", "svix-", "upcall-", "webhook-")
_CREDENTIALS: Final = "authorization"
_OURS: Final = frozenset(
    {"content-type", "user-agent", "x-github-event", "x-hub-signature"}
).union(*map(signature_headers, names())) - {_CREDENTIALS}
"""Headers that Upcall sets. Credentials are the user's, but for a scheme that has them
for a signature."""

_URI_REFERENCE: Final = re.compile(
    r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
)
"""RFC 3986, 4.1, by its letters alone."""

LONGEST_TIMEOUT: Final = 300.0
"""The most seconds that an endpoint may ask for one request."""

_MOST_IN_FLIGHT: Final = 1000
_MOST_PER_SECOND: Final = 10_000.0
_LEAST_PER_SECOND: Final = 1 / 86_400
_MOST_SECRETS: Final = 10
IN_ENVIRONMENT: Final = "env:"
"""What a secret begins with that only names a variable."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LONGEST_ID: Final = 200
_HIGHEST: Final = 2**31 - 1
_LONGEST_SOURCE: Final = 2000

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

    several = _as_tuple(secret, "secret= takes a text, or several in a sequence")
    return several[0] if len(several) == 1 else several


def _as_filter(given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if given is None:
        return None

    try:
        return freeze_object(given)
    except (TypeError, ValueError):
        raise EndpointError(
            f"filter= takes an object as JSON has it, not a {type(given).__name__}"
        ) from None
    except RecursionError:
        raise EndpointError(
            "filter= is nested too deeply, or holds itself: give a small JSON object"
        ) from None


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
    """What they are signed with; several while one is rotated out, the newest first.
    ``"env:NAME"`` is read from that variable, by each process that delivers. Of
    one that is stored, what signs now."""

    tenant: str | None = None
    """Whose it is: it gets the messages of this tenant and no others. None is yours: it
    gets those of all tenants, and those of none."""

    filter: Mapping[str, Any] | None = attrs.field(
        default=None, converter=_as_filter, hash=False
    )
    """Which payloads it gets, told as a JSON object; see `Filter`."""

    version: int | None = None
    """The version of events that it gets. None: each as it was emitted."""

    format: str = "standard"
    """How the body is made: "standard", "cloudevents" (structured),
    "cloudevents-binary" or "raw"."""

    source: str | None = None
    """The ``source`` of its CloudEvents. None is the bridge's."""

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

    ordered: bool = False
    """Whether each message waits until the one before it is delivered or dead."""

    concurrency: int = attrs.field(
        default=attrs.Factory(lambda self: 1 if self.ordered else 8, takes_self=True)
    )
    """How many requests may be in flight at once, over all workers; 8 by default, and 1
    where it is ordered."""

    rate: float | None = None
    """The most requests per second, over all workers."""

    enabled: bool = True
    """Whether it gets new deliveries, and those that wait are attempted."""

    paused: bool = False
    """Whether what waits is left alone for now; new deliveries are made even so."""

    description: str = ""
    metadata: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=_as_mapping, hash=False
    )
    """Yours, texts by name. Kept and given back, never sent."""

    health: Health = attrs.field(factory=Health, eq=False)
    """How it stands, as `Bridge.endpoints` found it; nothing to be given."""


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


def _check_texts(endpoint: Endpoint) -> None:
    for name in ("url", "scheme", "description"):
        if not _is_text(getattr(endpoint, name)):
            raise OptionError(f"{name}={getattr(endpoint, name)!r}: give a text")


def _check_switches(endpoint: Endpoint) -> None:
    for name in ("ordered", "enabled", "paused"):
        if not isinstance(getattr(endpoint, name), bool):
            raise OptionError(f"{name}={getattr(endpoint, name)!r}: give True or False")


def _check_tenant(endpoint: Endpoint) -> None:
    check_tenant(endpoint.tenant)


def _check_events(endpoint: Endpoint) -> None:
    if not endpoint.events:
        raise OptionError(
            "events= is empty: give names, patterns or event classes; "
            "'**' is every event"
        )

    for key in endpoint.events:
        check_key(key)


def _check_filter(endpoint: Endpoint) -> None:
    if endpoint.filter is not None:
        Filter(endpoint.filter)


def _check_version(endpoint: Endpoint) -> None:
    version: object = endpoint.version

    if version is not None and not (_is_whole(version) and 1 <= version <= _HIGHEST):
        raise OptionError(
            f"version={version!r}: give a whole number from 1 on, or None for each "
            "event as it was emitted"
        )


def _check_format(endpoint: Endpoint) -> None:
    if endpoint.format not in FORMATS:
        known = ", ".join(map(repr, FORMATS))
        raise OptionError(f"format={endpoint.format!r}: use one of {known}")

    source: object = endpoint.source

    if source is None and needs_source(endpoint.format):
        raise OptionError(
            f"format={endpoint.format!r} needs source=: give the URI that stands for "
            "you, here or to the bridge"
        )

    if source is not None and not (
        isinstance(source, str)
        and len(source) <= _LONGEST_SOURCE
        and _URI_REFERENCE.fullmatch(source)
    ):
        raise OptionError(
            f"source={source!r}: give a URI, absolute or relative, such as "
            "'https://example.com/orders' or '/orders'"
        )


def _check_secret(endpoint: Endpoint) -> None:
    if not endpoint.secret and endpoint.scheme != "none":
        raise OptionError("secret= is empty: make one with new_secret()")

    if not isinstance(endpoint.secret, str) and len(endpoint.secret) > _MOST_SECRETS:
        raise OptionError(
            f"secret= has {len(endpoint.secret)} secrets: give {_MOST_SECRETS} at most"
        )

    texts = (endpoint.secret,) if isinstance(endpoint.secret, str) else endpoint.secret
    here = tuple(text for text in texts if text and not _in_environment(text))

    # A public key verifies and does not sign; only signing shows it.
    if here or not any(texts):
        find_scheme(endpoint.scheme, secret=here).sign(
            b"", id="x", timestamp=0, url=endpoint.url
        )


def _in_environment(text: str) -> bool:
    """Tell whether it only names a variable; what is in that is looked at later."""
    if not text.startswith(IN_ENVIRONMENT):
        return False

    if not _VARIABLE.fullmatch(text.removeprefix(IN_ENVIRONMENT)):
        raise OptionError(
            "a secret that begins with 'env:' names a variable: give letters, digits "
            "and underscores after it"
        )

    return True


def _check_headers(endpoint: Endpoint) -> None:
    set_by_us = _OURS | signature_headers(endpoint.scheme)

    for name, value in endpoint.headers.items():
        check_header(name, value)

        if name.lower() in set_by_us or name.lower().startswith(_RESERVED):
            raise OptionError(f"the header {name!r} is set by Upcall: leave it out")

    if len({name.lower() for name in endpoint.headers}) < len(endpoint.headers):
        raise OptionError("a header is there twice, in letters of another case")


def _check_times(endpoint: Endpoint) -> None:
    if not 0 < endpoint.timeout <= LONGEST_TIMEOUT:
        raise OptionError(
            f"timeout={endpoint.timeout!r}: give seconds, more than 0 and at most "
            f"{LONGEST_TIMEOUT:g}"
        )

    if endpoint.schedule is not None:
        check_schedule(endpoint.schedule)


def _check_concurrency(endpoint: Endpoint) -> None:
    if endpoint.concurrency not in range(1, _MOST_IN_FLIGHT + 1):
        raise OptionError(
            f"concurrency={endpoint.concurrency!r}: give a number from 1 to "
            f"{_MOST_IN_FLIGHT}"
        )

    if endpoint.ordered and endpoint.concurrency != 1:
        raise OptionError(
            f"ordered=True with concurrency={endpoint.concurrency!r}: what is in order "
            "goes one at a time; leave concurrency= out"
        )


def _check_rate(endpoint: Endpoint) -> None:
    rate = endpoint.rate

    if rate is None:
        return

    if isinstance(rate, bool) or not _LEAST_PER_SECOND <= rate <= _MOST_PER_SECOND:
        raise OptionError(
            f"rate={rate!r}: give requests per second, from 1/86400 (one a day) to "
            f"{_MOST_PER_SECOND:g}"
        )


def _check_metadata(endpoint: Endpoint) -> None:
    for name, value in endpoint.metadata.items():
        if not (_is_text(name) and _is_text(value)):
            raise OptionError(f"metadata={{{name!r}: ...}}: give texts by name")


def _is_text(given: object) -> bool:
    return isinstance(given, str)


def _is_whole(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool)


_CHECKS: Final[tuple[Callable[[Endpoint], None], ...]] = (
    _check_id,
    _check_texts,
    _check_switches,
    _check_tenant,
    _check_events,
    _check_filter,
    _check_version,
    _check_format,
    _check_secret,
    _check_headers,
    _check_times,
    _check_concurrency,
    _check_rate,
    _check_metadata,
)
