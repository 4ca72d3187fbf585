"""What DMARC makes of a message (RFC 7489 section 6.6), with DNS asked through the caller.

It is a generator, as SPF's ``check_host``: it yields a Question and is sent its DnsAnswer. Organizational domains are
told by a public suffix list where there is one (RFC 7489 section 3.2), else by walking up the tree of DNS (DMARCbis,
section 4.10).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from momentum_trio.net.dns_records import DnsAnswer, Question, Records, RecordType, Unanswered, is_name
from momentum_trio.protocol.dmarc.public_suffix import PublicSuffixes
from momentum_trio.protocol.dmarc.record import DmarcPolicy, DmarcRecord, Psd, record_among

WALK_MAX = 8
"""Names that a walk asks about: longer ones are cut after the first (DMARCbis, section 4.10)."""
IDENTIFIERS_MAX = 16
"""Domains that have passed and are compared."""
QUESTIONS_MAX = 2 + WALK_MAX * (1 + IDENTIFIERS_MAX)

T = TypeVar("T")
Asking = Generator[Question, DnsAnswer, T]


class DmarcResult(Enum):
    """In the words of RFC 7489 section 11.2."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Passed:
    """What has passed. spf: the domain of the reverse-path or of HELO, empty: it has not. dkim: of the signatures."""

    spf: str = ""
    dkim: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DmarcFinding:
    """author: the domain of From. policy: that its domain wishes. disposition: what is left of it for this message.

    problem: why there is no other result, in words.
    """

    result: DmarcResult
    author: str = ""
    policy: DmarcPolicy = DmarcPolicy.NONE
    disposition: DmarcPolicy = DmarcPolicy.NONE
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Published:
    """The record that holds for an author, whether it is of a domain above, and the author's organizational domain."""

    record: DmarcRecord | None
    is_above: bool
    organizational: str


class _Unknown(Exception):
    """Nobody could say."""


_Found = dict[str, DmarcRecord]


def evaluate(
    author: str, passed: Passed, suffixes: PublicSuffixes | None, sample: float, *, is_uncertain: bool = False
) -> Asking[DmarcFinding]:
    """The finding about mail from the domain *author*.

    sample: from 0 up to, but not, 1: mail with less than pct/100 has the policy applied. is_uncertain: SPF or DKIM
    could not be checked for the moment, so that what fails might have passed.
    Raises: nothing for what DNS answers.
    """
    if not is_name(author):
        return DmarcFinding(DmarcResult.PERMERROR, author, problem="no domain of an author")
    try:
        published = yield from (_walked(author) if suffixes is None else _listed(author, suffixes))
        if published.record is None:
            return DmarcFinding(DmarcResult.NONE, author)
        is_aligned = yield from _is_aligned(author, published, passed, suffixes)
    except _Unknown as fault:
        return DmarcFinding(DmarcResult.TEMPERROR, author, problem=str(fault))
    return _judged(author, published, is_aligned, sample, is_uncertain)


def _judged(author: str, published: _Published, is_aligned: bool, sample: float, is_uncertain: bool) -> DmarcFinding:
    record = published.record
    assert record is not None
    policy = record.subdomain_policy if published.is_above else record.policy
    if is_aligned:
        return DmarcFinding(DmarcResult.PASS, author, policy)
    if is_uncertain:
        return DmarcFinding(DmarcResult.TEMPERROR, author, policy, problem="SPF or DKIM could not be checked")
    is_left_out = record.tests or sample * 100 >= record.percent
    return DmarcFinding(DmarcResult.FAIL, author, policy, policy.milder if is_left_out else policy)


# where the record is


def _listed(author: str, suffixes: PublicSuffixes) -> Asking[_Published]:
    """By RFC 7489 section 6.6.3."""
    organizational = suffixes.organizational(author)
    for domain in dict.fromkeys((author, organizational)):
        record = yield from _record(domain)
        if record is not None:
            return _Published(record, domain != author, organizational)
    return _Published(None, False, organizational)


def _walked(author: str) -> Asking[_Published]:
    """By DMARCbis, section 4.10.1."""
    found = yield from _walk(author)
    organizational = _organizational(author, found)
    registry = next((domain for domain, record in found.items() if record.psd is Psd.YES), "")
    for domain in (author, organizational, registry):
        if domain in found:
            return _Published(found[domain], domain != author, organizational)
    return _Published(None, False, organizational)


def _walk(domain: str) -> Asking[_Found]:
    """The records of *domain* and those above it, up to one that says where the tree of the organization ends."""
    found: _Found = {}
    for name in walk_names(domain):
        record = yield from _record(name)
        if record is not None:
            found[name] = record
            if record.psd is not Psd.UNSAID:
                break
    return found


def walk_names(domain: str) -> tuple[str, ...]:
    """The names that are asked about: *domain*, and those above it, of seven labels at most."""
    labels = domain.split(".")
    above = labels[-min(len(labels) - 1, WALK_MAX - 1) :] if len(labels) > 1 else []
    return (domain, *(".".join(above[place:]) for place in range(len(above))))


def _organizational(domain: str, found: _Found) -> str:
    """By DMARCbis, section 4.10.2."""
    for name, record in found.items():
        if record.psd is Psd.NO:
            return name
        if record.psd is Psd.YES and name != domain:
            labels = domain.split(".")
            return ".".join(labels[-(name.count(".") + 2) :])
    return min(found, key=lambda name: name.count("."), default=domain)


def _record(domain: str) -> Asking[DmarcRecord | None]:
    name = f"_dmarc.{domain}"
    answer = (yield Question(name, RecordType.TXT)) if is_name(name) else None
    if isinstance(answer, Unanswered):
        raise _Unknown(f"{name}: {answer.reason}")
    return record_among(answer.texts) if isinstance(answer, Records) else None


# alignment (section 3.1)


def _is_aligned(author: str, published: _Published, passed: Passed, suffixes: PublicSuffixes | None) -> Asking[bool]:
    record = published.record
    assert record is not None
    exact = {author} & {passed.spf, *passed.dkim}
    if exact:
        return True
    relaxed: Iterable[str] = () if record.strict_dkim else passed.dkim
    relaxed = (*relaxed, *(() if record.strict_spf or not passed.spf else (passed.spf,)))
    for domain in tuple(dict.fromkeys(relaxed))[:IDENTIFIERS_MAX]:
        if suffixes is not None:
            organizational = suffixes.organizational(domain)
        else:
            organizational = _organizational(domain, (yield from _walk(domain)))
        if organizational == published.organizational:
            return True
    return False
