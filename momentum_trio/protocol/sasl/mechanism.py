"""What every mechanism has: a server's side that gives steps, a client's side that answers them, and its name."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

DIGEST_MD5, CRAM_MD5, LOGIN = "DIGEST-MD5", "CRAM-MD5", "LOGIN"
MECHANISMS = (DIGEST_MD5, CRAM_MD5, LOGIN)
"""All there are, the best first: the first proves the server as well, the last sends the password itself."""
PLAIN = "PLAIN"
"""Of mail alone: the console does not have it (RFC 4616)."""
IN_CLEAR = frozenset((LOGIN, PLAIN))
"""Those that show the password to whoever listens."""
SERVER_FIRST = frozenset((DIGEST_MD5, CRAM_MD5))
"""Those in which the server speaks first: there is no initial response (RFC 4422 section 5)."""

OCTETS_MAX = 4096
"""Of one challenge or response (RFC 2831 sections 2.1.1 and 2.1.2 have 2048 and 4096)."""
USER_CHARACTERS_MAX = 255


@dataclass(frozen=True, slots=True)
class Challenge:
    """The dialogue goes on: the client is told *octets* and answers."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Proved:
    """The client is *user*."""

    user: str


@dataclass(frozen=True, slots=True)
class Failed:
    """He proved nothing. user: whom he said he is, as far as he did; it may be anything printable."""

    user: str = ""


Step = Challenge | Proved | Failed


class ServerSide(Protocol):
    """One dialogue, from its beginning to Proved or Failed; of no use after that."""

    def step(self, response: bytes) -> Step:
        """Take the client's next response; the first one may be empty: he waits for us."""
        ...


class ClientSide(Protocol):
    """One dialogue of a client. proved: whether the server has proved all that the mechanism has it prove."""

    @property
    def proved(self) -> bool: ...

    def answer(self, challenge: bytes) -> bytes:
        """The response to *challenge*. Raises ChallengeError: this server is not to be told more."""
        ...


class ChallengeError(Exception):
    """What the server sent is no challenge of this mechanism, or not that of a server that knows the secret."""


def user_of(octets: bytes) -> str:
    """The name of a user as a client sent it; empty for what is none: no UTF-8, too long, not printable."""
    try:
        user = octets.decode()
    except UnicodeDecodeError:
        return ""
    return user if user.isprintable() and len(user) <= USER_CHARACTERS_MAX else ""


def same(one: bytes, other: bytes) -> bool:
    """Whether they are equal, in a time that tells neither where they differ nor how long they are."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())
