"""What a secret becomes: a shared key, a pair of keys, or the public half of one."""

# Rule 1: a key shows nothing of itself, so that no log of an error gives it away.

from __future__ import annotations

__all__ = ("Key", "KeyPair", "PublicKey", "SharedKey", "matches")

import hmac
from collections.abc import Callable, Iterable

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

_Check = Callable[[bytes], bool]


@attrs.frozen(repr=False, eq=False)
class SharedKey:
    """Both sides hold it; HMAC makes and verifies."""

    secret: bytes
    digest: str = "sha256"

    def sign(self, content: bytes) -> bytes:
        """Return the signature of the content."""
        return hmac.digest(self.secret, content, self.digest)

    def checker(self, content: bytes) -> _Check:
        """Return what judges signatures of this content, in constant time each."""
        expected = self.sign(content)
        return lambda given: hmac.compare_digest(expected, given)


@attrs.frozen(repr=False, eq=False)
class PublicKey:
    """Verifies Ed25519 signatures, and cannot make any."""

    public: Ed25519PublicKey

    def checker(self, content: bytes) -> _Check:
        """Return what judges signatures of this content."""

        def check(given: bytes) -> bool:
            try:
                self.public.verify(given, content)
            except InvalidSignature:
                return False

            return True

        return check


@attrs.frozen(repr=False, eq=False)
class KeyPair:
    """Makes Ed25519 signatures, and verifies its own."""

    private: Ed25519PrivateKey

    def sign(self, content: bytes) -> bytes:
        """Return the signature of the content."""
        return self.private.sign(content)

    def checker(self, content: bytes) -> _Check:
        """Return what judges signatures of this content."""
        return PublicKey(self.private.public_key()).checker(content)


Key = SharedKey | KeyPair | PublicKey
"""A key of any kind."""


def matches(keys: Iterable[Key], content: bytes, *given: bytes) -> bool:
    """Tell whether one of the signatures given is that of one of the keys.

    Each key is tried; the content is read once per key, by public keys once per
    signature, so the caller bounds how many are given.
    """
    for key in keys:
        check = key.checker(content)

        if any(map(check, given)):
            return True

    return False
