"""Public keys of signers, as DNS has them (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from momentum_trio.protocol.dkim.finding import DkimResult
from momentum_trio.protocol.dkim.key import RSA_BITS_MAX, RSA_BITS_MIN
from momentum_trio.protocol.dkim.received import Unfit
from momentum_trio.protocol.dkim.signature import Algorithm
from momentum_trio.protocol.dkim.tags import BLANKS, tag_list, words

RECORDS_MAX = 8
"""TXT records of one name among which the key's is looked for."""

_KINDS = {"rsa": Algorithm.RSA_SHA256, "ed25519": Algorithm.ED25519_SHA256}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key. algorithm: that it is for. is_strict: i= has to be d= itself (t=s)."""

    algorithm: Algorithm
    is_strict: bool
    _public: RSAPublicKey | Ed25519PublicKey

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """The key in a record. Raises Unfit; ValueError, when it is no record of a key at all."""
        tags = tag_list(text)
        version_is_good = "v" not in tags or (next(iter(tags)) == "v" and tags["v"] == "DKIM1")
        if not version_is_good or "p" not in tags:
            raise ValueError("no record of a key")
        kind = _KINDS.get(tags.get("k", "rsa").lower())
        _check(tags, kind)
        assert kind is not None
        flags = words(tags.get("t", ""))
        return cls(kind, "s" in flags, _public(kind, tags["p"]))

    def verifies(self, signature: bytes, octets: bytes) -> bool:
        """Whether it made *signature* of *octets*, what ``ReceivedSignature.signed`` gives."""
        try:
            if isinstance(self._public, Ed25519PublicKey):
                self._public.verify(signature, octets)
            else:
                self._public.verify(signature, octets, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def key_among(texts: Iterable[str]) -> PublicKey:
    """The first record of a key among those of one name. Raises Unfit."""
    for text in tuple(texts)[:RECORDS_MAX]:
        try:
            return PublicKey.parse(text)
        except ValueError:
            continue
    raise Unfit(DkimResult.PERMERROR, "there is no key in DNS")


def _check(tags: dict[str, str], kind: Algorithm | None) -> None:
    if kind is None:
        raise Unfit(DkimResult.PERMERROR, "a key of an unknown kind")
    if not BLANKS.sub("", tags["p"]):
        raise Unfit(DkimResult.PERMERROR, "the key was revoked")
    if "h" in tags and "sha256" not in words(tags["h"]):
        raise Unfit(DkimResult.PERMERROR, "the key is not for SHA-256")
    if not {"*", "email"} & set(words(tags.get("s", "*"))):
        raise Unfit(DkimResult.PERMERROR, "the key is not for mail")


def _public(kind: Algorithm, value: str) -> RSAPublicKey | Ed25519PublicKey:
    try:
        octets = b64decode(BLANKS.sub("", value), validate=True)
        if kind is Algorithm.ED25519_SHA256:
            return Ed25519PublicKey.from_public_bytes(octets)
        key = load_der_public_key(octets)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise Unfit(DkimResult.PERMERROR, "the key cannot be read") from None
    if not isinstance(key, RSAPublicKey):
        raise Unfit(DkimResult.PERMERROR, "the key is of another kind than it says")
    if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:  # RFC 8301 section 3.2
        raise Unfit(DkimResult.POLICY, f"an RSA key of {key.key_size} bits")
    return key
