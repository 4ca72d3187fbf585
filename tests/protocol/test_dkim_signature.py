"""Signatures: what we sign, dkimpy verifies; what was changed, it does not."""

from __future__ import annotations

import hashlib
import itertools
from base64 import b64encode

import pytest
from dkim_keys import ed25519, pem, private, record, rsa, verifies
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.protocol.dkim.canonical import BodyHash, Canon, canonical_field
from momentum_trio.protocol.dkim.key import Key
from momentum_trio.protocol.dkim.signature import (
    INSTANCES_MAX,
    Algorithm,
    Signature,
    SignatureTerms,
    header_fields,
)
from momentum_trio.protocol.dkim.strategies import bodies, loose_bodies, messages, terms

CUTS = st.lists(st.integers(0, 200), max_size=6)


def body_hash(canon: Canon, *parts: bytes) -> bytes:
    body = BodyHash(canon)
    for part in parts:
        body.part(part)
    return body.digest()


def signed(message: bytes, of: SignatureTerms) -> bytes:
    """*message* with a signature in front."""
    section, _, body = message.partition(b"\r\n\r\n")
    fields = header_fields(section + b"\r\n")
    signature = Signature(of, fields, body_hash(of.body_canon, body))
    return signature.field(Key.parse(pem(private(of.algorithm))).sign(signature.to_sign)) + message


def records(algorithm: Algorithm) -> dict[bytes, bytes]:
    return {b"s._domainkey.example.com.": record(private(algorithm))}


def of(header: Canon = Canon.SIMPLE, body: Canon = Canon.SIMPLE, *names: str, guarded: str = "") -> SignatureTerms:
    return SignatureTerms(
        "example.com", "s", Algorithm.RSA_SHA256, header, body, ("from", *names), frozenset(guarded.split()), 1
    )


@pytest.mark.parametrize("algorithm", Algorithm)
@settings(deadline=None)  # making a key and dkimpy take their time
@given(data=st.data(), message=messages)
def test_what_we_sign_verifies(algorithm: Algorithm, data: st.DataObject, message: bytes) -> None:
    assert verifies(signed(message, data.draw(terms(algorithm))), records(algorithm))


@pytest.mark.parametrize("canon", Canon)
@settings(deadline=None)
@given(body=bodies | loose_bodies, cuts=CUTS)
def test_a_body_may_be_cut_anywhere(canon: Canon, body: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[begin:end] for begin, end in itertools.pairwise(places)]
    assert body_hash(canon, *pieces) == body_hash(canon, body)
    assert body_hash(canon, *(body[at : at + 1] for at in range(len(body)))) == body_hash(canon, body)


@pytest.mark.parametrize(
    ("canon", "body", "canonical"),
    [
        # RFC 6376 section 3.4.5
        (Canon.RELAXED, b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
        (Canon.SIMPLE, b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n"),
        # sections 3.4.3 and 3.4.4: an empty body
        (Canon.SIMPLE, b"", b"\r\n"),
        (Canon.RELAXED, b"", b""),
        (Canon.SIMPLE, b"\r\n\r\n", b"\r\n"),
        (Canon.RELAXED, b" \r\n\t\r\n", b""),
        (Canon.SIMPLE, b"no line end", b"no line end\r\n"),
        (Canon.RELAXED, b"no line end \t", b"no line end\r\n"),
        (Canon.RELAXED, b"\r\n\r\na\r\n\r\nb\r\n\r\n", b"\r\n\r\na\r\n\r\nb\r\n"),
        # what is no line end is content
        (Canon.SIMPLE, b"a\r\n\n\r\n", b"a\r\n\n\r\n"),
        (Canon.SIMPLE, b"a\r\r\n\r\n", b"a\r\r\n"),
        (Canon.SIMPLE, b"a\r\n\r", b"a\r\n\r\r\n"),
    ],
)
def test_canonical_bodies(canon: Canon, body: bytes, canonical: bytes) -> None:
    assert body_hash(canon, body) == hashlib.sha256(canonical).digest()


@pytest.mark.parametrize(
    ("canon", "field", "canonical"),
    [
        (Canon.RELAXED, b"A: X\r\n", b"a:X\r\n"),  # RFC 6376 section 3.4.5
        (Canon.RELAXED, b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
        (Canon.SIMPLE, b"B : Y\t\r\n\tZ  \r\n", b"B : Y\t\r\n\tZ  \r\n"),
        (Canon.RELAXED, b"Empty:\r\n", b"empty:\r\n"),
        (Canon.RELAXED, b"DKIM-Signature: v=1;\r\n\tb=", b"dkim-signature:v=1; b="),
    ],
)
def test_canonical_fields(canon: Canon, field: bytes, canonical: bytes) -> None:
    assert canonical_field(canon, field) == canonical


def test_a_body_of_lone_line_ends_takes_no_longer_than_another() -> None:
    """Work that grows with the square of it would take minutes."""
    for body in (b"\r" * 2_000_000, b"\r\n" * 1_000_000 + b"\n", b"\n" * 2_000_000, b" " * 2_000_000):
        for canon in Canon:
            assert len(body_hash(canon, body)) == 32


MESSAGE = b"From: ann@example.com\r\nTo: bob@b.example\r\nSubject: one\r\n\r\nhello\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"hello", b"hallo"),
        (b"Subject: one", b"Subject: two"),
        (b"\r\n\r\nhello", b"\r\nSubject: two\r\n\r\nhello"),  # a second one, below
        (b"From: ann", b"From: eve@example.com\r\nFrom: ann"),  # above
        (b"\r\n\r\nhello", b"\r\nCc: all@b.example\r\n\r\nhello"),  # one that was not there
    ],
)
def test_what_was_changed_or_added_does_not_verify(before: bytes, after: bytes) -> None:
    message = signed(MESSAGE, of(Canon.RELAXED, Canon.RELAXED, "to", "subject", "cc", guarded="from subject cc"))
    assert verifies(message, records(Algorithm.RSA_SHA256))
    assert not verifies(message.replace(before, after), records(Algorithm.RSA_SHA256))


def test_relaxed_survives_new_folding_and_blanks() -> None:
    message = signed(MESSAGE, of(Canon.RELAXED, Canon.RELAXED, "subject"))
    changed = message.replace(b"Subject: one", b"SUBJECT:\r\n\tone  ").replace(b"hello", b"hello \t")
    assert verifies(changed + b"\r\n\r\n", records(Algorithm.RSA_SHA256))


def test_every_field_of_a_name_is_signed_from_the_last_to_the_first() -> None:
    fields = header_fields(b"To: 1\r\nFrom: a\r\nTo: 2\r\n")
    signature = Signature(of(Canon.SIMPLE, Canon.SIMPLE, "to", guarded="to"), fields, b"")
    assert signature.to_sign.startswith(b"From: a\r\nTo: 2\r\nTo: 1\r\nDKIM-Signature:")
    assert b"h=from:to:to:to;" in signature.field(b"")


def test_the_field_is_bounded_and_its_lines_are_short() -> None:
    fields = header_fields(b"From: a\r\n" + b"Cc: b\r\n" * 10_000)
    field = Signature(of(Canon.SIMPLE, Canon.SIMPLE, "cc", guarded="cc"), fields, b"x" * 32).field(b"s" * 512)
    assert field.count(b"cc:") + field.count(b"cc;") == INSTANCES_MAX + 1
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert field.endswith(b"\r\n")


def test_time_and_expiry() -> None:
    expiring = SignatureTerms(
        "d.example", "s1", Algorithm.ED25519_SHA256, Canon.RELAXED, Canon.SIMPLE, ("from",), frozenset(), 5, 3605
    )
    field = Signature(expiring, header_fields(b"From: a\r\n"), b"h" * 32).field(b"signed")
    assert field == (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/simple;\r\n\td=d.example; s=s1;\r\n\tt=5; x=3605;\r\n"
        b"\th=from;\r\n\tbh=" + b64encode(b"h" * 32) + b";\r\n\tb=\r\n\t" + b64encode(b"signed") + b"\r\n"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (b"\xff" * 100, "no private key"),
    ],
)
def test_what_is_no_key(text: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Key.parse(text)


def test_short_keys_are_refused_and_advised_against() -> None:
    assert Key.parse(pem(rsa(1024))).is_short
    assert not Key.parse(pem(rsa(2048))).is_short
    assert not Key.parse(pem(ed25519())).is_short
    assert "PRIVATE" not in repr(Key.parse(pem(ed25519())))
