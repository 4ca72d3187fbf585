"""SPF records (RFC 7208 sections 4.5, 5, 6 and 12) as values. One wrong term makes the whole record wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

from momentum_trio.protocol.spf.macro import Template

RECORD_OCTETS_MAX = 4096  # section 3.4 recommends to stay within a packet
VERSION = "v=spf1"

_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_MECHANISM = re.compile(r"([+~?-]?)([A-Za-z][A-Za-z0-9_.-]*)(:?)(.*)", re.DOTALL)
_LENGTHS = re.compile(r"(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?", re.DOTALL)
_IP4 = re.compile(r"[0-9.]+(?:/(?:0|[1-9][0-9]?))?")
_IP6 = re.compile(r"[0-9A-Fa-f:.]+(?:/(?:0|[1-9][0-9]{0,2}))?")


class SpfResult(Enum):
    """What a check comes to (section 2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


QUALIFIERS = {"+": SpfResult.PASS, "-": SpfResult.FAIL, "~": SpfResult.SOFTFAIL, "?": SpfResult.NEUTRAL}


@dataclass(frozen=True, slots=True)
class All:
    """``all``: it passes everybody."""


@dataclass(frozen=True, slots=True)
class Include:
    """Whom the record of another domain passes."""

    domain: Template


@dataclass(frozen=True, slots=True)
class Hosts:
    """``a`` and ``mx``: whom the addresses of a domain, or of its *exchanges*, hold. domain: None: the current one."""

    exchanges: bool
    domain: Template | None = None
    length4: int = 32
    length6: int = 128


@dataclass(frozen=True, slots=True)
class Pointer:
    """``ptr``: whose name, by reverse look-up, is in a domain. None: in the current one."""

    domain: Template | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """``ip4`` and ``ip6``."""

    block: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Exists:
    """Anybody, if a name has an address."""

    domain: Template


Mechanism = All | Include | Hosts | Pointer | Network | Exists


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism and what it means to match it. text: as it stands in the record."""

    result: SpfResult
    mechanism: Mechanism
    text: str


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """directives: in their order. redirect, explanation: of these modifiers, if they are there."""

    directives: tuple[Directive, ...]
    redirect: Template | None = None
    explanation: Template | None = None

    @classmethod
    def parse(cls, text: str) -> SpfRecord:
        """Of a *text* for which ``is_record`` holds. Raises ValueError, which says what is wrong."""
        if len(text) > RECORD_OCTETS_MAX:
            raise ValueError(f"a record longer than {RECORD_OCTETS_MAX} octets")
        directives, modifiers = [], dict[str, Template]()
        for term in filter(None, text[len(VERSION) :].split(" ")):
            if (match := _MODIFIER.fullmatch(term)) is None:
                directives.append(_directive(term))
            elif (name := match[1].lower()) not in ("redirect", "exp"):
                Template.parse(match[2], explains=True)
            elif name in modifiers:
                raise ValueError(f"{name} stands twice")
            else:
                modifiers[name] = Template.parse_domain(match[2])
        return cls(tuple(directives), modifiers.get("redirect"), modifiers.get("exp"))


def is_record(text: str) -> bool:
    """Whether *text*, of a TXT record, is one of SPF (section 4.5)."""
    return text[: len(VERSION)].lower() == VERSION and text[len(VERSION) : len(VERSION) + 1] in ("", " ")


def records_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Those of *texts* that are of SPF."""
    return tuple(text for text in texts if is_record(text))


def _directive(term: str) -> Directive:
    match = _MECHANISM.fullmatch(term)
    if match is None:
        raise ValueError(f"'{term[:40]}' is no term")
    qualifier, name, colon, rest = match.groups()
    argument = rest if colon else None
    suffix = "" if colon else rest
    return Directive(QUALIFIERS[qualifier or "+"], _mechanism(name.lower(), argument, suffix, term), term)


def _mechanism(name: str, argument: str | None, suffix: str, term: str) -> Mechanism:
    """argument: behind the colon, None without; suffix: what stands behind the name where there is none."""
    match name:
        case "a" | "mx":
            return _hosts(name == "mx", argument, suffix, term)
        case "all" if argument is None and not suffix:
            return All()
        case "ptr" if not suffix:
            return Pointer(None if argument is None else Template.parse_domain(argument))
        case "include" | "exists" if argument is not None:
            domain = Template.parse_domain(argument)
            return Include(domain) if name == "include" else Exists(domain)
        case "ip4" if argument is not None and _IP4.fullmatch(argument):
            return Network(IPv4Network(argument, strict=False))
        case "ip6" if argument is not None and _IP6.fullmatch(argument):
            return Network(IPv6Network(argument, strict=False))
    raise ValueError(f"'{term[:40]}' is no mechanism")


def _hosts(exchanges: bool, argument: str | None, suffix: str, term: str) -> Hosts:
    match = _LENGTHS.fullmatch(suffix if argument is None else argument)
    assert match is not None
    domain, length4, length6 = match[1], int(match[2] or 32), int(match[3] or 128)
    if length4 > 32 or length6 > 128 or (domain and argument is None):
        raise ValueError(f"'{term[:40]}' has no such prefix length")
    return Hosts(exchanges, None if argument is None else Template.parse_domain(domain), length4, length6)
