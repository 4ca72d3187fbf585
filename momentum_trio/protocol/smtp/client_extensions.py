"""What a server offers in reply to EHLO, as far as this client uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIZE_DIGITS_MAX: Final = 20  # RFC 1870 section 3


@dataclass(frozen=True, slots=True)
class Extensions:
    """The offers of one EHLO reply (RFC 5321 section 4.1.1.1).

    size_max: largest content the server takes; 0: it does not say (RFC 1870 section 3).
    """

    pipelining: bool = False
    eight_bit: bool = False
    size: bool = False
    size_max: int = 0

    @classmethod
    def of(cls, lines: tuple[str, ...]) -> Extensions:
        """From the lines after the first. A keyword that stands twice counts as it stands first."""
        offered: dict[str, str] = {}
        for line in lines:
            keyword, _, parameters = line.partition(" ")
            offered.setdefault(keyword.upper(), parameters.strip())
        limit = offered.get("SIZE", "")
        known = limit.isascii() and limit.isdigit() and len(limit) <= SIZE_DIGITS_MAX
        return cls(
            pipelining="PIPELINING" in offered,
            eight_bit="8BITMIME" in offered,
            size="SIZE" in offered,
            size_max=int(limit) if known else 0,
        )
