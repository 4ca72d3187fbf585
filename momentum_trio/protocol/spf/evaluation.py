"""check_host() (RFC 7208 section 4): what a domain's records say of a client, with DNS asked through the caller.

finding = run(check_host(...))     # a generator: it yields a Question and is sent its DnsAnswer

It ends after a bounded number of questions, whatever DNS answers: QUESTIONS_MAX.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import TypeVar

from momentum_trio.mail.path import is_literal
from momentum_trio.net.dns_records import (
    DnsAnswer,
    NoRecords,
    Question,
    Records,
    RecordType,
    Unanswered,
    is_name,
)
from momentum_trio.net.netblock import Address
from momentum_trio.protocol.spf.macro import Template
from momentum_trio.protocol.spf.record import (
    All,
    Exists,
    Hosts,
    Include,
    Mechanism,
    Network,
    Pointer,
    SpfRecord,
    SpfResult,
    is_record,
    records_in,
)

TERMS_MAX = 10
"""Terms that ask DNS, in all records of a check together (section 4.6.4)."""
VOID_MAX = 2
"""Questions of those terms that may find nothing (section 4.6.4)."""
EXCHANGES_MAX = 10
"""Of an ``mx``; more are an error (section 4.6.4)."""
POINTERS_MAX = 10
"""Names of an address that are looked at; the others are not (section 4.6.4)."""
EXPLANATION_CHARACTERS_MAX = 255
QUESTIONS_MAX = 2 + TERMS_MAX * (2 + EXCHANGES_MAX) + 1 + POINTERS_MAX
"""The record, what the terms ask, the explanation, the names of the address."""

T = TypeVar("T")
Asking = Generator[Question, DnsAnswer, T]


@dataclass(frozen=True, slots=True)
class SpfIdentity:
    """Who is judged. sender: ``local-part@domain``, ``postmaster@HELLO`` for the null reverse-path (section 2.4).

    hello: what the client called itself. receiver: this host. now: Unix seconds.
    """

    address: Address
    sender: str
    hello: str
    receiver: str = "unknown"
    now: int = 0

    @property
    def domain(self) -> str:
        """That of the sender, whose record is asked for."""
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class SpfFinding:
    """What a check came to. matched: the directive that decided. explanation: the domain's, of a fail.

    problem: what is wrong, of an error. is_absent: the domain itself is not there at all.
    """

    result: SpfResult
    domain: str = ""
    matched: str = ""
    explanation: str = ""
    problem: str = ""
    is_absent: bool = False


class _Ended(Exception):
    """The check comes to an error."""

    def __init__(self, result: SpfResult, problem: str) -> None:
        super().__init__(problem)
        self.result = result


@dataclass(slots=True)
class _Check:
    """One check: who is judged, and what of the limits is used up. names: of the address, once they were looked for."""

    identity: SpfIdentity
    terms: int = 0
    voids: int = 0
    names: tuple[str, ...] | None = field(default=None)


def check_host(identity: SpfIdentity, default_rule: str = "") -> Asking[SpfFinding]:
    """The finding about *identity*. default_rule: the terms of a record for domains that have none; empty: NONE then.

    Raises: nothing for what DNS answers.
    """
    domain = identity.domain.lower().removesuffix(".")
    if not is_name(domain) or "." not in domain or is_literal(domain):  # section 4.3
        return SpfFinding(SpfResult.NONE, domain, problem="no domain that could have a record")
    try:
        return (yield from _judged(_Check(identity), domain, default_rule))
    except _Ended as end:
        return SpfFinding(end.result, domain, problem=str(end))


def _judged(check: _Check, domain: str, default_rule: str) -> Asking[SpfFinding]:
    answer = yield Question(domain, RecordType.TXT)
    text = _record_in(answer, domain)
    if text is None and not default_rule:
        is_absent = isinstance(answer, NoRecords) and not answer.exists
        return SpfFinding(SpfResult.NONE, domain, problem="it has no record", is_absent=is_absent)
    record = _parsed(f"v=spf1 {default_rule}" if text is None else text, domain)
    result, matched, source = yield from _evaluated(check, record, domain)
    if result is not SpfResult.FAIL:
        return SpfFinding(result, domain, matched)
    return SpfFinding(result, domain, matched, (yield from _explanation(check, *source)))


def _record_in(answer: DnsAnswer, domain: str) -> str | None:
    """The text of the record of *domain*; None: it has none (sections 4.4 and 4.5)."""
    if isinstance(answer, Unanswered):
        raise _Ended(SpfResult.TEMPERROR, f"{domain}: {answer.reason}")
    found = records_in(answer.texts) if isinstance(answer, Records) else ()
    if len(found) > 1:
        raise _Ended(SpfResult.PERMERROR, f"{domain} has {len(found)} records")
    return found[0] if found else None


def _parsed(text: str, domain: str) -> SpfRecord:
    assert is_record(text)
    try:
        return SpfRecord.parse(text)
    except ValueError as wrong:
        raise _Ended(SpfResult.PERMERROR, f"{domain}: {wrong}") from None


_Source = tuple[SpfRecord, str]


def _evaluated(check: _Check, record: SpfRecord, domain: str) -> Asking[tuple[SpfResult, str, _Source]]:
    """The result of *record* (sections 4.6 and 4.7), the directive that matched, and whose explanation holds."""
    while True:
        for directive in record.directives:
            if (yield from _matches(check, directive.mechanism, domain)):
                return directive.result, directive.text, (record, domain)
        if record.redirect is None:
            return SpfResult.NEUTRAL, "", (record, domain)
        domain = yield from _target(check, record.redirect, domain)
        record = yield from _record_of(check, domain, "redirect")


def _record_of(check: _Check, domain: str, term: str) -> Asking[SpfRecord]:
    """The record that *term* leads to: without one it is an error (sections 5.2 and 6.1)."""
    _count_term(check)
    text = _record_in((yield from _asked(domain, RecordType.TXT)), domain)
    if text is None:
        raise _Ended(SpfResult.PERMERROR, f"{domain} of {term} has no record")
    return _parsed(text, domain)


def _matches(check: _Check, mechanism: Mechanism, domain: str) -> Asking[bool]:
    """Whether *mechanism*, of the record of *domain*, matches the client (section 5)."""
    match mechanism:
        case All():
            return True
        case Network(block):
            return check.identity.address in block
        case Include(template):
            return (yield from _included(check, (yield from _target(check, template, domain))))
        case Hosts():
            _count_term(check)
            return (yield from _hosts_hold(check, mechanism, (yield from _target(check, mechanism.domain, domain))))
        case Pointer():
            _count_term(check)
            target = yield from _target(check, mechanism.domain, domain)
            return any(_is_within(name, target) for name in (yield from _names(check)))
        case Exists(template):
            _count_term(check)
            target = yield from _target(check, template, domain)
            return bool((yield from _found(check, target, RecordType.A)))


def _included(check: _Check, domain: str) -> Asking[bool]:
    record = yield from _record_of(check, domain, "include")
    result, _, _ = yield from _evaluated(check, record, domain)
    return result is SpfResult.PASS


def _hosts_hold(check: _Check, hosts: Hosts, domain: str) -> Asking[bool]:
    if not hosts.exchanges:
        return (yield from _is_at(check, hosts, domain))
    exchanges = yield from _found(check, domain, RecordType.MX)
    if len(exchanges) > EXCHANGES_MAX:
        raise _Ended(SpfResult.PERMERROR, f"{domain} has more than {EXCHANGES_MAX} MX records")
    for exchange in exchanges:
        if (yield from _is_at(check, hosts, exchange)):
            return True
    return False


def _is_at(check: _Check, hosts: Hosts, name: str) -> Asking[bool]:
    address = check.identity.address
    texts = yield from _found(check, name, _address_type(address))
    if isinstance(address, IPv4Address):
        return any(address in IPv4Network((text, hosts.length4), strict=False) for text in texts)
    return any(address in IPv6Network((text, hosts.length6), strict=False) for text in texts)


# questions


def _count_term(check: _Check) -> None:
    check.terms += 1
    if check.terms > TERMS_MAX:
        raise _Ended(SpfResult.PERMERROR, f"more than {TERMS_MAX} terms ask DNS")


def _asked(name: str, kind: RecordType) -> Asking[DnsAnswer]:
    """The answer; about what is no name there are no records."""
    return (yield Question(name, kind)) if is_name(name) else NoRecords(exists=False)


def _found(check: _Check, name: str, kind: RecordType) -> Asking[tuple[str, ...]]:
    """The records that a term asks for; that there are none counts (section 4.6.4)."""
    answer = yield from _asked(name, kind)
    if isinstance(answer, Unanswered):
        raise _Ended(SpfResult.TEMPERROR, f"{name}: {answer.reason}")
    if isinstance(answer, Records):
        return answer.texts
    check.voids += 1
    if check.voids > VOID_MAX:
        raise _Ended(SpfResult.PERMERROR, f"more than {VOID_MAX} questions find nothing")
    return ()


def _names(check: _Check) -> Asking[tuple[str, ...]]:
    """The validated names of the client (section 5.5): those of its address that have it. Asked for once."""
    if check.names is None:
        address = check.identity.address
        answer = yield Question(address.reverse_pointer, RecordType.PTR)
        names = []
        for name in answer.texts[:POINTERS_MAX] if isinstance(answer, Records) else ():
            found = yield from _asked(name, _address_type(address))
            if isinstance(found, Records) and any(ip_address(text) == address for text in found.texts):
                names.append(name.lower())
        check.names = tuple(names)
    return check.names


def _address_type(address: Address) -> RecordType:
    return RecordType.A if address.version == 4 else RecordType.AAAA


def _is_within(name: str, domain: str) -> bool:
    return f".{name}".endswith(f".{domain.lower()}")


# macros


def _target(check: _Check, template: Template | None, domain: str) -> Asking[str]:
    """The domain a term is about: what *template* makes, else the current *domain*."""
    return domain if template is None else template.expand_domain((yield from _values(check, template, domain)))


def _values(check: _Check, template: Template, domain: str) -> Asking[dict[str, str]]:
    """What the macros of *template* stand for in the record of *domain* (section 7.2)."""
    identity = check.identity
    local_part, _, sender_domain = identity.sender.rpartition("@")
    address = identity.address
    readable = str(address)
    values = {
        "s": identity.sender,
        "l": local_part,
        "o": sender_domain,
        "d": domain,
        "i": readable if address.version == 4 else ".".join(address.exploded.replace(":", "")),
        "v": "in-addr" if address.version == 4 else "ip6",
        "h": identity.hello,
        "c": readable,
        "r": identity.receiver,
        "t": str(identity.now),
    }
    if "p" in template.letters:
        values["p"] = _best_name((yield from _names(check)), domain)
    return values


def _best_name(names: tuple[str, ...], domain: str) -> str:
    """The one that ``%{p}`` stands for (section 7.3)."""
    if domain.lower() in names:
        return domain
    within = (name for name in names if _is_within(name, domain))
    return next(within, names[0] if names else "unknown")


def _explanation(check: _Check, record: SpfRecord, domain: str) -> Asking[str]:
    """What the domain says to a client that fails (section 6.2); empty where it says nothing that can be told."""
    if record.explanation is None:
        return ""
    target = yield from _target(check, record.explanation, domain)
    answer = yield from _asked(target, RecordType.TXT)
    if not isinstance(answer, Records) or len(answer.texts) != 1:
        return ""
    try:
        template = Template.parse(answer.texts[0], explains=True)
    except ValueError:
        return ""
    text = template.expand((yield from _values(check, template, domain)))
    return text[:EXPLANATION_CHARACTERS_MAX] if text.isascii() and text.isprintable() else ""
