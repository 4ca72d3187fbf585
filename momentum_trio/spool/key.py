"""Idempotency keys as values: what a client calls a message, so that saying it again makes no second one.

A key is known by its *name*, a hash of whose it is and of its octets: two clients never share one, whatever they
choose. It is kept with the *digest* of what was sent with it. Neither tells the key: people may look at a spool who may
not know it.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

from momentum_trio.mail.reply import Reply

KEY_LENGTH_MAX = 64
KEY_SECONDS_MAX = 7 * 24 * 3600  # longer than any client tries again
NAME_OCTETS, DIGEST_OCTETS = 16, 32


def key_name(scope: str, key: str) -> bytes:
    """The name of *key* as its client calls it. scope: whose it is."""
    assert key
    owner = scope.encode("utf-8", "surrogatepass")
    said = len(owner).to_bytes(8, "big") + owner + key.encode("utf-8", "surrogatepass")
    return blake2b(said, digest_size=NAME_OCTETS).digest()


class Answer(NamedTuple):
    """What a client is told of a message. recipients: a reply for each, in order; empty: each got the message's."""

    reply: Reply
    recipients: tuple[Reply, ...] = ()


class Earlier(NamedTuple):
    """A message with this key is, or was, in custody. digest: of what was sent. batch_id: of what became of it."""

    digest: bytes
    batch_id: str
    answer: Answer


class Denial(Enum):
    """Why a key cannot be taken.

    UNWANTED: none are. PENDING: a message with it is on its way in and takes its time. FULL: as many are kept as may
    be; none is dropped before its time, for that would permit a second message.
    """

    UNWANTED = 1
    PENDING = 2
    FULL = 3
