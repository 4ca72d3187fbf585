"""Hashes of passwords that cost time and memory to try: scrypt (RFC 7914) and Argon2id (RFC 9106), as PHC strings.

``$scrypt$ln=15,r=8,p=1$salt$hash`` and ``$argon2id$v=19$m=65536,t=3,p=1$salt$hash``, base64 without padding. To
verify one takes some tens of milliseconds: call it in a worker.
"""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from momentum_trio.protocol.sasl.mechanism import same

SALT_OCTETS = 16
SCRYPT, ARGON2ID = "scrypt", "argon2id"
SCHEMES = (SCRYPT, ARGON2ID)
PASSWORD_OCTETS_MAX = 1024
MEMORY_KIBIBYTES_MAX = 1024 * 1024

_HASH_OCTETS = 32
_SCRYPT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{1,88})\$([A-Za-z0-9+/]{22,88})"
)
_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})\$([A-Za-z0-9+/]{1,88})\$([A-Za-z0-9+/]{22,88})"
)
_LN, _R, _P = 15, 8, 1
NOBODYS = f"$scrypt$ln={_LN},r={_R},p={_P}${'A' * 22}${'A' * 43}"
"""A hash that no password is known of, for users that there are none of, where there is no other to go by."""
_MEMORY, _PASSES, _LANES = 64 * 1024, 3, 1


def made(scheme: str, password: str, salt: bytes) -> str:
    """What is kept of *password*. salt: SALT_OCTETS nobody can guess. Raises ValueError for a password too long."""
    if scheme == SCRYPT:
        digest = _scrypt(_octets(password), salt, _LN, _R, _P, _HASH_OCTETS)
        return f"$scrypt$ln={_LN},r={_R},p={_P}${_base64(salt)}${_base64(digest)}"
    assert scheme == ARGON2ID
    digest = _argon2id(_octets(password), salt, _MEMORY, _PASSES, _LANES, _HASH_OCTETS)
    return f"$argon2id$v=19$m={_MEMORY},t={_PASSES},p={_LANES}${_base64(salt)}${_base64(digest)}"


def is_hash(text: str) -> bool:
    """Whether *text* is one that ``verified`` takes, of no more memory than MEMORY_KIBIBYTES_MAX."""
    if any(len(part) % 4 == 1 for part in text.split("$")[-2:]):
        return False  # no base64 is so long
    if match := _SCRYPT.fullmatch(text):
        ln, r, p = map(int, match.group(1, 2, 3))
        return 1 <= ln <= 24 and r > 0 and 1 <= p <= 16 and r << ln <= MEMORY_KIBIBYTES_MAX * 8
    if match := _ARGON2ID.fullmatch(text):
        memory, passes, lanes = map(int, match.group(1, 2, 3))
        salt_octets = len(match[4]) * 3 // 4
        return lanes > 0 and 8 * lanes <= memory <= MEMORY_KIBIBYTES_MAX and passes > 0 and salt_octets >= 8
    return False


def verified(stored: str, password: str) -> bool:
    """Whether *stored*, a hash, was made of *password*. Raises OSError where this OpenSSL cannot tell."""
    assert is_hash(stored)
    try:
        octets = _octets(password)
    except ValueError:
        return False
    derive = _scrypt if (match := _SCRYPT.fullmatch(stored)) else _argon2id
    match = match or _ARGON2ID.fullmatch(stored)
    assert match is not None
    salt, wanted = _unbase64(match[4]), _unbase64(match[5])
    return same(derive(octets, salt, int(match[1]), int(match[2]), int(match[3]), len(wanted)), wanted)


def stand_in(stored: str) -> str:
    """A hash that takes as long as *stored*, and that no password is known of: for users that there are none of."""
    head, _, digest = stored.rpartition("$")
    return f"{head}${'A' * len(digest)}"


def _scrypt(password: bytes, salt: bytes, ln: int, r: int, p: int, octets: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=1 << ln, r=r, p=p, maxmem=256 * r * ((1 << ln) + p + 2), dklen=octets)


def _argon2id(password: bytes, salt: bytes, memory: int, passes: int, lanes: int, octets: int) -> bytes:
    try:
        kdf = Argon2id(salt=salt, length=octets, iterations=passes, lanes=lanes, memory_cost=memory)
        return kdf.derive(password)
    except UnsupportedAlgorithm:
        raise OSError("this OpenSSL has no Argon2id: it needs 3.2") from None


def _octets(password: str) -> bytes:
    octets = password.encode("utf-8", "surrogateescape")
    if len(octets) > PASSWORD_OCTETS_MAX:
        raise ValueError(f"a password has at most {PASSWORD_OCTETS_MAX} octets")
    return octets


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode().rstrip("=")


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
