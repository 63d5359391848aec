"""The secrets of a scheme: checked, and made into keys, before any is used."""

# Rule 1: no message shows a secret or a part of one. They are told apart by number.
# Rule 2: base64 of a secret may lack its padding, and hex have capitals: people copy
#   secrets by hand. What comes with a request is read strictly, elsewhere.

from __future__ import annotations

__all__ = ("discord_keys", "several", "standard_keys", "text_keys", "token_keys")

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from upcall.errors import OptionError

from .signing_key import Key, KeyPair, PublicKey, SharedKey

_SHARED_SIZES: Final = range(24, 64 + 1)
_ED25519_SIZE: Final = 32
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{64}){1,2}")

# RFC 6750, section 2.1: what may follow "Bearer".
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def several(secret: object) -> tuple[str, ...]:
    """Return one secret or several as a tuple of them, in the order given.

    Raises:
        OptionError: if there is none, or one is empty or no text.
    """
    if secret is None:
        raise OptionError("there is no secret: give secret=")

    if isinstance(secret, bytes | bytearray) or not isinstance(secret, Sequence):
        raise OptionError(
            f"the secret is a {type(secret).__name__}: give it as a str, or several of "
            "them in a sequence"
        )

    one = isinstance(secret, str)
    secrets = (secret,) if one else tuple(cast("Sequence[object]", secret))

    if not secrets:
        raise OptionError("there is no secret: give at least one")

    return tuple(_text(each, place) for place, each in enumerate(secrets, 1))


def text_keys(
    secrets: Iterable[str], *, digest: str = "sha256"
) -> tuple[SharedKey, ...]:
    """Make keys for the schemes in which the text of the secret is the key.

    Raises:
        OptionError: for a secret that has no form in UTF-8.
    """
    return tuple(
        SharedKey(_encoded(text, place), digest)
        for place, text in enumerate(secrets, 1)
    )


def token_keys(secrets: Iterable[str]) -> tuple[SharedKey, ...]:
    """Make keys for ``"bearer"``, whose secrets are sent as they are.

    Raises:
        OptionError: for a secret that no header can carry as a token.
    """
    return tuple(_token_key(text, place) for place, text in enumerate(secrets, 1))


def discord_keys(
    secrets: Iterable[str],
) -> tuple[tuple[KeyPair, PublicKey], ...]:
    """Make of each secret what would sign with it, and what verifies.

    Raises:
        OptionError: for a secret that is not 64 or 128 digits in hex, or whose second
            half is not the public key of the first.
    """
    return tuple(_discord_key(text, place) for place, text in enumerate(secrets, 1))


def standard_keys(secrets: Iterable[str]) -> tuple[Key, ...]:
    """Make keys of ``whsec_``, ``whsk_`` and ``whpk_`` secrets.

    Raises:
        OptionError: for a secret that is none of these.
    """
    return tuple(_standard_key(text, place) for place, text in enumerate(secrets, 1))


def _text(secret: object, place: int) -> str:
    if not isinstance(secret, str):
        raise OptionError(
            f"secret {place} is a {type(secret).__name__}: give it as a str"
        )

    if not secret:
        raise OptionError(f"secret {place} is empty: give it, or leave it out")

    # It would fail at every request, and nobody would see why.
    if secret.endswith(("\n", "\r")):
        raise OptionError(
            f"secret {place} ends with a line break, as one read from a file does: "
            "take it off with .strip()"
        )

    return secret


def _encoded(text: str, place: int) -> bytes:
    # Not by trying to encode it: that error would carry the secret along.
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise OptionError(f"secret {place} cannot be written in UTF-8: give it as text")

    return text.encode()


def _token_key(text: str, place: int) -> SharedKey:
    if not _TOKEN.fullmatch(text):
        raise OptionError(
            f"secret {place} is no bearer token: use letters, digits and -._~+/, "
            "without the word Bearer"
        )

    return SharedKey(text.encode("ascii"))


def _discord_key(text: str, place: int) -> tuple[KeyPair, PublicKey]:
    """Make both keys.

    The seed and the public key look alike, 64 digits. Alone, they are taken for the one
    that is needed: the seed to sign, the public key to verify. Never is a public key
    made of them to verify with: if they are the public key, everybody knows them.
    """
    if not _HEX.fullmatch(text):
        raise OptionError(
            f"secret {place} is not in hex: to verify give the public key (64 digits), "
            "to sign the seed (64), for both the seed and its public key (128)"
        )

    raw = bytes.fromhex(text)
    private = Ed25519PrivateKey.from_private_bytes(raw[:_ED25519_SIZE])
    public = raw[-_ED25519_SIZE:]

    if raw != public and private.public_key().public_bytes_raw() != public:
        raise OptionError(
            f"secret {place} holds halves of two different keys: give the seed, then "
            "its public key"
        )

    return KeyPair(private), PublicKey(Ed25519PublicKey.from_public_bytes(public))


def _standard_key(text: str, place: int) -> Key:
    """Make one key. Without a prefix, as older tools show it, it is a ``whsec_``."""
    prefix = text[:5] if text.startswith(("whsk_", "whpk_")) else "whsec_"
    rest = text.removeprefix(prefix)
    raw = _from_base64(rest + "=" * (-len(rest) % 4))

    if raw is None:
        raise OptionError(
            f"secret {place} is not whsec_, whsk_ or whpk_ followed by base64: "
            "new_secret() makes one"
        )

    return _MAKERS[prefix](raw, place)


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _shared(raw: bytes, place: int) -> SharedKey:
    if len(raw) not in _SHARED_SIZES:
        raise OptionError(
            f"secret {place} has {len(raw)} bytes and must have 24 to 64: "
            "new_secret() makes one"
        )

    return SharedKey(raw)


def _pair(raw: bytes, place: int) -> KeyPair:
    """Take a seed, alone or followed by its public key as Svix writes it."""
    seed, public = raw[:_ED25519_SIZE], raw[_ED25519_SIZE:]

    if len(seed) != _ED25519_SIZE:
        raise OptionError(f"secret {place} (whsk_) must have 32 or 64 bytes")

    private = Ed25519PrivateKey.from_private_bytes(seed)

    if public not in (b"", private.public_key().public_bytes_raw()):
        raise OptionError(f"secret {place} (whsk_) holds halves of two different keys")

    return KeyPair(private)


def _public(raw: bytes, place: int) -> PublicKey:
    if len(raw) != _ED25519_SIZE:
        raise OptionError(f"secret {place} (whpk_) must have 32 bytes")

    return PublicKey(Ed25519PublicKey.from_public_bytes(raw))


_MAKERS: Final[Mapping[str, Callable[[bytes, int], Key]]] = {
    "whsec_": _shared,
    "whsk_": _pair,
    "whpk_": _public,
}
