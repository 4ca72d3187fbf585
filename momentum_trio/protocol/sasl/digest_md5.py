"""DIGEST-MD5: both sides prove that they know the secret, and nobody who listens learns it (RFC 2831).

One authentication each time (section 2.1; no subsequent one, 2.2), qop ``auth`` alone, algorithm ``md5-sess``. The
nonce belongs to one dialogue, so what was said in one is worth nothing in another. Names and passwords are hashed as
UTF-8, as htdigest and ``ec_md5passwd`` write them, and never as ISO 8859-1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from momentum_trio.protocol.sasl import directives
from momentum_trio.protocol.sasl.mechanism import (
    OCTETS_MAX,
    Challenge,
    ChallengeError,
    Failed,
    Proved,
    Step,
    same,
    user_of,
)

_FIRST = "00000001"
"""The nonce count of the one response there is."""
_TOKENS = frozenset(("charset", "algorithm", "nc", "response", "qop"))
_NEEDED = ("username", "nonce", "cnonce", "nc", "digest-uri", "response")


def digest_of(user: str, realm: str, password: str) -> str:
    """What is kept instead of the password: the third field of an htdigest file."""
    return hashlib.md5(f"{user}:{realm}:{password}".encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What both digests of a dialogue are made of."""

    nonce: str
    cnonce: str
    digest_uri: str

    def response(self, digest: str) -> str:
        """What proves that the client knows the secret behind *digest* (section 2.1.2.1)."""
        return self._keyed(digest, f"AUTHENTICATE:{self.digest_uri}")

    def response_auth(self, digest: str) -> str:
        """What proves that the server knows it (section 2.1.3)."""
        return self._keyed(digest, f":{self.digest_uri}")

    def _keyed(self, digest: str, a2: str) -> str:
        a1 = bytes.fromhex(digest) + f":{self.nonce}:{self.cnonce}".encode()
        return _hex(f"{_hex(a1)}:{self.nonce}:{_FIRST}:{self.cnonce}:auth:{_hex(a2.encode())}".encode())


class DigestMd5Server:
    """The server's side.

    digests: of ``digest_of`` by user. digest_uri: the only one that is taken, ``service/host``; where it ends with the
    slash, whatever the client knows this host by. nonce: nobody can guess it, and no other dialogue has it.
    """

    def __init__(self, digests: Mapping[str, str], realm: str, digest_uri: str, nonce: str) -> None:
        self._digests, self._realm, self._digest_uri, self._nonce = digests, realm, digest_uri, nonce
        self._asked = False
        self._proved: Proved | None = None

    def step(self, response: bytes) -> Step:
        """As ``mechanism.ServerSide`` has it; a first response would be a subsequent authentication."""
        if self._proved is not None:
            return Failed(self._proved.user) if response else self._proved
        if self._asked:
            return self._judge(response)
        self._asked = True
        return Failed() if response else Challenge(self._challenge())

    def _challenge(self) -> bytes:
        pairs = (
            ("realm", self._realm),
            ("nonce", self._nonce),
            ("qop", "auth"),
            ("charset", "utf-8"),
            ("algorithm", "md5-sess"),
        )
        return directives.write(pairs, _TOKENS - {"qop"})

    def _judge(self, response: bytes) -> Step:
        said = _directives(response)
        user = user_of(said.get("username", "").encode())
        if not user or not self._is_ours(said):
            return Failed(user)
        dialogue = Dialogue(self._nonce, said["cnonce"], said["digest-uri"])
        known = user in self._digests
        digest = self._digests[user] if known else digest_of(user, self._realm, self._nonce)
        if not (same(said["response"].encode(), dialogue.response(digest).encode()) and known):
            return Failed(user)
        self._proved = Proved(user)
        return Challenge(directives.write((("rspauth", dialogue.response_auth(digest)),), frozenset(("rspauth",))))

    def _is_ours(self, said: Mapping[str, str]) -> bool:
        """Whether everything but the digest is as it has to be."""
        wanted = {
            "realm": self._realm,
            "nonce": self._nonce,
            "nc": _FIRST,
            "digest-uri": said.get("digest-uri", "") if self._digest_uri.endswith("/") else self._digest_uri,
            "qop": "auth",
            "charset": "utf-8",
            "authzid": said.get("username", ""),
        }
        return (
            all(said.get(name) for name in _NEEDED)
            and said["digest-uri"].startswith(self._digest_uri)
            and all(said.get(name, value) == value for name, value in wanted.items())
        )


class DigestMd5Client:
    """The client's side. cnonce: nobody can guess it, and no other dialogue has it."""

    def __init__(self, user: str, password: str, digest_uri: str, cnonce: str) -> None:
        self._user, self._password, self._digest_uri, self._cnonce = user, password, digest_uri, cnonce
        self._expected = ""
        self.proved = False

    def answer(self, challenge: bytes) -> bytes:
        """As ``mechanism.ClientSide`` has it."""
        said = _directives(challenge)
        return self._verify(said) if self._expected else self._respond(said)

    def _respond(self, said: Mapping[str, str]) -> bytes:
        nonce, realm = said.get("nonce", ""), said.get("realm", "")
        offered = said.get("qop", "auth").replace(" ", "").split(",")
        if not nonce or said.get("algorithm") != "md5-sess" or "auth" not in offered:
            raise ChallengeError("no challenge of DIGEST-MD5")
        digest = digest_of(self._user, realm, self._password)
        dialogue = Dialogue(nonce, self._cnonce, self._digest_uri)
        self._expected = dialogue.response_auth(digest)
        pairs = (
            ("charset", "utf-8"),
            ("username", self._user),
            ("realm", realm),
            ("nonce", nonce),
            ("nc", _FIRST),
            ("cnonce", self._cnonce),
            ("digest-uri", self._digest_uri),
            ("response", dialogue.response(digest)),
            ("qop", "auth"),
        )
        return directives.write(pairs, _TOKENS)

    def _verify(self, said: Mapping[str, str]) -> bytes:
        if self.proved or not same(said.get("rspauth", "").encode(), self._expected.encode()):
            raise ChallengeError("the server does not prove that it knows the password")
        self.proved = True
        return b""


def named(response: bytes) -> str:
    """Whom the client says he is; empty where he names nobody."""
    return user_of(_directives(response).get("username", "").encode())


def _directives(octets: bytes) -> Mapping[str, str]:
    """What they say; nothing where they are none, or too many."""
    try:
        return directives.parse(octets) if len(octets) <= OCTETS_MAX else {}
    except ValueError:
        return {}


def _hex(octets: bytes) -> str:
    return hashlib.md5(octets).hexdigest()
