"""Which mechanism a client takes, and its side of it."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.protocol.sasl.cram_md5 import CramMd5Client
from momentum_trio.protocol.sasl.digest_md5 import DigestMd5Client
from momentum_trio.protocol.sasl.login import LoginClient
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, DIGEST_MD5, IN_CLEAR, MECHANISMS, PLAIN, ClientSide
from momentum_trio.protocol.sasl.plain import PlainClient


def best(offered: Sequence[str], *, in_clear: bool) -> str:
    """The best of *offered* that we have; empty for none. in_clear: whether the password itself may be sent."""
    return next((name for name in MECHANISMS if name in offered and (in_clear or name not in IN_CLEAR)), "")


def client_side(mechanism: str, user: str, password: str, digest_uri: str, nonce: str) -> ClientSide:
    """Our side of *mechanism*. digest_uri: ``service/host``. nonce: nobody can guess it, no other dialogue has it.

    Raises: ValueError for a name or a password that is no text.
    """
    user.encode()
    password.encode()
    if mechanism == DIGEST_MD5:
        return DigestMd5Client(user, password, digest_uri, nonce)
    if mechanism == CRAM_MD5:
        return CramMd5Client(user, password)
    assert mechanism in IN_CLEAR
    return PlainClient(user, password) if mechanism == PLAIN else LoginClient(user, password)
