"""The signatures of one message, tried (RFC 6376 section 6): its body as it comes, then the keys, then what came of it.

verification = Verification(header_fields(section), now)
verification.body(octets)                      # parts, cut anywhere; none of it is held
answers = {question: await ask(question) for question in verification.questions()}
findings = verification.findings(answers)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from momentum_trio.net.dns_records import DnsAnswer, Question, Records, Unanswered
from momentum_trio.protocol.dkim.canonical import BodyHash, Canon
from momentum_trio.protocol.dkim.finding import Claim, DkimFinding, DkimResult
from momentum_trio.protocol.dkim.public_key import key_among
from momentum_trio.protocol.dkim.received import ReceivedSignature, Unfit, claim_of, tags_of

SIGNATURES_MAX = 8
"""Signatures of one message that are tried, from the first; the others are not looked at (RFC 6376 section 6.1)."""

FIELD = "dkim-signature"


class Verification:
    """Of one message. now: Unix seconds. takes_partial: a signature may pass that leaves some of the body unsigned."""

    __slots__ = ("_bodies", "_fields", "_takes_partial", "_tried")

    def __init__(self, fields: Sequence[tuple[str, bytes]], now: float, *, takes_partial: bool = False) -> None:
        """fields: of the whole header section as it came (``header_fields``)."""
        self._fields, self._takes_partial = fields, takes_partial
        found = [field for name, field in fields if name == FIELD][:SIGNATURES_MAX]
        self._tried: list[ReceivedSignature | DkimFinding] = [_begun(field, now) for field in found]
        self._bodies: dict[tuple[Canon, int | None], BodyHash] = {}
        for tried in self._tried:
            if isinstance(tried, ReceivedSignature):
                key = (tried.body_canon, tried.body_length)
                self._bodies.setdefault(key, BodyHash(*key))

    def body(self, octets: bytes) -> None:
        """The next part of the body. A signature that is none any more costs no hashing."""
        for body in self._bodies.values():
            body.part(octets)

    def questions(self) -> tuple[Question, ...]:
        """The keys that are needed. All of the body has come."""
        digests = {key: body.digest() for key, body in self._bodies.items()}
        for place, tried in enumerate(self._tried):
            if isinstance(tried, ReceivedSignature):
                key = (tried.body_canon, tried.body_length)
                self._tried[place] = self._body_tried(tried, digests[key], self._bodies[key].octets)
        self._bodies = {}
        asked = (tried.question for tried in self._tried if isinstance(tried, ReceivedSignature))
        return tuple(dict.fromkeys(asked))

    def findings(self, answers: Mapping[Question, DnsAnswer]) -> tuple[DkimFinding, ...]:
        """One for each signature, in the order of their fields. answers: to ``questions``."""
        return tuple(
            tried if isinstance(tried, DkimFinding) else self._key_tried(tried, answers[tried.question])
            for tried in self._tried
        )

    def _body_tried(self, tried: ReceivedSignature, digest: bytes, octets: int) -> ReceivedSignature | DkimFinding:
        length = tried.body_length
        if digest != tried.body_hash or (length is not None and length > octets):
            return DkimFinding.of(tried.claim, DkimResult.FAIL, "the body was changed")
        if length is not None and length < octets and not self._takes_partial:  # section 8.2
            return DkimFinding.of(
                tried.claim, DkimResult.POLICY, f"{octets - length} octets of the body are not signed"
            )
        return tried

    def _key_tried(self, tried: ReceivedSignature, answer: DnsAnswer) -> DkimFinding:
        if isinstance(answer, Unanswered):
            return DkimFinding.of(tried.claim, DkimResult.TEMPERROR, f"the key cannot be had: {answer.reason}")
        try:
            key = key_among(answer.texts if isinstance(answer, Records) else ())
        except Unfit as wrong:
            return DkimFinding.of(tried.claim, wrong.result, str(wrong))
        if key.algorithm is not tried.algorithm:
            return DkimFinding.of(tried.claim, DkimResult.PERMERROR, "the key is for another algorithm")
        if key.is_strict and tried.claim.identity.rpartition("@")[2].lower() != tried.claim.domain:
            return DkimFinding.of(tried.claim, DkimResult.PERMERROR, "the key is not for subdomains")
        if not key.verifies(tried.signature, tried.signed(self._fields)):
            return DkimFinding.of(tried.claim, DkimResult.FAIL, "the signature is not of this message")
        return DkimFinding.of(tried.claim, DkimResult.PASS)


def _begun(field: bytes, now: float) -> ReceivedSignature | DkimFinding:
    claim = Claim()
    try:
        tags = tags_of(field)
        claim = claim_of(tags)
        received = ReceivedSignature.parse(field, tags)
    except Unfit as wrong:
        return DkimFinding.of(claim, wrong.result, str(wrong))
    if received.expires_at is not None and received.expires_at < now:
        return DkimFinding.of(claim, DkimResult.FAIL, "it has expired")
    return received
