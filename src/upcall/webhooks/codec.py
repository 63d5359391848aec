"""Payloads as JSON, and back."""

# Rule 1: what goes through comes out the same, or is refused. msgspec leaves parts of
#   some attrs classes out without a word; those classes are refused by `check`, and at
#   the first payload of a class that nobody checked.
# Rule 2: the same payload gives the same bytes, in every process: sets and dicts are
#   put in order. An emission that is tried again with its id depends on it.
# Rule 3: errors say where in the payload, never what stood there: it may be a secret.

from __future__ import annotations

__all__ = ("JSON", "Codec", "MsgspecCodec", "check_buildable")

import contextlib
import dataclasses
import math
import re
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol, TypeVar, cast
from weakref import WeakSet

import attrs
import msgspec

from ._proto.errors import PayloadError

_T = TypeVar("_T")

_PATH: Final = re.compile(r" - at `([^`]*)`$")
_HARMLESS: Final = ("Expected ", "Object missing required field")
_HELP: Final = (
    "give plain data, an attrs class, a dataclass or a msgspec.Struct, or pass a codec "
    "of your own"
)


class Codec(Protocol):
    """Turns payloads into JSON and back. All of it may be called from any thread.

    Every method raises `PayloadError`, and nothing else.
    """

    def check(self, cls: type) -> None:
        """Return if payloads of this class go through unharmed.

        Raises:
            PayloadError: if not, with what to do.
        """
        ...

    def encode(self, payload: object) -> bytes:
        """Return the payload as JSON; the same bytes for an equal payload.

        Raises:
            PayloadError: if there is something in it that JSON cannot say.
        """
        ...

    def decode(self, body: bytes, cls: type | None = None) -> Any:
        """Return what the JSON says: as plain data, or as an instance of a class.

        Raises:
            PayloadError: if it is no JSON, or does not fit the class.
        """
        ...

    def build(self, plain: object, cls: type[_T]) -> _T:
        """Return plain data as an instance of a class, checked.

        Raises:
            PayloadError: if it does not fit the class.
        """
        ...


class MsgspecCodec:
    """The codec by msgspec; see `Codec`.

    Strict: ``"3"`` is no 3. Decimals, UUIDs, dates and enums go as text or number.
    """

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder(order="deterministic")
        self._checked: WeakSet[type] = WeakSet()

    def check(self, cls: type) -> None:
        """Refuse classes of which msgspec would lose something.

        These are attrs classes with a converter, an alias, a field with a leading
        underscore, a default that takes ``self``, or without slots, and dataclasses
        with a field that is not an argument; also deeper down, where annotations tell.

        Raises:
            PayloadError: for such a class, with what to do.
        """
        if cls in self._checked:
            return

        for found in _classes_in(cls):
            trouble = _trouble(found)

            if trouble is not None:
                raise PayloadError(
                    f"{found.__qualname__} cannot go through JSON unharmed: {trouble}"
                )

        self._checked.add(cls)

    def encode(self, payload: object) -> bytes:
        """Return the payload as JSON, without spaces, in a defined order.

        Raises:
            PayloadError: if its class is refused, or there is something in it that
                JSON cannot say: a NaN, half a surrogate pair, an unknown object.
        """
        self.check(type(payload))

        try:
            data = self._encoder.encode(payload)
            # null is how a NaN and an infinity are written, too.
            suspect = b"null" in data and _has_nan(msgspec.to_builtins(payload))
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise PayloadError(
                f"a payload of {_called(type(payload))} cannot be encoded "
                f"({_safe(error)}): {_HELP}"
            ) from error

        if suspect:
            raise PayloadError(
                f"a payload of {_called(type(payload))} cannot be encoded: there is a "
                "NaN or an infinity in it, which JSON does not have; give None or a "
                "text"
            )

        return data

    def decode(self, body: bytes, cls: type | None = None) -> Any:
        """Return what the JSON says: as plain data, or as an instance of a class.

        Raises:
            PayloadError: if it is no JSON, is nested too deeply, has a number that is
                too large, or does not fit the class.
        """
        try:
            plain = msgspec.json.decode(body)
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise PayloadError(f"the body is no JSON we take: {_safe(error)}") from None

        return plain if cls is None else self.build(plain, cast("type[Any]", cls))

    def build(self, plain: object, cls: type[_T]) -> _T:
        """Return plain data as an instance of a class; its validators have run.

        Raises:
            PayloadError: if it does not fit, with the path, and no value.
        """
        self.check(cls)

        try:
            return msgspec.convert(plain, cls)
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise PayloadError(
                f"the payload does not fit {_called(cls)}: {_safe(error)}"
            ) from None


JSON: Final[Codec] = MsgspecCodec()
"""The codec that is used where none is given."""


def check_buildable(cls: type) -> None:
    """Return if JSON can be made an instance of this class, whatever comes.

    Raises:
        PayloadError: if nothing fits it, with what in it is the matter.
    """
    JSON.check(cls)

    try:
        msgspec.json.Decoder(cls)
        foreign = next(_foreign_to_json(cls), None)
    except (TypeError, NameError) as error:
        raise PayloadError(f"nothing can be {_called(cls)}: {error}") from error

    if foreign is not None:
        raise PayloadError(
            f"nothing can be {_called(cls)}: there is {_called(foreign)} in it, which "
            "JSON knows nothing of"
        )


def _foreign_to_json(cls: type) -> Iterator[type]:
    """Give the classes within this one of which there is nothing in JSON."""
    seen: dict[int, Any] = {}
    waiting: list[Any] = [msgspec.inspect.type_info(cls)]

    while waiting:
        node = waiting.pop()

        if id(node) in seen:
            continue

        seen[id(node)] = node

        if isinstance(node, msgspec.inspect.CustomType):
            if node.cls is not object:
                yield node.cls
        elif isinstance(node, tuple):
            waiting += cast("tuple[object, ...]", node)
        elif isinstance(node, msgspec.Struct):
            waiting += msgspec.structs.astuple(node)


def _called(cls: type) -> str:
    return cls.__qualname__


def _safe(error: Exception) -> str:
    """Return what an error says, without any value of the payload."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"

    if isinstance(error, UnicodeError):
        return "a text in it is no Unicode"

    text = str(error)
    ours = isinstance(error, msgspec.ValidationError)

    if error.__cause__ is None and (not ours or text.startswith(_HARMLESS)):
        return text

    path = _PATH.search(text)
    return (
        f"a value is not allowed at `{path[1]}`" if path else "a value is not allowed"
    )


def _has_nan(plain: object) -> bool:
    waiting = [plain]  # no recursion: it may be nested as deeply as msgspec goes

    while waiting:
        each = waiting.pop()

        if isinstance(each, float) and not math.isfinite(each):
            return True

        waiting += _parts(each)

    return False


def _parts(plain: object) -> Iterable[object]:
    if isinstance(plain, dict):
        return cast("dict[object, object]", plain).values()

    if isinstance(plain, (list, tuple, set, frozenset)):
        return cast("Iterable[object]", plain)

    return ()


# --- which classes, and what is wrong with them ---


def _classes_in(cls: type) -> Iterator[type]:
    """Give the class and all that its annotations name, each once."""
    found: set[type] = set()
    waiting: list[Any] = [cls]

    while waiting:
        kind = waiting.pop()
        waiting += typing.get_args(kind)

        if isinstance(kind, type) and kind not in found:
            found.add(kind)
            waiting += _annotations(kind)
            yield kind


def _annotations(cls: Any) -> Iterable[Any]:
    struct = issubclass(cls, msgspec.Struct)

    if not (struct or attrs.has(cls) or dataclasses.is_dataclass(cls)):
        return ()

    with contextlib.suppress(NameError, TypeError):
        return typing.get_type_hints(cls).values()

    # A class that was defined within a function may not be found by its name. Those of
    # its fields that we cannot look into are checked when they are sent by themselves.
    return ()


def _trouble(cls: type) -> str | None:
    """Say what msgspec would lose of the class, and what to do; None if nothing."""
    if attrs.has(cls):
        return _trouble_of_attrs(cls)

    if dataclasses.is_dataclass(cls):
        return _trouble_of_dataclass(cls)

    return None


def _trouble_of_attrs(cls: type[attrs.AttrsInstance]) -> str | None:
    for field in attrs.fields(cls):
        name, default = field.name, field.default

        if field.converter is not None:
            return f"{name} has a converter, which would not run; convert before"

        if name.startswith("_"):
            return f"{name} would be left out; take the underscore away"

        if field.alias != name:
            return f"the alias {field.alias!r} of {name} would not be used; drop it"

        if isinstance(default, attrs.Factory) and default.takes_self:  # type: ignore[arg-type]
            return f"the default of {name} takes self; use one that does not"

    if cls.__dictoffset__:
        return (
            "it has no slots, so more than its fields would be sent; use attrs.define"
        )

    return None


def _trouble_of_dataclass(cls: Any) -> str | None:
    for field in dataclasses.fields(cls):
        if not field.init:
            return f"{field.name} is no argument and would be left out; make it one"

    return None
