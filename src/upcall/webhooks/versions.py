"""Versions of events: downgrades, and payloads in every version they lead to."""

# Rule 1: whoever emits writes the payload down in every version there is a downgrade
#   to. Workers then need none of the user's code, and the bytes stay what they were.
# Rule 2: a class has one downgrade, to any lower version; that one's class may have
#   another. So there is one way down, whatever is registered in which order.
# Rule 3: errors say which downgrade it was, never what stood in the payload.

from __future__ import annotations

__all__ = ("MAX_PAYLOAD", "downgrade", "render")

from collections.abc import Callable, Iterator, Mapping
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar, cast

import attrs

from upcall._events.event import lookup, name_of, version_of
from upcall.errors import OptionError

from ._proto.errors import PayloadError
from .codec import Codec

_F = TypeVar("_F", bound=Callable[[Any], object])

MAX_PAYLOAD: Final = 256 * 1024
"""The largest payload as JSON, in bytes."""

_MARK: Final = "__upcall_downgrade__"


@attrs.frozen
class _Downgrade:
    """What `downgrade` leaves in the class of the newer version."""

    name: str
    version: int
    """The newer one."""

    to: int
    convert: Callable[[Any], object]

    def __str__(self) -> str:
        function = getattr(self.convert, "__qualname__", repr(self.convert))
        return (
            f"the downgrade of {self.name!r} from version {self.version} to {self.to} "
            f"({function})"
        )


def downgrade(newer: type, *, to: int) -> Callable[[_F], _F]:
    """Register how a payload becomes one of a lower version of its event.

    Above a function that takes an instance of the newer class and returns one of the
    class that has the lower version, or a dict with its fields. It is called wherever
    such an event is stored, at once, in the thread that emits. Endpoints that are
    pinned to the lower version get what it returns. Downgrades are followed on and on:
    3 to 2, and that to 1.

    Args:
        newer: the class, decorated with `event`. It has one downgrade at most.
        to: the lower version. If there is no class for it any more, the function
            returns a dict.

    Raises:
        OptionError: if it is no such class, it has a downgrade, or the version is not
            a lower one.
    """
    name, version = _tag(newer)

    if type(to) is not int or not 1 <= to < version:
        raise OptionError(
            f"to={to!r}: {newer.__qualname__} is version {version} of {name!r}; give a "
            f"lower one, from 1 on"
        )

    def decorate(function: _F) -> _F:
        if iscoroutinefunction(function) or not callable(function):
            raise OptionError(f"{function!r} is no downgrade: give a sync function")

        known = _downgrade_of(newer)

        if known is not None and _home(known.convert) != _home(function):
            raise OptionError(f"{known} is registered already: leave one of them out")

        setattr(newer, _MARK, _Downgrade(name, version, to, function))
        return function

    return decorate


def render(
    payload: object, name: str, *, codec: Codec, largest: int = MAX_PAYLOAD
) -> tuple[bytes, Mapping[int, bytes]]:
    """Return a payload as JSON, and as JSON in each version it can be downgraded to.

    Args:
        payload: as it was emitted.
        name: of the event, for errors.
        codec: makes the JSON.
        largest: the most bytes that each may have.

    Raises:
        PayloadError: if it cannot be encoded or downgraded, or is too large.
    """
    data = _encode(payload, name, codec, largest)

    if _downgrade_of(type(payload)) is None:
        return data, {}

    return data, {
        version: _encode(older, f"{name} (version {version})", codec, largest)
        for version, older in _downgraded(payload, codec)
    }


def _encode(payload: object, name: str, codec: Codec, largest: int) -> bytes:
    data = codec.encode(payload)

    if len(data) > largest:
        raise PayloadError(
            f"the payload of {name!r} is {len(data)} bytes as JSON, and {largest} are "
            "allowed: send less, or raise max_payload="
        )

    return data


def _tag(cls: object) -> tuple[str, int]:
    name = name_of(cls)

    if isinstance(cls, type) and name:
        return name, version_of(cls)

    raise OptionError(
        f"{cls!r} is no event class: downgrade() takes the one of the newer version, "
        "decorated with @event"
    )


def _home(function: Callable[..., object]) -> tuple[str, str]:
    """Return what is the same when a module is reloaded, or a cell is run twice."""
    return function.__module__, getattr(function, "__qualname__", repr(function))


def _downgrade_of(cls: type) -> _Downgrade | None:
    """Return the downgrade of a class; a subclass that is another version has none."""
    found: _Downgrade | None = getattr(cls, _MARK, None)

    if found is None or (found.name, found.version) != (name_of(cls), version_of(cls)):
        return None

    return found


def _downgraded(payload: object, codec: Codec) -> Iterator[tuple[int, object]]:
    """Give the payload in version after version, downwards."""
    step = _downgrade_of(type(payload))

    while step is not None:
        payload = _convert(step, payload, codec)
        yield step.to, payload
        step = _downgrade_of(type(payload))


def _convert(step: _Downgrade, payload: object, codec: Codec) -> object:
    try:
        older = step.convert(payload)
    except Exception as error:
        raise PayloadError(
            f"{step} raised {type(error).__name__}: mend it; nothing was stored"
        ) from error

    if (name_of(older), version_of(older)) == (step.name, step.to):
        return older

    if not isinstance(older, dict):
        raise PayloadError(
            f"{step} returned {type(older).__qualname__}: return an instance of "
            f"version {step.to}, or a dict with its fields"
        )

    cls = lookup(step.name, step.to)

    plain = cast("dict[str, object]", older)

    try:
        return plain if cls is None else codec.build(plain, cls)
    except PayloadError as error:
        raise PayloadError(f"{step} returned something else: {error}") from error
