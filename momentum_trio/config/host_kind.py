"""The kinds of value that name hosts: address lists, and the next hop of mail."""

from __future__ import annotations

from momentum_trio.config.kind import STRINGS, quoted, word_of
from momentum_trio.config.option import Kind
from momentum_trio.config.value import Value
from momentum_trio.net.address_list import AddressList
from momentum_trio.net.next_hop import NextHop

NO_HOSTS = AddressList()

ADDRESS_LIST: Kind[AddressList] = Kind(
    "address-list",
    lambda value: AddressList(*STRINGS.parse(value)),
    lambda addresses: STRINGS.show(addresses.items),
)


def _next_hop(value: Value) -> NextHop | None:
    text = word_of(value, "a host, an address or [IPv6]")
    return NextHop.parse(text) if text else None


NEXT_HOP: Kind[NextHop | None] = Kind("string", _next_hop, lambda hop: quoted("" if hop is None else str(hop)))
