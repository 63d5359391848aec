"""An authority of our own: certificates for servers, and trust in them for clients."""

from __future__ import annotations

__all__ = ("Authority",)

import ssl

import attrs
import trustme


@attrs.frozen
class Authority:
    """An authority: what a server shows, and what a client trusts."""

    ca: trustme.CA = attrs.field(factory=trustme.CA)

    def server(self, *names: str) -> ssl.SSLContext:
        """Make the context of a server with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        """Make the context of a client that trusts this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        return context
