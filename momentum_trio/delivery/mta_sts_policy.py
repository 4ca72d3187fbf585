"""MTA-STS as text: the record in DNS and the policy behind https (RFC 8461 sections 3.1, 3.2, 4.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from momentum_trio.net import certificate_name

POLICY_OCTETS_MAX = 65_536
LINES_MAX = 1000
PATTERNS_MAX = 200
AGE_MAX = 31_557_600  # section 3.2: a year

ENFORCE, TESTING, NONE = "enforce", "testing", "none"
_RECORD = re.compile(r"v=STSv1[ \t]*;(.*)", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain asks. mode: ``enforce``, ``testing`` or ``none``. mx: patterns. max_age: seconds it holds."""

    mode: str
    mx: tuple[str, ...]
    max_age: int

    def permits(self, host: str) -> bool:
        """Whether mail may go to *host*."""
        return any(certificate_name.matches(pattern, host) for pattern in self.mx)


def policy_id(records: Iterable[str]) -> str | None:
    """The id that the TXT records of ``_mta-sts.DOMAIN`` say; None unless just one is such a record."""
    found = [match[1] for record in records if (match := _RECORD.fullmatch(record))]
    if len(found) != 1:
        return None
    for field in found[0].split(";"):
        name, _, value = field.strip(" \t").partition("=")
        if name == "id":
            return value if _ID.fullmatch(value) else None
    return None


def policy(octets: bytes) -> Policy:
    """The policy that *octets* write. Raises ValueError for what is none."""
    if len(octets) > POLICY_OCTETS_MAX:
        raise ValueError("too long")
    lines = octets.decode("utf-8").replace("\r\n", "\n").split("\n")
    if len(lines) > LINES_MAX:
        raise ValueError("too many lines")
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not colon and line.strip(" \t"):
            raise ValueError("a line that is no field")
        if name == "mx":
            patterns.append(_pattern(value))
        elif name:
            fields.setdefault(name, value)
    return _policy(fields, tuple(patterns[:PATTERNS_MAX]))


def _policy(fields: dict[str, str], patterns: tuple[str, ...]) -> Policy:
    if fields.get("version") != "STSv1":
        raise ValueError("not of version STSv1")
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if mode not in (ENFORCE, TESTING, NONE):
        raise ValueError("no mode")
    if not age.isascii() or not age.isdigit() or len(age) > 10:
        raise ValueError("no max_age")
    if not patterns and mode != NONE:
        raise ValueError("no mx")
    return Policy(mode, patterns, min(int(age), AGE_MAX))


def _pattern(text: str) -> str:
    text = text.lower()
    if not _PATTERN.fullmatch(text) or len(text) > 255:
        raise ValueError("an mx that is no name")
    return text
