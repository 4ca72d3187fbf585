"""Hashes of passwords: what others made of them, what is none, and that users there are none of cost the same."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import example, given
from hypothesis import strategies as st

from momentum_trio.protocol.sasl.password_hash import (
    PASSWORD_OCTETS_MAX,
    SALT_OCTETS,
    SCHEMES,
    is_hash,
    made,
    stand_in,
    verified,
)
from momentum_trio.protocol.sasl.strategies import hashes

SALT = bytes(range(SALT_OCTETS))


def test_a_hash_is_of_its_password_alone() -> None:
    for scheme in SCHEMES:
        stored = made(scheme, "grüße", SALT)
        assert is_hash(stored)
        assert stored.startswith(f"${scheme}$")
        assert verified(stored, "grüße")
        assert not verified(stored, "gruesse")
        assert not verified(stored, "x" * (PASSWORD_OCTETS_MAX + 1))


def test_what_others_made() -> None:
    # RFC 7914 section 12, the third vector, as passlib writes it
    octets = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    digest = base64.b64encode(octets).decode().rstrip("=")
    salt = base64.b64encode(b"SodiumChloride").decode().rstrip("=")
    assert verified(f"$scrypt$ln=14,r=8,p=1${salt}${digest}", "pleaseletmein")
    argon = Argon2id(salt=b"8 octets", length=24, iterations=1, lanes=2, memory_cost=64)
    assert verified(argon.derive_phc_encoded(b"secret"), "secret")


def test_a_password_that_is_too_long_is_not_hashed() -> None:
    with pytest.raises(ValueError, match="at most"):
        made(SCHEMES[0], "x" * (PASSWORD_OCTETS_MAX + 1), SALT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "$scrypt$",
        "$scrypt$ln=15,r=8,p=1$$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=15,r=8,p=1$AAAAA$AAAAAAAAAAAAAAAAAAAAAA",  # no base64 has five characters
        "$scrypt$ln=0,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=24,r=99,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAA",  # 200 GiB
        "$scrypt$ln=15,r=0,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=4294967295,t=3,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=7,t=3,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=64,t=0,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
    ],
)
def test_what_is_no_hash(text: str) -> None:
    assert not is_hash(text)


@given(hashes)
@example("$scrypt$ln=4,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAA")
def test_what_passes_for_a_hash_can_be_tried_and_has_a_stand_in(text: str) -> None:
    if is_hash(text):
        assert not verified(text, "secret")
        assert is_hash(stand_in(text))
        assert stand_in(text).rpartition("$")[0] == text.rpartition("$")[0]


@given(st.text(max_size=60))
def test_nothing_else_does(text: str) -> None:
    assert not is_hash(text)
