"""What a server offers in reply to EHLO or LHLO, as far as this client uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIZE_DIGITS_MAX: Final = 20  # RFC 1870 section 3


@dataclass(frozen=True, slots=True)
class Extensions:
    """The offers of one reply (RFC 5321 section 4.1.1.1).

    size_max: largest content the server takes; 0: it does not say (RFC 1870 section 3). mechanisms: of AUTH, in upper
    case (RFC 4954 section 3). xclient: the attributes of XCLIENT it takes.
    """

    pipelining: bool = False
    eight_bit: bool = False
    size: bool = False
    size_max: int = 0
    chunking: bool = False
    binary: bool = False
    smtputf8: bool = False
    dsn: bool = False
    starttls: bool = False
    mechanisms: frozenset[str] = frozenset()
    xclient: frozenset[str] = frozenset()

    @classmethod
    def of(cls, lines: tuple[str, ...]) -> Extensions:
        """From the lines after the first. A keyword that stands twice counts as it stands first."""
        offered: dict[str, str] = {}
        for line in lines:
            keyword, _, parameters = line.partition(" ")
            offered.setdefault(keyword.upper(), parameters.strip())
        limit = offered.get("SIZE", "")
        known = limit.isascii() and limit.isdigit() and len(limit) <= SIZE_DIGITS_MAX
        chunking = "CHUNKING" in offered
        return cls(
            pipelining="PIPELINING" in offered,
            eight_bit="8BITMIME" in offered,
            size="SIZE" in offered,
            size_max=int(limit) if known else 0,
            chunking=chunking,
            binary=chunking and "BINARYMIME" in offered,  # RFC 3030 section 3: the one needs the other
            smtputf8="SMTPUTF8" in offered,
            dsn="DSN" in offered,
            starttls="STARTTLS" in offered,
            mechanisms=frozenset(offered.get("AUTH", "").upper().split()),
            xclient=frozenset(offered.get("XCLIENT", "").upper().split()),
        )


NOTHING: Final = Extensions()
