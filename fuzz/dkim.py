"""However content is cut, the same is signed; every signature field is short lines of ASCII; authors are domains."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.mail.header import section_end
from momentum_trio.mail.path import DOMAIN_NAME
from momentum_trio.protocol.dkim.author import author_domain
from momentum_trio.protocol.dkim.canonical import BodyHash, Canon
from momentum_trio.protocol.dkim.signature import Algorithm, Signature, SignatureTerms, header_fields
from momentum_trio.protocol.dkim.strategies import loose_bodies, messages

NAMES = ("from", "to", "subject", "received")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: messages, bodies, now and then anything at all."""
    return messages | loose_bodies | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    end = max(section_end(octets), 0)
    fields = header_fields(octets[:end])
    assert b"".join(field for _, field in fields) == octets[:end]
    for _, field in fields:
        domain = author_domain(field)
        assert not domain or (DOMAIN_NAME.fullmatch(domain) and domain == domain.lower())
    for canon in Canon:
        whole, pieces = BodyHash(canon), BodyHash(canon)
        whole.part(octets[end:])
        for at in range(end, len(octets)):
            pieces.part(octets[at : at + 1])
        digest = whole.digest()
        assert pieces.digest() == digest
        terms = SignatureTerms(
            "d.example", "s", Algorithm.RSA_SHA256, canon, canon, NAMES, frozenset(("from", "to")), 1, 2
        )
        signature = Signature(terms, fields, digest)
        field = signature.field(digest)
        assert field.isascii()
        assert field.endswith(b"\r\n")
        assert max(map(len, field.split(b"\r\n"))) <= 78
        assert signature.to_sign.endswith(b"b=")
