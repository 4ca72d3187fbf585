"""Lists of client addresses and blocks, as Relay_Hosts has them (spec/listeners.md section 2.4)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from momentum_trio.config.kind import STRINGS
from momentum_trio.config.option import Kind
from momentum_trio.config.value import Value

EXPECTED = "a list of addresses or blocks such as 192.0.2.0/24"


class AddressBlocks:
    """A set of addresses. Asking costs one look-up for each prefix length that occurs, not for each block."""

    __slots__ = ("_blocks", "items")

    def __init__(self, items: tuple[str, ...] = ()) -> None:
        """items: addresses, a block of one each, or CIDR blocks. Raises ValueError on others."""
        self.items = items
        blocks: dict[tuple[int, int], set[int]] = {}
        for item in items:
            network = _block(item)
            host_bits = network.max_prefixlen - network.prefixlen
            blocks.setdefault((network.version, host_bits), set()).add(int(network.network_address) >> host_bits)
        self._blocks = tuple((version, host_bits, frozenset(heads)) for (version, host_bits), heads in blocks.items())

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        number, version = int(address), address.version
        return any(version == known and number >> host_bits in heads for known, host_bits, heads in self._blocks)

    def __bool__(self) -> bool:
        return bool(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddressBlocks) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        return f"AddressBlocks({self.items!r})"


def _block(text: str) -> IPv4Network | IPv6Network:
    """One address or block; brackets tolerated; an IPv4-mapped one is the IPv4 one, as peers' addresses are unmapped."""
    network = ip_network(text.replace("[", "").replace("]", ""), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((int(mapped), network.prefixlen - 96))
    return network


def _parse(value: Value) -> AddressBlocks:
    try:
        return AddressBlocks(STRINGS.parse(value))
    except ValueError as error:
        raise ValueError(f"expected {EXPECTED}: {error}") from None


ADDRESS_BLOCKS: Kind[AddressBlocks] = Kind("address-list", _parse, lambda blocks: STRINGS.show(blocks.items))
NO_HOSTS = AddressBlocks()
