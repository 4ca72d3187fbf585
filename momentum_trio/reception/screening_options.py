"""What the built-in rows of policy ask of a client: what he calls himself, and whether a DNS list has his address."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from momentum_trio.config.host_kind import ADDRESS_LIST, NO_HOSTS
from momentum_trio.config.kind import BOOLEAN, integer_between, one_of, show_list, words_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import INBOUND_SMTP_AND_GLOBAL
from momentum_trio.config.value import Value
from momentum_trio.mail.path import DOMAIN_NAME

ZONES_MAX = 20
ZONE_CHARACTERS_MAX = 180  # so that 64 characters of an IPv6 address fit in front (RFC 1035 section 2.3.4)
ANY_LISTING = IPv4Network("127.0.0.0/8")
NO_LISTING = IPv4Network("127.255.255.0/24")
"""What lists answer to whom they do not serve: it says nothing of the address."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A DNS list. answers: those that mean «listed» here; others do not."""

    name: str
    answers: tuple[IPv4Network, ...] = (ANY_LISTING,)

    def means_listed(self, answer: IPv4Address) -> bool:
        """Whether *answer* to a question about an address says that it is listed."""
        return answer not in NO_LISTING and any(answer in block for block in self.answers)

    def __str__(self) -> str:
        said = ",".join(str(block) for block in self.answers)
        return self.name if self.answers == (ANY_LISTING,) else f"{self.name}={said.replace('/32', '')}"

    @classmethod
    def parse(cls, text: str) -> Zone:
        """``zone`` or ``zone=127.0.0.2,127.0.0.10/31``. Raises ValueError."""
        name, equals, said = text.partition("=")
        if not DOMAIN_NAME.fullmatch(name) or "." not in name or len(name) > ZONE_CHARACTERS_MAX:
            raise ValueError(f"'{name[:40]}' is not the name of a list")
        if not equals:
            return cls(name.lower())
        blocks = tuple(IPv4Network(each) for each in said.split(","))
        if any(not block.subnet_of(ANY_LISTING) for block in blocks):
            raise ValueError(f"'{said[:40]}': lists answer with addresses of {ANY_LISTING}")
        return cls(name.lower(), blocks)


def _zones(value: Value) -> tuple[Zone, ...]:
    expected = "a list of zones, each zone or zone=127.0.0.2,127.0.0.4/30"
    words = words_of(value, expected)
    if len(words) > ZONES_MAX:
        raise ValueError(f"expected at most {ZONES_MAX} zones")
    try:
        return tuple(Zone.parse(word) for word in words)
    except ValueError as wrong:
        raise ValueError(f"expected {expected}; {wrong}") from None


def _show_zones(zones: tuple[Zone, ...]) -> str:
    return show_list(str(zone) for zone in zones)


ZONES: Kind[tuple[Zone, ...]] = Kind("string-list", _zones, _show_zones)


class ScreeningOptions(Options):
    """All ours: the original leaves these checks to its policy scripts."""

    hello_qualified = Option(
        "HELO_Qualified",
        BOOLEAN,
        False,
        INBOUND_SMTP_AND_GLOBAL,
        "Refuse EHLO and HELO with a name of one label; address literals are taken.",
        ours=True,
    )
    hello_literal = Option(
        "HELO_Literal_Matches",
        BOOLEAN,
        False,
        INBOUND_SMTP_AND_GLOBAL,
        "Refuse EHLO and HELO with an address literal that is not the client's address.",
        ours=True,
    )
    hello_not_ours = Option(
        "HELO_Not_Ours",
        BOOLEAN,
        False,
        INBOUND_SMTP_AND_GLOBAL,
        "Refuse clients that call themselves by this host's own name.",
        ours=True,
    )
    zones = Option(
        "DNSBL_Zones",
        ZONES,
        (),
        INBOUND_SMTP_AND_GLOBAL,
        "DNS lists (RFC 5782) of addresses whose MAIL is refused: zone, or zone=ANSWERS to heed these alone.",
        ours=True,
    )
    exempt = Option(
        "DNSBL_Exempt",
        ADDRESS_LIST,
        NO_HOSTS,
        INBOUND_SMTP_AND_GLOBAL,
        "Clients that no list is asked about; nor is one about those that may relay.",
        ours=True,
    )
    timeout = Option(
        "DNSBL_Timeout",
        integer_between(1, 60, "time-seconds", "seconds"),
        5,
        INBOUND_SMTP_AND_GLOBAL,
        "Seconds for the answers of all lists together.",
        ours=True,
    )
    on_failure = Option(
        "DNSBL_On_Failure",
        one_of("accept", "defer"),
        "accept",
        INBOUND_SMTP_AND_GLOBAL,
        "What becomes of MAIL when a list does not answer and no other has the address.",
        ours=True,
    )
