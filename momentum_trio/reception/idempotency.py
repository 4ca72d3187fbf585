"""Whose an idempotency key is, and what it is bound to.

A key belongs to whom a client has proved to be, else to his address, and to the protocol he speaks. It is bound to what
he sent, as he sent it: our own fields and what policy changes are no part of the digest, so that the same message has
the same digest tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import Deferred, Refused
from momentum_trio.spool.key import Denial

LENGTH_OCTETS = 8

DENIALS: dict[Denial, Refused | Deferred] = {
    Denial.UNWANTED: Refused(replies.KEY_UNWANTED, "idempotency", "Idempotency_Key_Time is 0"),
    Denial.OTHER: Refused(replies.KEY_OF_OTHER, "idempotency", "envelope or content is not that of the first"),
    Denial.PENDING: Deferred(replies.KEY_PENDING, "idempotency", "the first is not committed yet"),
    Denial.FULL: Deferred(replies.KEYS_FULL, "idempotency", "Idempotency_Keys_Max are kept"),
}


def scope_of(client: Client) -> str:
    """Whose keys those of *client* are. Who has proved nothing is his address, a Unix peer no address."""
    identity = client.identity
    if identity is not None and identity.is_proved:
        return f"{client.protocol} user {identity.user}"
    return f"{client.protocol} peer {'unix' if client.is_unix else client.peer_text}"


def digest_of(envelope: Iterable[str], content: bytes) -> bytes:
    """SHA-256 of an envelope, each part with its length before it, and of the SHA-256 of the content."""
    digest = sha256()
    for text in envelope:
        octets = text.encode("utf-8", "surrogatepass")
        digest.update(len(octets).to_bytes(LENGTH_OCTETS, "big") + octets)
    digest.update(content)
    return digest.digest()
