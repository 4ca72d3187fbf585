"""The header fields by which a client says who he is, and by which he is asked to: Basic (RFC 7617) and Digest with MD5
and qop auth (RFC 7616), whose secrets are those of htdigest files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from momentum_trio.protocol.sasl import directives
from momentum_trio.protocol.sasl.mechanism import user_of

OCTETS_MAX = 4096
"""Of an Authorization field."""

_BASIC = re.compile(r"basic +([A-Za-z0-9+/]++={0,2})", re.IGNORECASE)
_DIGEST = re.compile(r"digest +(.++)", re.IGNORECASE | re.DOTALL)
_COUNT = re.compile(r"[0-9A-Fa-f]{8}")
_TOKENS = frozenset(("algorithm", "stale"))
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")


@dataclass(frozen=True, slots=True)
class Basic:
    """A user and his password, as UTF-8; octets that are none become surrogates, which no password has."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Digest:
    """The proof that *user* knows his secret, for one request. count: of the requests with this nonce, from 1."""

    user: str
    realm: str
    nonce: str
    uri: str
    count: int
    cnonce: str
    response: str

    def wanted(self, digest: str, method: str) -> str:
        """The response of who knows *digest*, the third field of an htdigest file (RFC 7616 section 3.4.1)."""
        of_request = _hex(f"{method}:{self.uri}")
        return _hex(f"{digest}:{self.nonce}:{self.count:08x}:{self.cnonce}:auth:{of_request}")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A field of another scheme, or an ill-formed one."""


def parse(text: str) -> Basic | Digest | Unknown:
    """What the value *text* of an Authorization field says."""
    if len(text) > OCTETS_MAX:
        return Unknown()
    if found := _BASIC.fullmatch(text):
        return _basic(found[1])
    if found := _DIGEST.fullmatch(text):
        return _digest(found[1].encode("latin-1"))
    return Unknown()


def basic_challenge(realm: str) -> str:
    """The value of a WWW-Authenticate field that asks for Basic."""
    return "Basic " + directives.write((("realm", realm), ("charset", "UTF-8")), _TOKENS).decode()


def digest_challenge(realm: str, nonce: str, *, stale: bool) -> str:
    """The value of a WWW-Authenticate field that asks for Digest. stale: the secret was right, the nonce is over."""
    pairs = [("realm", realm), ("qop", "auth"), ("algorithm", "MD5"), ("nonce", nonce), ("charset", "UTF-8")]
    if stale:
        pairs.append(("stale", "true"))
    return "Digest " + directives.write(pairs, _TOKENS).decode()


def _basic(text: str) -> Basic | Unknown:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return Unknown()
    named, _, password = octets.partition(b":")
    user = user_of(named)
    return Basic(user, password.decode("utf-8", "surrogateescape")) if user and password else Unknown()


def _digest(octets: bytes) -> Digest | Unknown:
    try:
        said = directives.parse(octets)
    except ValueError:
        return Unknown()
    user = user_of(said.get("username", "").encode())
    if not user or not _is_ours(said):
        return Unknown()
    count = int(said["nc"], 16)
    return Digest(user, said["realm"], said["nonce"], said["uri"], count, said["cnonce"], said["response"].lower())


def _is_ours(said: Mapping[str, str]) -> bool:
    return (
        all(said.get(name) for name in _NEEDED)
        and said["qop"] == "auth"
        and said.get("algorithm", "MD5").upper() == "MD5"
        and said.get("userhash", "false").lower() == "false"
        and _COUNT.fullmatch(said["nc"]) is not None
    )


def _hex(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape")).hexdigest()
