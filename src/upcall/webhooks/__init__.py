"""Webhooks: events that leave as signed requests, and requests that become events."""

from __future__ import annotations

__all__ = (
    "BlockedError",
    "Bridge",
    "BridgeClosedError",
    "Codec",
    "ConflictError",
    "Endpoint",
    "EndpointError",
    "Guard",
    "Outbox",
    "OutboxError",
    "PayloadError",
    "Receiver",
    "SignatureError",
    "Source",
    "Transport",
    "Verified",
    "new_secret",
    "scheme",
)

from ._proto.endpoint import Endpoint as Endpoint
from ._proto.errors import BlockedError as BlockedError
from ._proto.errors import BridgeClosedError as BridgeClosedError
from ._proto.errors import ConflictError as ConflictError
from ._proto.errors import EndpointError as EndpointError
from ._proto.errors import OutboxError as OutboxError
from ._proto.errors import PayloadError as PayloadError
from ._proto.errors import SignatureError as SignatureError
from ._proto.schemes import Verified as Verified
from ._proto.schemes import new_secret as new_secret
from ._proto.schemes import scheme as scheme
from .bridge import Bridge as Bridge
from .codec import Codec as Codec
from .outbox.outbox import Outbox as Outbox
from .receiver import Receiver as Receiver
from .receiver import Source as Source
from .transport.contract import Transport as Transport
from .transport.guard import Guard as Guard
