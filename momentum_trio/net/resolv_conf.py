"""The words of resolv.conf(5) that a resolver here goes by."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

NAMESERVERS_MAX = 3  # MAXNS in resolv.h
FILE_OCTETS_MAX = 65_536
TIMEOUT_SECONDS, TIMEOUT_SECONDS_MAX = 5, 30  # RES_TIMEOUT, RES_MAXRETRANS
ATTEMPTS, ATTEMPTS_MAX = 2, 5  # RES_DFLRETRY, RES_MAXRETRY
_ALIASES = {"retrans": "timeout", "retry": "attempts"}


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """nameservers: addresses, an IPv6 one perhaps with its zone. timeout: seconds for one question to one of them."""

    nameservers: tuple[str, ...] = ()
    timeout: int = TIMEOUT_SECONDS
    attempts: int = ATTEMPTS

    @classmethod
    def parse(cls, text: str) -> ResolvConf:
        """What *text* says; what is not understood there is overlooked. A keyword begins its line."""
        found: list[str] = []
        numbers = {"timeout": TIMEOUT_SECONDS, "attempts": ATTEMPTS}
        for line in text.splitlines():
            keyword, _, rest = line.replace("\t", " ").partition(" ")
            words = rest.partition("#")[0].partition(";")[0].split()
            if keyword == "nameserver" and words:
                found += _address(words[0])
            elif keyword == "options":
                numbers |= dict(filter(None, map(_option, words)))
        timeout = min(max(numbers["timeout"], 1), TIMEOUT_SECONDS_MAX)
        return cls(tuple(found[:NAMESERVERS_MAX]), timeout, min(max(numbers["attempts"], 1), ATTEMPTS_MAX))


def _address(text: str) -> list[str]:
    try:
        return [str(ip_address(text))]
    except ValueError:
        return []


def _option(word: str) -> tuple[str, int] | None:
    name, _, number = word.partition(":")
    name = _ALIASES.get(name, name)
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return (name, int(number)) if name in ("timeout", "attempts") and is_number else None
