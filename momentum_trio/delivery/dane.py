"""DANE for SMTP: a server's certificate against the TLSA records of its host (RFC 6698, 7671, 7672).

Usages 3 (DANE-EE) and 2 (DANE-TA) count; 0 and 1 are unusable for mail (RFC 7672 section 3.1.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification

TRUST_ANCHOR, END_ENTITY = 2, 3
CERTIFICATE, PUBLIC_KEY = 0, 1
DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}

RECORDS_MAX = 20
"""TLSA records of one host that are looked at."""

CHAIN_MAX = 10
"""Certificates of a server that are looked at."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record. selector: 0 the certificate, 1 its key. matching: 0 as it is, 1 SHA-256, 2 SHA-512."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def is_usable(self) -> bool:
        """Whether mail can go by it."""
        if self.usage not in (TRUST_ANCHOR, END_ENTITY) or self.selector not in (CERTIFICATE, PUBLIC_KEY):
            return False
        if self.matching == 0:
            return bool(self.data)
        return self.matching in DIGESTS and len(self.data) == DIGESTS[self.matching]().digest_size

    def matches(self, certificate: bytes) -> bool:
        """Whether it speaks of *certificate*, in DER."""
        if (octets := certificate if self.selector == CERTIFICATE else _key(certificate)) is None:
            return False
        return (DIGESTS[self.matching](octets).digest() if self.matching else octets) == self.data


def usable(records: Iterable[Tlsa]) -> tuple[Tlsa, ...]:
    """Those of *records* that mail can go by; with none of them TLS is still a must (RFC 7672 section 2.2)."""
    return tuple(record for record in records if record.is_usable)[:RECORDS_MAX]


def holds(records: Sequence[Tlsa], shown: Sequence[bytes], names: Sequence[str], now: float) -> bool:
    """Whether one of *records*, all of them usable, is met by the certificates *shown*, the server's own first.

    names: of the domain and its host; only DANE-TA looks at them, and at dates (RFC 7672 section 3.1.1). now: Unix
    seconds.
    """
    shown = shown[:CHAIN_MAX]
    if not shown:
        return False
    for record in records:
        if record.usage == END_ENTITY and record.matches(shown[0]):
            return True
        if record.usage == TRUST_ANCHOR:
            anchors = [certificate for certificate in shown[1:] if record.matches(certificate)]
            if any(_leads_to(anchor, shown, names, now) for anchor in anchors):
                return True
    return False


def _key(certificate: bytes) -> bytes | None:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _leads_to(anchor: bytes, shown: Sequence[bytes], names: Sequence[str], now: float) -> bool:
    """Whether the first of *shown* was issued, through the others, by *anchor*, in one of *names*, and counts *now*."""
    try:
        leaf, *others = (x509.load_der_x509_certificate(octets) for octets in shown)
        trusted = x509.load_der_x509_certificate(anchor)
    except ValueError:
        return False
    return any(_verifies(_policy(trusted, now), name, leaf, others) for name in names)


def _policy(anchor: x509.Certificate, now: float) -> verification.PolicyBuilder:
    """Private authorities say little in their certificates: an issuer has to say that it is one, a server its names."""
    anything = verification.ExtensionPolicy.permit_all()
    either = verification.Criticality.AGNOSTIC
    return (
        verification.PolicyBuilder()
        .store(verification.Store([anchor]))
        .time(datetime.fromtimestamp(now, UTC).replace(tzinfo=None))
        .max_chain_depth(CHAIN_MAX)
        .extension_policies(
            ca_policy=anything.require_present(x509.BasicConstraints, either, _must_be_issuer),
            ee_policy=anything.require_present(x509.SubjectAlternativeName, either, None),
        )
    )


def _verifies(
    policy: verification.PolicyBuilder, name: str, leaf: x509.Certificate, others: list[x509.Certificate]
) -> bool:
    try:
        policy.build_server_verifier(x509.DNSName(name)).verify(leaf, others)
    except (verification.VerificationError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _must_be_issuer(policy: verification.Policy, certificate: x509.Certificate, extension: Any) -> None:
    if not extension.ca:
        raise ValueError("the certificate is not an issuer's")
