"""Whether an event class can be built from JSON at all: our user's affair."""

# Rule 1: a class that nothing fits is no fault of who sends. It is told to the one who
#   wrote it, by an exception, and the sender may send again when it is mended.

from __future__ import annotations

__all__ = ("check_event_class",)

from typing import Final
from weakref import WeakSet

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import PayloadError
from upcall.webhooks.codec import check_buildable

_HELP: Final = (
    "use attrs classes, dataclasses, msgspec.Struct or TypedDict, defined at the top "
    "of a module; to build it yourself, take plain data"
)

_checked: WeakSet[type] = WeakSet()


def check_event_class(cls: type) -> None:
    """Return if JSON can be made an instance of this class.

    Raises:
        OptionError: if it cannot, whatever comes, with what to do.
    """
    if cls in _checked:
        return

    try:
        check_buildable(cls)
    except PayloadError as error:
        raise OptionError(f"{error}; {_HELP}") from error

    _checked.add(cls)
