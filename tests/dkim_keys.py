"""Keys that tests sign with, and what DNS would say of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from momentum_trio.protocol.dkim.signature import Algorithm


@cache
def rsa(bits: int = 1024) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


@cache
def ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def private(algorithm: Algorithm, bits: int = 1024) -> RSAPrivateKey | Ed25519PrivateKey:
    return rsa(bits) if algorithm is Algorithm.RSA_SHA256 else ed25519()


def pem(key: RSAPrivateKey | Ed25519PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def record(key: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    """The TXT record of its public key."""
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b"v=DKIM1; k=rsa; p=" + b64encode(octets)
    return b"v=DKIM1; k=ed25519; p=" + b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def verifies(message: bytes, records: dict[bytes, bytes], index: int = 0) -> bool:
    """What dkimpy says of the signature number *index* from the top. records: TXT by name, ``s._domainkey.d.``."""

    def txt(name: bytes | str, timeout: int = 5) -> bytes:
        return records.get(name if isinstance(name, bytes) else name.encode(), b"")

    lookup: Callable[..., bytes] = txt
    try:
        return bool(dkim.DKIM(message).verify(idx=index, dnsfunc=lookup))
    except dkim.ValidationError:
        return False
