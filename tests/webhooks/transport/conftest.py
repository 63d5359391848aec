"""What is said of transports is tested with each of them."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.webhooks.transport.http2 import Http2Transport
from upcall.webhooks.transport.post import PostTransport


@pytest.fixture(params=[PostTransport, Http2Transport], ids=["post", "http2"])
def kind(request: pytest.FixtureRequest) -> Any:
    """Choose the transport."""
    return request.param
