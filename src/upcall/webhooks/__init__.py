"""Webhooks: events that leave as signed requests, and requests that become events."""

from __future__ import annotations

__all__ = (
    "Answer",
    "Attempt",
    "BlockedError",
    "Bridge",
    "BridgeClosedError",
    "BridgeStatistics",
    "Clock",
    "Codec",
    "ConflictError",
    "Dead",
    "Delivery",
    "Endpoint",
    "EndpointError",
    "Filter",
    "Guard",
    "Invalid",
    "News",
    "Outbox",
    "OutboxError",
    "PayloadError",
    "Receiver",
    "RequestAttempt",
    "SignatureError",
    "Source",
    "State",
    "StoredRequest",
    "Transport",
    "TransportError",
    "Verified",
    "Worker",
    "downgrade",
    "enqueue",
    "new_secret",
    "scheme",
)

from importlib.util import find_spec

for _needed in ("cryptography", "httptools", "idna", "msgspec", "sqlalchemy"):
    if find_spec(_needed) is None:
        raise ModuleNotFoundError(
            f"upcall.webhooks needs {_needed}: pip install 'upcall[webhooks]'",
            name=_needed,
        )

from ._proto.answer import Answer as Answer
from ._proto.answer import TransportError as TransportError
from ._proto.delivery import Attempt as Attempt
from ._proto.delivery import Delivery as Delivery
from ._proto.delivery import State as State
from ._proto.endpoint import Endpoint as Endpoint
from ._proto.errors import BlockedError as BlockedError
from ._proto.errors import BridgeClosedError as BridgeClosedError
from ._proto.errors import ConflictError as ConflictError
from ._proto.errors import EndpointError as EndpointError
from ._proto.errors import OutboxError as OutboxError
from ._proto.errors import PayloadError as PayloadError
from ._proto.errors import SignatureError as SignatureError
from ._proto.filter import Filter as Filter
from ._proto.news import Dead as Dead
from ._proto.news import News as News
from ._proto.request import RequestAttempt as RequestAttempt
from ._proto.request import StoredRequest as StoredRequest
from ._proto.schemes import Verified as Verified
from ._proto.schemes import new_secret as new_secret
from ._proto.schemes import scheme as scheme
from .bridge import Bridge as Bridge
from .bridge import BridgeStatistics as BridgeStatistics
from .clock import Clock as Clock
from .codec import Codec as Codec
from .enqueue import enqueue as enqueue
from .outbox.outbox import Outbox as Outbox
from .receiver import Invalid as Invalid
from .receiver import Receiver as Receiver
from .receiver import Source as Source
from .transport.contract import Transport as Transport
from .transport.guard import Guard as Guard
from .versions import downgrade as downgrade
from .worker import Worker as Worker
