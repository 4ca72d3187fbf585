"""Paths and mailboxes: the grammar of RFC 5321 sections 4.1.2 and 4.1.3, and their canonical text.

A canonical path is ``local-part@domain`` without angle brackets and without a source route:

* a local-part written as a quoted string is written as a dot-string where it can be one, and otherwise keeps its quotes
  with ``"`` and ``\\`` alone escaped;
* a domain name is in lower case; an address literal is ``[192.0.2.1]``, ``[ipv6:2001:db8::1]`` (compressed) or
  ``[tag:content]``, where the content keeps its case;
* where *international* permits them, local-parts keep characters beyond ASCII as they came, and domains with such have
  A-labels instead (RFC 6531 section 3.3);
* the null reverse-path is the empty string, ``<Postmaster>`` is ``postmaster``, and a local-part that may stand alone
  has no ``@``.

Everything that is parsed here raises ValueError when the text is not what it should be; the message says what is wrong.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from momentum_trio.mail.international import a_labels

LOCAL_PART_OCTETS_MAX: Final = 64  # RFC 5321 section 4.5.3.1.1, quotes counted
DOMAIN_OCTETS_MAX: Final = 255  # section 4.5.3.1.2
PATH_OCTETS_MAX: Final = 256  # section 4.5.3.1.3, brackets, source route and separators counted
LABEL_OCTETS_MAX: Final = 63  # RFC 1035 section 2.3.4

POSTMASTER: Final = "postmaster"

NULL_REVERSE_PATH = ""

_CLOSING = frozenset(']"')

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_STRING = rf"{_ATEXT}++(?:\.{_ATEXT}++)*"
_BEYOND = "\x80-\U0010ffff"  # UTF8-non-ascii
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_LABEL = r"[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"

DOT_STRING = re.compile(_DOT_STRING)
_LOOSE_STRING = re.compile(rf"{_ATEXT}[.A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]*")
_QUOTED_STRING = re.compile(_QUOTED)
DOMAIN_NAME = re.compile(_DOMAIN)
_INTERNATIONAL_DOT_STRING = re.compile(_DOT_STRING.replace("~-]", f"~{_BEYOND}-]"))
_INTERNATIONAL_LOOSE_STRING = re.compile(_LOOSE_STRING.pattern.replace("~-]", f"~{_BEYOND}-]"))
_INTERNATIONAL_QUOTED_STRING = re.compile(_QUOTED.replace("-~]", f"-~{_BEYOND}]"))
_GENERAL_LITERAL = re.compile(r"\[((?:[A-Za-z0-9-]*[A-Za-z0-9])):([!-Z^-~]+)\]")
_IPV4 = re.compile(r"\[([0-9.]+)\]")
_IPV6 = re.compile(r"\[[Ii][Pp][Vv]6:([0-9A-Fa-f:.]+)\]")
_SOURCE_ROUTE = re.compile(rf"@(?P<first>{_DOMAIN})(?:,@{_DOMAIN})*:")
_QUOTED_PAIR = re.compile(r"\\(.)")
_SPECIAL = re.compile(r'(["\\])')

_INSIDE = r'((?:[^"\[<>\\ ]|"(?:[^"\\]|\\.)*"|\[[^\[\]\\]*+\])*)'

BRACKETED = re.compile(rf"<{_INSIDE}>")
"""Where a path ends in a command line: the bracket that closes it is in no quoted string and in no literal."""

BRACKETED_LOOSELY = re.compile(rf" *< *{_INSIDE} *>")
"""The same, with blanks around the brackets overlooked."""


def reverse_path(text: str, *, pedantic: bool = True, unqualified: bool = False, international: bool = False) -> str:
    """The canonical form of a Reverse-path, ``<...>`` included in *text*; the null reverse-path gives the empty string.

    pedantic: False also takes ``a..b`` and ``ab.`` as local-parts. unqualified: True also takes a local-part alone.
    international: True also takes characters beyond ASCII.
    """
    return "" if text == "<>" else _path(text, pedantic, unqualified, international)


def forward_path(text: str, *, pedantic: bool = True, unqualified: bool = False, international: bool = False) -> str:
    """The canonical form of a Forward-path, ``<...>`` included in *text*; ``<Postmaster>`` may stand alone."""
    if text[1:-1].lower() == POSTMASTER and text.startswith("<") and text.endswith(">"):
        return POSTMASTER
    return _path(text, pedantic, unqualified, international)


def _path(text: str, pedantic: bool, unqualified: bool, international: bool) -> str:
    if _octets(text) > PATH_OCTETS_MAX:
        raise ValueError(f"a path has at most {PATH_OCTETS_MAX} octets")
    if not (text.startswith("<") and text.endswith(">") and len(text) > 2):
        raise ValueError("a path stands in angle brackets")
    inner = text[1:-1]
    if route := _SOURCE_ROUTE.match(inner):  # accepted and dropped: RFC 5321 appendix C
        for hop in route[0][1:-1].split(",@"):
            domain(hop)
        inner = inner[route.end() :]
        unqualified = False
    return mailbox(inner, pedantic=pedantic, unqualified=unqualified, international=international)


def mailbox(text: str, *, pedantic: bool = True, unqualified: bool = False, international: bool = False) -> str:
    """The canonical form of a Mailbox, ``local-part@domain``; of a local-part alone if *unqualified* allows it."""
    quoted = (_INTERNATIONAL_QUOTED_STRING if international else _QUOTED_STRING).match(text)
    end = quoted.end() if quoted else (at if (at := text.find("@")) >= 0 else len(text))
    local = local_part(text[:end], pedantic=pedantic, international=international)
    if end == len(text):
        if unqualified:
            return local
        raise ValueError("a mailbox has a domain")
    if text[end] != "@":
        raise ValueError("a quoted local-part is followed by '@'")
    return f"{local}@{domain(text[end + 1 :], international=international)}"


def local_part(text: str, *, pedantic: bool = True, international: bool = False) -> str:
    """The canonical form of a Local-part."""
    if _octets(text) > LOCAL_PART_OCTETS_MAX:
        raise ValueError(f"a local-part has at most {LOCAL_PART_OCTETS_MAX} octets")
    dot_string, loose, quoted = _INTERNATIONAL if international else _ASCII
    if dot_string.fullmatch(text) or (not pedantic and loose.fullmatch(text)):
        return text
    if not quoted.fullmatch(text):
        raise ValueError("a local-part is a dot-string or a quoted string")
    return quoted_if_needed(unquoted(text))


_ASCII = (DOT_STRING, _LOOSE_STRING, _QUOTED_STRING)
_INTERNATIONAL = (_INTERNATIONAL_DOT_STRING, _INTERNATIONAL_LOOSE_STRING, _INTERNATIONAL_QUOTED_STRING)


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def domain(text: str, *, international: bool = False) -> str:
    """The canonical form of a Domain or address-literal."""
    if _octets(text) > DOMAIN_OCTETS_MAX:
        raise ValueError(f"a domain has at most {DOMAIN_OCTETS_MAX} octets")
    if text.startswith("["):
        return _literal(text)
    if international and not text.isascii():
        text = a_labels(text)
    if not DOMAIN_NAME.fullmatch(text):
        raise ValueError("a domain has labels of letters, digits and inner hyphens")
    if len(text) > LABEL_OCTETS_MAX and max(map(len, text.split("."))) > LABEL_OCTETS_MAX:
        raise ValueError(f"a label has at most {LABEL_OCTETS_MAX} octets")
    return text.lower()


def _literal(text: str) -> str:
    try:
        if match := _IPV4.fullmatch(text):
            return f"[{IPv4Address(match[1])}]"
        if match := _IPV6.fullmatch(text):
            return f"[ipv6:{IPv6Address(match[1])}]"
    except AddressValueError as error:
        raise ValueError("an address literal holds an address") from error
    if (match := _GENERAL_LITERAL.fullmatch(text)) and (tag := match[1].lower()) != "ipv6":
        return f"[{tag}:{match[2]}]"
    raise ValueError("an address literal is [1.2.3.4], [IPv6:...] or [tag:...]")


def address(domain: str) -> IPv4Address | IPv6Address | None:
    """The address a canonical *domain* stands for if it is an IPv4 or IPv6 literal, or None."""
    if domain.startswith("[ipv6:"):
        return IPv6Address(domain[6:-1])
    if match := _IPV4.fullmatch(domain):
        return IPv4Address(match[1])
    return None


def split(path: str) -> tuple[str, str]:
    """The local-part and the domain of a canonical *path*; what it has not is empty."""
    last = path[-1:]
    at = path.rfind("@[") if last == "]" else path.rfind("@")  # a literal's content may have '@', but no '['
    if at < 0 or last == '"':
        return path, ""
    return path[:at], path[at + 1 :]


def domain_of(path: str) -> str:
    """The domain of a canonical path; empty for the null reverse-path and for an address without one."""
    _, at, domain = path.rpartition("@")
    if not at or domain[-1:] in _CLOSING:  # as it seldom is
        return split(path)[1]
    return domain


def local_part_of(path: str) -> str:
    """What stands before the domain; the whole of an address without one."""
    return split(path)[0]


def is_literal(domain: str) -> bool:
    """Whether *domain* is an address literal, ``[192.0.2.1]`` (RFC 5321 section 4.1.3)."""
    return domain[:1] == "["


def unquoted(local_part: str) -> str:
    """What a *local_part* means: itself, or the text in its quotes without the escapes."""
    return _QUOTED_PAIR.sub(r"\1", local_part[1:-1]) if local_part.startswith('"') else local_part


def quoted_if_needed(text: str) -> str:
    """The canonical local-part that means *text* (RFC 5321 section 4.1.2: without quotes where that is possible)."""
    if _INTERNATIONAL_DOT_STRING.fullmatch(text):
        return text
    escaped = _SPECIAL.sub(r"\\\1", text)
    return f'"{escaped}"'
