"""Event classes: what `@event` makes of a class, and the catalogue of all of them."""

from __future__ import annotations

__all__ = ("catalogue", "event", "lookup", "name_of", "version_of")

import dataclasses
import gc
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform
from weakref import WeakValueDictionary

import attrs

from upcall._promises.arguments import check_flag
from upcall.errors import MalformedKeyError, OptionError
from upcall.keys import RESERVED, check_name

T = TypeVar("T")

_TAG = "__upcall_event__"

_catalogue: WeakValueDictionary[tuple[str, int], type[Any]] = WeakValueDictionary()

_versions: dict[str, tuple[int, ...]] = {}
"""Which versions of a name there have been, the newest first. They are few, and those
of classes that are gone again do no harm."""


@attrs.frozen
class _Tag:
    """What `@event` leaves in a class."""

    name: str
    version: int


@dataclass_transform(
    frozen_default=True, field_specifiers=(attrs.field, dataclasses.field)
)
def event(
    name: str, *, version: int = 1, frozen: bool = True, kw_only: bool = False
) -> Callable[[type[T]], type[T]]:
    """Make a class with annotated fields an event, and enter it in the catalogue.

    A plain class becomes an attrs class (with slots), a frozen one by default. One that
    is an attrs class, a dataclass or the like already is only tagged with its name and
    version. It goes outermost, above any other decorator.

    Args:
        name: what the event is called: dotted segments. Those below ``webhook`` are
            ours, and heard only by keys that say that segment themselves.
        version: the version of its fields, from 1 on.
        frozen: whether its instances are immutable; say ``frozen=False`` for a mutable
            attrs class or dataclass too, so that type checkers know.
        kw_only: whether its fields are given by keyword only.

    Raises:
        MalformedKeyError: the name is no name, is reserved, or another class has this
            name and version.
        OptionError: the class cannot be made an event as it stands.
    """
    _check(name, version)
    check_flag("frozen", frozen)
    check_flag("kw_only", kw_only)

    def decorate(cls: type[T]) -> type[T]:
        made = _make(cls, frozen=frozen, kw_only=kw_only)
        setattr(made, _TAG, _Tag(name, version))
        _enter(made, name, version)

        return made

    return decorate


def _check(name: object, version: int) -> None:
    if isinstance(name, type):
        raise OptionError(
            f"@event above {name.__qualname__} needs a name: @event('order.paid')"
        )

    if check_name(name).partition(".")[0] == RESERVED:
        raise MalformedKeyError(
            f"{name!r}: names below {RESERVED!r} are reserved; choose another"
        )

    if type(version) is not int or version < 1:
        raise OptionError(f"version={version!r}: give a whole number from 1 on")


def _make(cls: type[T], *, frozen: bool, kw_only: bool) -> type[T]:
    if not isinstance(cls, type):
        raise OptionError(f"{cls!r} is no class: @event goes above a class")

    if _is_record(cls):
        return cls

    for base in cls.__mro__[1:]:
        if "__dataclass_fields__" in vars(base):
            raise OptionError(
                f"{cls.__qualname__} is a plain subclass of the dataclass "
                f"{base.__qualname__}: put @dataclass between it and @event"
            )

    for field, annotation in inspect.get_annotations(cls).items():
        if field.startswith("_") and not _is_class_variable(annotation):
            raise OptionError(
                f"{cls.__qualname__}.{field}: a field of an event has no leading "
                "underscore; rename it, or make the class with attrs and an alias"
            )

    return attrs.define(cls, frozen=frozen, kw_only=kw_only)


def _is_class_variable(annotation: object) -> bool:
    """Tell by the text, as attrs does: it may be no more than that."""
    return "ClassVar" in str(annotation).partition("[")[0]


def _is_record(cls: type[Any]) -> bool:
    """Tell whether something has made fields of the annotations already."""
    own = vars(cls)
    marks = ("__attrs_attrs__", "__dataclass_fields__")

    return any(mark in own for mark in marks) or any(
        hasattr(cls, mark) for mark in ("__struct_fields__", "model_fields", "_fields")
    )


def _enter(cls: type[Any], name: str, version: int) -> None:
    """Enter it in the catalogue, which keeps no class alive.

    A class that is defined again (a module reloaded, a cell run twice) takes the place
    of the one it replaces.
    """
    if _other(cls, name, version) is not None:
        gc.collect()

    other = _other(cls, name, version)

    if other is not None:
        raise MalformedKeyError(
            f"version {version} of {name!r} is {other.__module__}."
            f"{other.__qualname__} already: give {cls.__qualname__} another name, or "
            f"version={version + 1}"
        )

    _catalogue[name, version] = cls
    known = {version, *_versions.get(name, ())}
    _versions[name] = tuple(sorted(known, reverse=True))


def _other(cls: type[Any], name: str, version: int) -> type[Any] | None:
    found = _catalogue.get((name, version))

    if found is None or _home(found) == _home(cls):
        return None

    return found


def _home(cls: type[Any]) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def name_of(event: object) -> str:
    """Return the name of an event or event class: that of the nearest decorated class.

    Empty if neither the class nor one of its bases is decorated.
    """
    tag: _Tag | None = getattr(event, _TAG, None)
    return "" if tag is None else tag.name


def version_of(event: object) -> int:
    """Return the version of an event or event class; 1 if it was not decorated."""
    tag: _Tag | None = getattr(event, _TAG, None)
    return 1 if tag is None else tag.version


def lookup(name: str, version: int | None = None) -> type[Any] | None:
    """Return the class of this name: the newest version, or the one asked for."""
    if version is not None:
        return _catalogue.get((name, version))

    for number in _versions.get(name, ()):
        cls = _catalogue.get((name, number))

        if cls is not None:
            return cls

    return None


def catalogue() -> Mapping[tuple[str, int], type[Any]]:
    """Return all event classes by name and version, as they are now."""
    return dict(_catalogue)
