"""CRAM-MD5: an HMAC of the server's challenge, keyed by the password (RFC 2195). The server proves nothing."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

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


class CramMd5Server:
    """The server's side. passwords: by user. nonce: nobody can guess it, and it is never used again."""

    def __init__(self, passwords: Mapping[str, str], host: str, nonce: str) -> None:
        self._passwords = passwords
        self._challenge = f"<{nonce}@{host}>".encode()
        self._asked = False

    def step(self, response: bytes) -> Step:
        """As ``mechanism.ServerSide`` has it; there is no first response (RFC 2195 section 2)."""
        if not self._asked:
            self._asked = True
            return Failed() if response else Challenge(self._challenge)
        user, digest = named(response), response[:OCTETS_MAX].rpartition(b" ")[2]
        password = self._passwords.get(user, "").encode("utf-8", "surrogateescape")
        is_right = same(digest, keyed(password, self._challenge)) and bool(password) and bool(user)
        return Proved(user) if is_right else Failed(user)


class CramMd5Client:
    """The client's side."""

    proved = True

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user.encode(), password.encode()
        self._answered = False

    def answer(self, challenge: bytes) -> bytes:
        """As ``mechanism.ClientSide`` has it."""
        if self._answered or not challenge or len(challenge) > OCTETS_MAX:
            raise ChallengeError("no challenge of CRAM-MD5")
        self._answered = True
        return self._user + b" " + keyed(self._password, challenge)


def named(response: bytes) -> str:
    """Whom the client says he is; empty where he names nobody."""
    return user_of(response[:OCTETS_MAX].rpartition(b" ")[0])


def keyed(password: bytes, challenge: bytes) -> bytes:
    """The digest of *challenge* in hex, as a client sends it."""
    return hmac.new(password, challenge, "md5").hexdigest().encode()
