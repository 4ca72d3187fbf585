"""Private keys that sign, out of PEM files."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from momentum_trio.protocol.dkim.signature import Algorithm

RSA_BITS_MIN = 1024  # RFC 8301 section 3.2
RSA_BITS_ADVISED = 2048
RSA_BITS_MAX = 4096  # verifiers need not know longer ones; a signature takes some milliseconds


@dataclass(frozen=True, slots=True)
class Key:
    """A private key. Never printed: its repr says what it is for."""

    algorithm: Algorithm
    bits: int
    _private: RSAPrivateKey | Ed25519PrivateKey

    @classmethod
    def parse(cls, pem: bytes) -> Key:
        """The key in the PEM text *pem*. Raises ValueError, which says nothing of what it holds."""
        try:
            private = load_pem_private_key(pem, None)
        except TypeError:
            raise ValueError("it is encrypted") from None
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("it holds no private key in PEM form") from None
        if isinstance(private, Ed25519PrivateKey):
            return cls(Algorithm.ED25519_SHA256, 256, private)
        if not isinstance(private, RSAPrivateKey):
            raise ValueError("it holds a key that is neither RSA nor Ed25519")
        if not RSA_BITS_MIN <= private.key_size <= RSA_BITS_MAX:
            raise ValueError(f"it holds an RSA key of {private.key_size} bits, not of {RSA_BITS_MIN} to {RSA_BITS_MAX}")
        return cls(Algorithm.RSA_SHA256, private.key_size, private)

    @property
    def is_short(self) -> bool:
        """Whether a longer one is advised (RFC 8301 section 3.2)."""
        return self.algorithm is Algorithm.RSA_SHA256 and self.bits < RSA_BITS_ADVISED

    def sign(self, octets: bytes) -> bytes:
        """The signature of *octets*, which ``Signature.to_sign`` made for this algorithm: at 2048 bits some 0.5 ms."""
        if isinstance(self._private, Ed25519PrivateKey):
            return self._private.sign(octets)
        return self._private.sign(octets, PKCS1v15(), SHA256())

    def __repr__(self) -> str:
        return f"Key({self.algorithm.value}, {self.bits} bits)"
