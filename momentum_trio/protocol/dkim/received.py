"""A DKIM-Signature field as it came (RFC 6376 section 3.5): read, checked, and what it has signed."""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from momentum_trio.net.dns_records import Question, RecordType, is_name
from momentum_trio.protocol.dkim.canonical import Canon, canonical_field
from momentum_trio.protocol.dkim.finding import Claim, DkimResult
from momentum_trio.protocol.dkim.signature import Algorithm
from momentum_trio.protocol.dkim.tags import BLANKS, tag_list, words

FIELD_OCTETS_MAX = 16_384
NAMES_MAX = 1000
"""Names in h=; each costs a look at the fields."""

_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
_NUMBER = re.compile(r"[0-9]{1,12}")
_LENGTH = re.compile(r"[0-9]{1,76}")
_CANONS = {canon.value: canon for canon in Canon}
_HISTORIC = frozenset(("rsa-sha1",))


class Unfit(Exception):
    """A signature or key that does not pass, and why."""

    def __init__(self, result: DkimResult, reason: str) -> None:
        super().__init__(reason)
        self.result = result


@dataclass(frozen=True, slots=True)
class ReceivedSignature:
    """One signature that can be tried.

    names: of h=, in lower case and in its order. body_length: of l=; None: all of the body is signed. expires_at: Unix
    seconds; None: never.
    """

    claim: Claim
    algorithm: Algorithm
    header_canon: Canon
    body_canon: Canon
    names: tuple[str, ...]
    body_hash: bytes
    signature: bytes
    body_length: int | None
    expires_at: int | None
    _field: bytes

    @classmethod
    def parse(cls, field: bytes, tags: Mapping[str, str]) -> ReceivedSignature:
        """Of the whole *field*, which has *tags*. Raises Unfit."""
        try:
            return _parsed(field, tags)
        except ValueError as wrong:
            raise Unfit(DkimResult.NEUTRAL, str(wrong)) from None

    @property
    def question(self) -> Question:
        """Where its key is (section 3.6.2.1)."""
        return Question(key_name(self.claim), RecordType.TXT)

    def signed(self, fields: Sequence[tuple[str, bytes]]) -> bytes:
        """What the key has signed (section 3.7), of the *fields* of a header section from its beginning."""
        left: dict[str, list[bytes]] = {}
        for name, field in fields:
            left.setdefault(name, []).append(field)
        canon = self.header_canon
        chosen = (left[name].pop() for name in self.names if left.get(name))  # none left: nothing is hashed
        octets = b"".join(canonical_field(canon, field) for field in chosen)
        octets += canonical_field(canon, _without_signature(self._field.removesuffix(b"\r\n")))
        # RFC 8463 section 3: Ed25519 signs the hash, RSA hashes what it signs.
        return hashlib.sha256(octets).digest() if self.algorithm is Algorithm.ED25519_SHA256 else octets


def key_name(claim: Claim) -> str:
    """The name that has the key's record."""
    return f"{claim.selector}._domainkey.{claim.domain}"


def tags_of(field: bytes) -> dict[str, str]:
    """The tags of a DKIM-Signature *field*. Raises Unfit."""
    if len(field) > FIELD_OCTETS_MAX:
        raise Unfit(DkimResult.POLICY, f"a signature of more than {FIELD_OCTETS_MAX} octets")
    try:
        return tag_list(field.partition(b":")[2].decode("ascii"))
    except ValueError as wrong:  # UnicodeDecodeError is one
        reason = "not ASCII" if isinstance(wrong, UnicodeDecodeError) else str(wrong)
        raise Unfit(DkimResult.NEUTRAL, reason) from None


def claim_of(tags: Mapping[str, str]) -> Claim:
    """What *tags* say of the signer, right or wrong."""
    domain = tags.get("d", "").lower()
    return Claim(
        domain,
        tags.get("s", "").lower(),
        BLANKS.sub("", tags.get("i", f"@{domain}")),
        tags.get("a", "").lower(),
        BLANKS.sub("", tags.get("b", ""))[:8],
    )


def _parsed(field: bytes, tags: Mapping[str, str]) -> ReceivedSignature:
    if missing := [name for name in _REQUIRED if not tags.get(name)]:
        raise ValueError(f"there is no {missing[0]}=")
    if tags["v"] != "1":
        raise ValueError("not of version 1")
    claim = claim_of(tags)
    header_canon, body_canon = _canons(tags.get("c", "simple"))
    signed_at, expires_at = _time(tags, "t"), _time(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at < signed_at:
        raise ValueError("it expires before it was made")
    _check_signer(claim, tags)
    return ReceivedSignature(
        claim,
        _algorithm(claim.algorithm),
        header_canon,
        body_canon,
        _names(tags["h"]),
        _octets(tags["bh"], "bh"),
        _octets(tags["b"], "b"),
        _body_length(tags),
        expires_at,
        field,
    )


def _check_signer(claim: Claim, tags: Mapping[str, str]) -> None:
    if not is_name(key_name(claim)):
        raise ValueError("d= and s= name no place of a key")
    of_identity = claim.identity.rpartition("@")[2].lower()
    if "@" not in claim.identity or not f".{of_identity}".endswith(f".{claim.domain}"):
        raise ValueError("i= is not within d=")
    if "q" in tags and "dns/txt" not in words(tags["q"]):
        raise ValueError("the key is not in DNS")


def _algorithm(word: str) -> Algorithm:
    if word in _HISTORIC:
        raise Unfit(DkimResult.POLICY, f"{word} proves nothing any more")  # RFC 8301 section 3.1
    try:
        return Algorithm(word)
    except ValueError:
        raise ValueError(f"a={word[:20]} is unknown") from None


def _canons(word: str) -> tuple[Canon, Canon]:
    header, _, body = word.lower().partition("/")
    if header not in _CANONS or (body or "simple") not in _CANONS:
        raise ValueError("c= is unknown")
    return _CANONS[header], _CANONS[body or "simple"]


def _names(value: str) -> tuple[str, ...]:
    names = tuple(name.lower() for name in words(value))
    if len(names) > NAMES_MAX:
        raise Unfit(DkimResult.POLICY, f"more than {NAMES_MAX} names in h=")
    if "from" not in names:
        raise Unfit(DkimResult.PERMERROR, "From is not signed")  # section 5.4
    return names


def _octets(value: str, tag: str) -> bytes:
    try:
        return b64decode(BLANKS.sub("", value), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{tag}= is no base64") from None


def _time(tags: Mapping[str, str], tag: str) -> int | None:
    if tag in tags and not _NUMBER.fullmatch(tags[tag]):
        raise ValueError(f"{tag}= is no time")
    return int(tags[tag]) if tag in tags else None


def _body_length(tags: Mapping[str, str]) -> int | None:
    if "l" in tags and not _LENGTH.fullmatch(tags["l"]):
        raise ValueError("l= is no length")
    return int(tags["l"]) if "l" in tags else None


def _without_signature(field: bytes) -> bytes:
    """*field* with nothing behind ``b=``."""
    name, _, value = field.partition(b":")
    specs = value.split(b";")
    for place, spec in enumerate(specs):
        tag, equals, _ = spec.partition(b"=")
        if tag.strip(b" \t\r\n") == b"b" and equals:
            specs[place] = tag + equals
    return name + b":" + b";".join(specs)
