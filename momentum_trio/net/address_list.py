"""Lists of addresses and blocks, as Relay_Hosts has them (spec/listeners.md section 2.4)."""

from __future__ import annotations

from momentum_trio.net.netblock import Address, Netblock, NetblockTable


class AddressList:
    """A set of addresses: single ones and CIDR blocks; of IPv4-mapped IPv6 addresses the IPv4 ones.

    Asking costs one look-up for each prefix length that occurs, not for each item.
    """

    __slots__ = ("_table", "items")

    def __init__(self, *items: str) -> None:
        """Raises ValueError for an item that is neither an address nor a block."""
        self.items = items
        self._table = NetblockTable((Netblock.parse(item), True) for item in items)

    def __contains__(self, address: Address) -> bool:
        return self._table.most_specific(address) is not None

    def __bool__(self) -> bool:
        return bool(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddressList) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        return f"AddressList{self.items!r}"
