"""The DKIM-Signature field (RFC 6376 section 3.5) and what it signs (section 3.7), without the keys."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from momentum_trio.mail.header import begins_with_field
from momentum_trio.protocol.dkim.canonical import Canon, canonical_field

INSTANCES_MAX = 100
"""Fields of one name that are signed; a header section with more has those of its end signed (section 5.4.2)."""

_LINE_OCTETS = 72  # where the field is folded; RFC 5322 section 2.1.1 asks for at most 78
_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")


class Algorithm(Enum):
    """What a= says: RSA with PKCS #1 v1.5 (RFC 8301 leaves SHA-256 alone), or Ed25519 (RFC 8463)."""

    RSA_SHA256 = "rsa-sha256"
    ED25519_SHA256 = "ed25519-sha256"


@dataclass(frozen=True, slots=True)
class SignatureTerms:
    """What one signature says, but for the message.

    domain, selector: where the public key is found (d=, s=). names: of the fields signed, in lower case, every field of
    such a name; guarded: those signed once more than they are there, so that nobody can add one (section 8.15).
    signed_at, expires_at: Unix seconds; None: it does not expire.
    """

    domain: str
    selector: str
    algorithm: Algorithm
    header_canon: Canon
    body_canon: Canon
    names: tuple[str, ...]
    guarded: frozenset[str]
    signed_at: int
    expires_at: int | None = None


def header_fields(section: bytes) -> list[tuple[str, bytes]]:
    """The fields of a header *section*, whole lines ended by CRLF: name in lower case, and the field as it stands."""
    fields = [match[0] for match in _FIELD.finditer(section)]
    return [(field.partition(b":")[0].rstrip(b" \t").lower().decode("latin-1"), field) for field in fields]


def received_fields(section: bytes) -> list[tuple[str, bytes]]:
    """The same of a *section* as it came, whose last line may lack its end: it gets one in transit."""
    line_end = b"" if section.endswith(b"\r\n") else b"\r\n"
    return header_fields(section + line_end) if begins_with_field(section) else []


class Signature:
    """One signature in the making: ``to_sign`` is for the key, ``field`` for the message."""

    __slots__ = ("_algorithm", "_unsigned", "to_sign")

    def __init__(self, terms: SignatureTerms, fields: Sequence[tuple[str, bytes]], body_hash: bytes) -> None:
        """fields: of the header section, from its beginning. body_hash: of the body in the form *terms* have."""
        signed = _chosen(terms, fields)
        self._unsigned = _unsigned(terms, [name for name, _ in signed], body_hash)
        canon = terms.header_canon
        octets = b"".join(canonical_field(canon, field) for _, field in signed if field)
        octets += canonical_field(canon, self._unsigned)
        # RFC 8463 section 3: Ed25519 signs the hash, RSA hashes what it signs.
        is_hash = terms.algorithm is Algorithm.ED25519_SHA256
        self.to_sign = hashlib.sha256(octets).digest() if is_hash else octets

    def field(self, signature: bytes) -> bytes:
        """The whole field, CRLF at its end."""
        text = b64encode(signature).decode()
        lines = (text[at : at + _LINE_OCTETS] for at in range(0, len(text), _LINE_OCTETS))
        return self._unsigned + "".join(f"\r\n\t{line}" for line in lines).encode() + b"\r\n"


def _chosen(terms: SignatureTerms, fields: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The fields in the order of h=: those of one name from the last to the first, a guarded one once more, empty."""
    by_name: dict[str, list[bytes]] = {}
    for name, field in fields:
        by_name.setdefault(name, []).append(field)
    chosen: list[tuple[str, bytes]] = []
    for name in terms.names:
        chosen += [(name, field) for field in reversed(by_name.get(name, [])[-INSTANCES_MAX:])]
        if name in terms.guarded:
            chosen.append((name, b""))
    return chosen


def _unsigned(terms: SignatureTerms, names: Sequence[str], body_hash: bytes) -> bytes:
    """The field with an empty b=, which comes last, without line end."""
    canons = f"{terms.header_canon.value}/{terms.body_canon.value}"
    lines = [f"DKIM-Signature: v=1; a={terms.algorithm.value}; c={canons};"]
    lines.append(f"d={terms.domain}; s={terms.selector};")
    expiry = "" if terms.expires_at is None else f" x={terms.expires_at};"
    lines.append(f"t={terms.signed_at};{expiry}")
    lines += _folded_names(names)
    lines.append(f"bh={b64encode(body_hash).decode()};")
    lines.append("b=")
    return "\r\n\t".join(lines).encode("ascii")


def _folded_names(names: Sequence[str]) -> list[str]:
    """``h=a:b:c;`` in lines that break behind a colon."""
    lines, line = [], "h="
    for place, name in enumerate(names):
        word = name + (";" if place == len(names) - 1 else ":")
        if len(line) + len(word) > _LINE_OCTETS:
            lines.append(line)
            line = ""
        line += word
    return [*lines, line]
