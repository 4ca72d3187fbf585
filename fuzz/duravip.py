"""Whatever nodes are told of floating addresses, it means the same when told on, and no register gives one to two.

The first octets are how long each publication is; who says it alternates.
"""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from momentum_trio.protocol.cluster.duravip_message import Announced, Key, Message, Released, decode, encode
from momentum_trio.protocol.cluster.duravip_register import Register
from momentum_trio.protocol.cluster.strategies import hostile, ownership

MEMBERS = ("#ec1-1#a", "#ec1-2#b")
LENGTH_OCTETS = 2


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: what nodes say, and what looks like it."""
    said = ownership.map(encode) | hostile | hostile.map(lambda octets: b"\x01" + octets)
    return st.lists(said.map(lambda octets: len(octets).to_bytes(LENGTH_OCTETS, "big") + octets), max_size=8).map(
        b"".join
    )


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    registers: dict[Key, Register] = {}
    for number, message in enumerate(_messages(octets)):
        sender = MEMBERS[number % len(MEMBERS)]
        register = registers.setdefault(message.view, Register(message.view, MEMBERS))
        before = dict(register.holders)
        register.hear(sender, message)
        _check(register, before, sender, message)


def _messages(octets: bytes) -> Iterator[Message]:
    while octets:
        end = LENGTH_OCTETS + int.from_bytes(octets[:LENGTH_OCTETS], "big")
        try:
            message = decode(octets[LENGTH_OCTETS:end])
        except ValueError:
            pass
        else:
            assert decode(encode(message)) == message
            yield message
        octets = octets[end:]


def _check(register: Register, before: dict[str, frozenset[str]], sender: str, message: Message) -> None:
    """Who owns an address could have it. Who holds it now and did not: says so itself, or nobody held it any more."""
    for address, owner in register.owners.items():
        assert owner in register.standings[address].candidates
    for address, holders in register.holders.items():
        left = before.get(address, frozenset()) - ({sender} if isinstance(message, Released) else set())
        given = holders - left - ({sender} if isinstance(message, Announced) else set())
        assert not given or (given == {register.owners[address]} and not left)
