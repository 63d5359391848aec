"""How a promise ended, as a record: what `Promise.all_settled` gives."""

from __future__ import annotations

__all__ = ("Fulfilled", "Outcome", "Rejected")

from typing import Generic, TypeAlias, TypeVar

import attrs

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen
class Fulfilled(Generic[T_co]):
    """It was fulfilled. ``match`` takes it as ``Fulfilled(value)``."""

    value: T_co
    """The value."""


@attrs.frozen
class Rejected:
    """It was rejected. ``match`` takes it as ``Rejected(reason)``."""

    reason: BaseException
    """The reason."""


Outcome: TypeAlias = Fulfilled[T_co] | Rejected
