"""Blocks of addresses and the most specific match among them (spec: config-language, sections 6 and 10).

A table is a dict per prefix length and per family: an IPv6 block never answers for an IPv4 address. IPv4-mapped IPv6
addresses are unmapped before anything is asked, so ``::ffff:10.0.0.1`` is 10.0.0.1 everywhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LOOPBACK = ipaddress.IPv4Address("127.0.0.1")  # what a Unix peer counts as

NETBLOCK_TEXT_MAX = 128
_BITS = {4: 32, 6: 128}


def unmapped(address: Address) -> Address:
    """*address*, an IPv4-mapped IPv6 address as the IPv4 address it is."""
    if isinstance(address, ipaddress.IPv6Address) and (mapped := address.ipv4_mapped) is not None:
        return mapped
    return address


def parse_address(text: str) -> Address:
    """The address that *text* names, brackets tolerated, unmapped. Raises ValueError."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not bare or len(bare) > NETBLOCK_TEXT_MAX:
        raise ValueError("expected an IPv4 or IPv6 address")
    try:
        return unmapped(ipaddress.ip_address(bare))
    except ValueError:
        raise ValueError(f"'{bare}' is not an IPv4 or IPv6 address") from None


@dataclass(frozen=True, slots=True)
class Netblock:
    """A block of addresses. version: 4 or 6. network: its first address as a number, host bits already cleared."""

    version: int
    network: int
    prefix: int

    @classmethod
    def parse(cls, text: str) -> Netblock:
        """``10.0.0.0/8``, ``10.0.0.1``, ``fd82::/32``, ``[fd82::1]``, ``[fd82::]/32``. Raises ValueError.

        Host bits are cleared: ``10.0.0.1/8`` is 10.0.0.0/8. An address without a mask is a host.
        """
        host, slash, mask = text.partition("/")
        if slash and host.startswith("[") and mask.endswith("]"):  # [fd82::/32]
            host, mask = host[1:], mask[:-1]
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not bare or len(text) > NETBLOCK_TEXT_MAX or "%" in bare:
            raise ValueError("expected an address or a block such as 10.0.0.0/8")
        try:
            address = ipaddress.ip_address(bare)
        except ValueError:
            raise ValueError(f"'{bare}' is not an IPv4 or IPv6 address") from None
        bits = address.max_prefixlen
        prefix = _prefix(mask, bits) if slash else bits
        number = int(address)
        if address.version == 6 and number >> 32 == 0xFFFF and prefix >= 96:
            return cls._cleared(4, number & 0xFFFFFFFF, prefix - 96)
        return cls._cleared(address.version, number, prefix)

    @classmethod
    def of(cls, address: Address) -> Netblock:
        """The block that holds *address* alone."""
        address = unmapped(address)
        return cls(address.version, int(address), address.max_prefixlen)

    @classmethod
    def _cleared(cls, version: int, number: int, prefix: int) -> Netblock:
        host_bits = _BITS[version] - prefix
        return cls(version, number >> host_bits << host_bits, prefix)

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"

    @property
    def bits(self) -> int:
        """How many an address of its family has."""
        return _BITS[self.version]

    @property
    def address(self) -> Address:
        """Its first address."""
        return ipaddress.IPv4Address(self.network) if self.version == 4 else ipaddress.IPv6Address(self.network)

    def contains(self, address: Address) -> bool:
        """Whether *address*, unmapped, lies in the block."""
        address = unmapped(address)
        host_bits = _BITS[self.version] - self.prefix
        return address.version == self.version and int(address) >> host_bits == self.network >> host_bits

    def covers(self, other: Netblock) -> bool:
        """Whether every address of *other* lies in the block."""
        return self.prefix <= other.prefix and self.version == other.version and self.contains(other.address)


def _prefix(mask: str, bits: int) -> int:
    if not mask.isascii() or not mask.isdigit() or len(mask) > 3 or int(mask) > bits:
        raise ValueError(f"expected a prefix length from 0 to {bits}, not '{mask}'")
    return int(mask)


class NetblockTable(Generic[T]):
    """Values by netblock, found by address: the most specific one, or all that match. Not changed once built."""

    __slots__ = ("_families",)

    def __init__(self, entries: Iterable[tuple[Netblock, T]] = ()) -> None:
        """Of two entries with one block the later one holds."""
        families: dict[int, dict[int, dict[int, T]]] = {4: {}, 6: {}}
        for block, value in entries:
            families[block.version].setdefault(block.prefix, {})[block.network] = value
        # per family: (host bits, blocks by network), the longest prefix first
        self._families = {
            version: tuple((_BITS[version] - prefix, by_prefix[prefix]) for prefix in sorted(by_prefix, reverse=True))
            for version, by_prefix in families.items()
        }

    def most_specific(self, address: Address) -> T | None:
        """The value of the longest prefix that holds *address*; None when no block does."""
        return next(self.matches(address), None)

    def matches(self, address: Address) -> Iterator[T]:
        """The values of every block that holds *address*, the longest prefix first."""
        address = unmapped(address)
        number = int(address)
        for host_bits, blocks in self._families[address.version]:
            network = number >> host_bits << host_bits
            if network in blocks:
                yield blocks[network]
