"""A subscription: the handle that `on` gives."""

# What users have of it stands here. What tables and plans know of it besides is in
#   `subscribed`, out of the way of documentation and of completion in editors.

from __future__ import annotations

__all__ = ("Key", "Subscription")

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

Key = type[Any] | str


class Subscription(ABC, Generic[P, R_co]):
    """One callback on one key, until it is cancelled.

    `Bus.on` and its like make one; you never make one yourself. It may be dropped: the
    callback stays subscribed.

    Callable like the function itself, so that ``@signal.on`` without parentheses
    leaves something usable under the name. A context manager, which cancels when it is
    left. Everything here may be used from any thread.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the callback itself; no event is involved.

        Raises:
            ReferenceError: for a weak method whose object is gone.
        """

    @property
    @abstractmethod
    def key(self) -> Key:
        """The class, name or pattern it is subscribed to."""

    @property
    @abstractmethod
    def callback(self) -> Callable[P, R_co] | None:
        """The callback; None for a weak method whose object is gone."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the callback stands in the source, as ``file:line``."""

    @property
    @abstractmethod
    def active(self) -> bool:
        """Whether it hears emissions. Cancelled, used up or paused, it does not."""

    @abstractmethod
    def cancel(self) -> bool:
        """End it, from the next emission on; runs that have started go on.

        What waits for its turn or its time (queued, debounced, throttled) is dropped.
        Calling it again does nothing.

        Returns:
            Whether it had not ended before.
        """

    @abstractmethod
    def pause(self) -> None:
        """Hear nothing, from the next emission on; what comes meanwhile is dropped.

        What waits already for its turn or its time still runs. Pausing twice is as
        pausing once.
        """

    @abstractmethod
    def resume(self) -> None:
        """Hear again, from the next emission on."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()
