"""Whose an idempotency key is, and what it is bound to.

A key belongs to whom a client has proved to be, else to his address, and to the protocol he speaks. It is bound to what
he sends, as he sends it: our own fields, and what policy changes, are no part of the digest, so that the same message
has the same digest tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import Deferred, Refused
from momentum_trio.spool.key import Answer, Denial, Earlier
from momentum_trio.spool.spool import Claim

LENGTH_OCTETS = 8

DENIALS: dict[Denial, Refused | Deferred] = {
    Denial.UNWANTED: Refused(replies.KEY_UNWANTED, "idempotency", "Idempotency_Key_Time is 0"),
    Denial.PENDING: Deferred(replies.KEY_PENDING, "idempotency", "the first is not committed yet"),
    Denial.FULL: Deferred(replies.KEYS_FULL, "idempotency", "Idempotency_Keys_Max are kept"),
}
OTHER = Refused(replies.KEY_OF_OTHER, "idempotency", "envelope or content is not that of the first")


def scope_of(client: Client) -> str:
    """Whose keys those of *client* are. Who has proved nothing is his address; a Unix peer has none."""
    identity = client.identity
    if identity is not None and identity.is_proved:
        return f"{client.protocol} user {identity.user}"
    return f"{client.protocol} peer {'unix' if client.is_unix else client.peer_text}"


class Once:
    """A message with a key while its content comes. envelope: all of it, in one way only.

    earlier: there was a message with this key: this one has to be the same, and nothing is done with it.
    """

    __slots__ = ("_digest", "_key")

    def __init__(self, key: Claim | Earlier, envelope: Iterable[str]) -> None:
        self._key, self._digest = key, sha256()
        for text in envelope:
            octets = text.encode("utf-8", "surrogatepass")
            self._digest.update(len(octets).to_bytes(LENGTH_OCTETS, "big") + octets)

    @property
    def earlier(self) -> Earlier | None:
        """What was answered, if it was."""
        return self._key if isinstance(self._key, Earlier) else None

    def write(self, octets: bytes) -> None:
        """Some of the content."""
        self._digest.update(octets)

    def is_the_same(self, earlier: Earlier) -> bool:
        """Whether all that came is what came then."""
        return earlier.digest == self._digest.digest()

    def claimed(self, answer: Answer) -> Claim:
        """The claim, for the commit: all of the content has come, and *answer* is what will be said."""
        assert isinstance(self._key, Claim)
        self._key.digest, self._key.answer = self._digest.digest(), answer
        return self._key

    def release(self) -> None:
        """The key is free, unless it was kept."""
        if isinstance(self._key, Claim):
            self._key.release()
