"""Dialogues to try the mechanisms with: right ones, nearly right ones, and any octets."""

from __future__ import annotations

import base64

from hypothesis import strategies as st

from momentum_trio.protocol.sasl.client import client_side
from momentum_trio.protocol.sasl.cram_md5 import CramMd5Server
from momentum_trio.protocol.sasl.digest_md5 import DigestMd5Server, digest_of
from momentum_trio.protocol.sasl.login import LoginServer
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, DIGEST_MD5, MECHANISMS, ClientSide, ServerSide

REALM, URI = "Momentum Console", "console/mx1"

mechanisms = st.sampled_from(MECHANISMS)
users = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Zl", "Zp", "Zs"]), min_size=1)
passwords = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1, max_size=40)

names = st.sampled_from(["username", "realm", "nonce", "cnonce", "nc", "digest-uri", "response", "qop", "rspauth", "x"])
values = st.sampled_from(
    ['"ann"', '"n"', "n", "00000001", "auth", '"a\\"b"', '"', '"\\', "", '"console/mx1"']
) | st.text(max_size=8)
spaces = st.sampled_from(["", "", "", " ", "\r\n\t", ",", ",,"])
directive_texts = st.lists(
    st.builds("{3}{0}{3}={3}{1}{3}{2}".format, names, values, st.sampled_from([",", ",", ""]), spaces), max_size=12
).map(lambda parts: "".join(parts).encode())
responses = (
    directive_texts
    | st.binary(max_size=40)
    | st.sampled_from([b"", b"ann", b"secret", b"ann ", b"ann " + b"0" * 32, b"x" * 5000, b"ann\0", b"\xff"])
)


def server_side(mechanism: str, secrets: dict[str, str], nonce: str = "a-nonce") -> ServerSide:
    """A server that knows *secrets*, passwords by user."""
    if mechanism == DIGEST_MD5:
        return DigestMd5Server({user: digest_of(user, REALM, p) for user, p in secrets.items()}, REALM, URI, nonce)
    return CramMd5Server(secrets, "mx1", nonce) if mechanism == CRAM_MD5 else LoginServer(secrets)


def client(mechanism: str, user: str, password: str, nonce: str = "c-nonce") -> ClientSide:
    """A client of that server."""
    return client_side(mechanism, user, password, URI, nonce)


base64s = st.binary(min_size=0, max_size=24).map(
    lambda octets: base64.b64encode(octets).decode().rstrip("=")
) | st.text("A/+z", max_size=30)
costs = st.integers(0, 9)
hashes = st.builds("$scrypt$ln={},r={},p={}${}${}".format, costs, costs, costs, base64s, base64s) | st.builds(
    "$argon2id$v=19$m={},t={},p={}${}${}".format, st.integers(0, 99), costs, costs, base64s, base64s
)
"""Of passwords, nearly: none costs much to try."""
