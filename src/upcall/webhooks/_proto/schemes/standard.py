"""Standard Webhooks 1.0.0: id, timestamp and body under HMAC (v1) or Ed25519 (v1a)."""

# Rule 1: the bytes are signed as they are; nothing is decoded before it is verified.
# Rule 2: an entry that is malformed, or of a version we hold no key for, is as good as
#   absent. One good entry is enough, so senders can change secrets and versions.

from __future__ import annotations

__all__ = ("Standard",)

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import single

from .contract import Verified
from .encoding import read_base64, write_base64
from .secret import standard_keys
from .signing_key import Key, KeyPair, PublicKey, SharedKey, matches
from .timestamp import check_age, read_seconds, write_seconds

_ID: Final = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,512}")
"""Printable, and no dot: with a dot, id and timestamp could trade characters."""

_VERSIONS: Final = {SharedKey: "v1", KeyPair: "v1a", PublicKey: "v1a"}

_MOST_ENTRIES: Final = 16
"""With Ed25519 each costs a pass over the body, and a stranger says how many."""


@attrs.frozen(repr=False, eq=False)
class Standard:
    """The scheme ``"standard"``. Makes one signature for each secret that can sign.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    _keys: tuple[Key, ...] = attrs.field(alias="secrets", converter=standard_keys)
    _tolerance: float = attrs.field(alias="tolerance", kw_only=True)
    name: str = attrs.field(default="standard", kw_only=True)
    _prefix: str = attrs.field(default="webhook", alias="prefix", kw_only=True)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return the three headers; see `Scheme.sign`. The URL is not signed."""
        del url

        if not _ID.fullmatch(id):
            raise OptionError(
                f"{id!r} cannot be the id of a message: use printable ASCII, no dot"
            )

        seconds = write_seconds(timestamp)
        content = _content(id, seconds, body)

        return {
            f"{self._prefix}-id": id,
            f"{self._prefix}-timestamp": seconds,
            f"{self._prefix}-signature": " ".join(self._write(content)),
        }

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float,
        url: str | None = None,
    ) -> Verified:
        """Return id and timestamp; see `Scheme.verify`. The URL is not looked at."""
        del url
        id_ = single(headers, f"{self._prefix}-id")
        seconds = single(headers, f"{self._prefix}-timestamp")
        entries = single(headers, f"{self._prefix}-signature")

        if not _ID.fullmatch(id_):
            raise SignatureError("the id is empty, too long, dotted or not printable")

        timestamp = read_seconds(seconds)
        check_age(timestamp, now=now, tolerance=self._tolerance)
        self._match(entries, _content(id_, seconds, body))
        return Verified(id=id_, timestamp=timestamp)

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"

    def _write(self, content: bytes) -> Iterator[str]:
        signing = [key for key in self._keys if not isinstance(key, PublicKey)]

        if not signing:
            raise OptionError(
                "a public key (whpk_) can only verify: give a whsec_ or whsk_ to sign"
            )

        for key in signing:
            signature = write_base64(key.sign(content))
            yield f"{_VERSIONS[type(key)]},{signature}"

    def _match(self, entries: str, content: bytes) -> None:
        known = {_VERSIONS[type(key)] for key in self._keys}
        given = [entry for entry in _read(entries) if entry[0] in known]

        if len(given) > _MOST_ENTRIES:
            raise SignatureError(f"there are more than {_MOST_ENTRIES} signatures")

        for key in self._keys:
            wanted = _VERSIONS[type(key)]
            macs = [mac for version, mac in given if version == wanted]

            if matches((key,), content, *macs):
                return

        raise SignatureError("no signature of a known version matches")


def _content(id_: str, seconds: str, body: bytes) -> bytes:
    return b".".join((id_.encode("ascii"), seconds.encode("ascii"), body))


def _read(entries: str) -> Iterator[tuple[str, bytes]]:
    """Give version and signature of every well-formed entry."""
    for entry in entries.split(" "):
        version, _, text = entry.partition(",")
        signature = read_base64(text)

        if signature is not None:
            yield version, signature
