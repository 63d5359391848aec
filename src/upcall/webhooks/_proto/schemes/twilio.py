"""Twilio's way to sign: the URL, and the fields of a form, under HMAC-SHA1."""

# Rule 1: fields are sorted and joined as bytes. Sorted by code points, as Twilio's
#   libraries do it, they have the same order, and nothing need be text.
# Rule 2: a body that is no form is not signed. Its digest is, as bodySHA256 in the
#   query; without that, nothing vouches for it and it is refused.

from __future__ import annotations

__all__ = ("Twilio", "with_digest")

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

import attrs

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import check_header, single

from .contract import Verified
from .encoding import read_base64, write_base64
from .secret import text_keys
from .signing_key import SharedKey, matches

_DIGEST: Final = "bodySHA256"
_FORM: Final = "application/x-www-form-urlencoded"
_SIGNATURE: Final = "X-Twilio-Signature"
_TOKEN: Final = "I-Twilio-Idempotency-Token"  # noqa: S105 (the name of a header)
_PORTS: Final = {"http": "80", "https": "443"}
_URL: Final = re.compile(
    r"""(?P<scheme>https?)://
    (?P<host>(?:[^/?\#@]*@)?(?:\[[0-9a-f:.]+\]|[^/?\#@:\[\]]+))
    (?::(?P<port>[0-9]{1,5}))?
    (?P<rest>(?:[/?\#].*)?)""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _sha1_keys(secrets: tuple[str, ...]) -> tuple[SharedKey, ...]:
    return text_keys(secrets, digest="sha1")


@attrs.frozen(repr=False, eq=False)
class Twilio:
    """The scheme ``"twilio"``. Signs with the first secret, verifies with any.

    Both need ``url=``, whole, as the sender wrote it. Whether its port stands there
    makes no difference: Twilio itself is of two minds. It signs neither id nor time,
    and fields run into each other: ``ab=c`` has the signature of ``a=bc``.

    https://www.twilio.com/docs/usage/security#validating-requests
    """

    _keys: tuple[SharedKey, ...] = attrs.field(alias="secrets", converter=_sha1_keys)
    name: str = attrs.field(default="twilio", init=False)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return the signature, and the id as a header that is not signed.

        See `Scheme.sign`; the time is not signed. Unless the URL has the digest of the
        body (`with_digest`), the body is signed as a form.

        Raises:
            OptionError: without an http or https URL, and if a digest in it is that of
                another body.
        """
        del timestamp
        check_header(_TOKEN, id)

        try:
            address = _spellings(url)[0]
            content = address + _rest(address, body)
        except SignatureError as error:
            raise OptionError(f"Twilio's scheme signs the URL: {error}") from None

        return {_SIGNATURE: write_base64(self._keys[0].sign(content)), _TOKEN: id}

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float,
        url: str | None = None,
    ) -> Verified:
        """Return a record of nothing but None; see `Scheme.verify`.

        A missing URL is a SignatureError like a bad one: receivers make it out of what
        strangers send.
        """
        del now
        given = read_base64(single(headers, _SIGNATURE))
        spellings = _spellings(url)

        if given is None:
            raise SignatureError("the signature is not in base64")

        if body and not _digests(spellings[0]) and not _is_form(headers):
            raise SignatureError(f"the body is no form, and the URL has no {_DIGEST}")

        rest = _rest(spellings[0], body)

        if not any(matches(self._keys, each + rest, given) for each in spellings):
            raise SignatureError("the signature does not match")

        return Verified()

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"


def with_digest(url: str, body: bytes) -> str:
    """Return the URL with the digest of the body in its query, if none is there."""
    if _digests(url.encode(errors="replace")):
        return url

    place, hash_, fragment = url.partition("#")
    sign = "&" if "?" in place else "?"
    return f"{place}{sign}{_DIGEST}={_hex_digest(body)}{hash_}{fragment}"


def _spellings(url: object) -> tuple[bytes, bytes, bytes]:
    """Return the URL as it is, with its port and without."""
    found = _URL.fullmatch(url) if isinstance(url, str) else None

    if found is None or _SURROGATE.search(found[0]):
        raise SignatureError("url= is not one with http: or https: give the whole URL")

    scheme, host, port, rest = found.group("scheme", "host", "port", "rest")
    port = port or _PORTS[scheme.lower()]
    return (
        found[0].encode(),
        f"{scheme}://{host}:{port}{rest}".encode(),
        f"{scheme}://{host}{rest}".encode(),
    )


def _digests(url: bytes) -> list[bytes]:
    query = url.partition(b"#")[0].partition(b"?")[2]
    parts = (part.partition(b"=") for part in query.split(b"&"))
    return [value for name, _, value in parts if name == _DIGEST.encode()]


def _rest(url: bytes, body: bytes) -> bytes:
    """Return what is signed after the URL: nothing, if the URL has the digest."""
    digests = _digests(url)

    if not digests:
        return b"".join(_fields(body))

    if len(digests) > 1:
        raise SignatureError(f"{_DIGEST} is there {len(digests)} times")

    if not hmac.compare_digest(_hex_digest(body).encode(), digests[0]):
        raise SignatureError(f"{_DIGEST} is not the digest of the body")

    return b""


def _hex_digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _fields(body: bytes) -> list[bytes]:
    """Return names and values of the form, sorted, each pair once."""
    parts = (part.partition(b"=") for part in body.split(b"&") if part)
    pairs = {(_decoded(name), _decoded(value)) for name, _, value in parts}
    return [name + value for name, value in sorted(pairs)]


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _is_form(headers: Mapping[str, object]) -> bool:
    """Tell whether no header says that the body is something else."""
    types = [
        value for name, value in headers.items() if str(name).lower() == "content-type"
    ]
    return all(
        isinstance(each, str) and each.partition(";")[0].strip().lower() == _FORM
        for each in types
    )
