"""Upcall: callbacks that keep their promises.

An in-process event bus with sync callbacks, async callbacks, futures and promise
chains, on anyio (asyncio and trio). The bridge to webhooks is `upcall.webhooks`.
"""

from __future__ import annotations

__all__ = (
    "STOP",
    "AllRejectedError",
    "Bus",
    "BusNotOpenError",
    "CallbackCancelledError",
    "CallbackErrors",
    "CallbackTimeoutError",
    "Envelope",
    "EventEmitter",
    "Fulfilled",
    "MalformedKeyError",
    "MaxListenersWarning",
    "NoRunningLoopError",
    "OptionError",
    "Promise",
    "PromiseCancelledError",
    "PromiseTimeoutError",
    "Rejected",
    "Signal",
    "Statistics",
    "Stream",
    "StreamFullError",
    "Subscription",
    "UpcallError",
    "WrongLoopError",
    "WrongThreadError",
    "WrongTypeError",
    "callbackify",
    "event",
    "on",
    "once",
    "promisify",
    "set_unhandled_rejection_hook",
)

from ._events.bus import Bus as Bus
from ._events.emitter import EventEmitter as EventEmitter
from ._events.emitter_listeners import MaxListenersWarning as MaxListenersWarning
from ._events.emitter_waits import on as on
from ._events.emitter_waits import once as once
from ._events.envelope import Envelope as Envelope
from ._events.event import event as event
from ._events.interceptors import STOP as STOP
from ._events.owner import Statistics as Statistics
from ._events.signal import Signal as Signal
from ._events.stream import Stream as Stream
from ._events.subscription import Subscription as Subscription
from ._promises.convert import callbackify as callbackify
from ._promises.convert import promisify as promisify
from ._promises.home import (
    set_unhandled_rejection_hook as set_unhandled_rejection_hook,
)
from ._promises.outcomes import Fulfilled as Fulfilled
from ._promises.outcomes import Rejected as Rejected
from ._promises.promise import Promise as Promise
from .errors import AllRejectedError as AllRejectedError
from .errors import BusNotOpenError as BusNotOpenError
from .errors import CallbackCancelledError as CallbackCancelledError
from .errors import CallbackErrors as CallbackErrors
from .errors import CallbackTimeoutError as CallbackTimeoutError
from .errors import MalformedKeyError as MalformedKeyError
from .errors import NoRunningLoopError as NoRunningLoopError
from .errors import OptionError as OptionError
from .errors import PromiseCancelledError as PromiseCancelledError
from .errors import PromiseTimeoutError as PromiseTimeoutError
from .errors import StreamFullError as StreamFullError
from .errors import UpcallError as UpcallError
from .errors import WrongLoopError as WrongLoopError
from .errors import WrongThreadError as WrongThreadError
from .errors import WrongTypeError as WrongTypeError
