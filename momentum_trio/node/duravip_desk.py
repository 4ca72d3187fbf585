"""What the console is told and asks of floating addresses: ``console.floating.Floating``, of one life of the plane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import trio

from momentum_trio.cluster.duravip import FloatingAddresses
from momentum_trio.console.floating import CandidateRow, FloatingRow, FloatingView
from momentum_trio.machine.contract import Neighbour
from momentum_trio.net.group import node_of
from momentum_trio.protocol.cluster.duravip_register import Register

NO_VIEW = FloatingView("", 0.0, False, ())


class DuravipDesk:
    """One life's."""

    def __init__(self, floating: FloatingAddresses) -> None:
        self._floating = floating

    def state(self) -> FloatingView:
        """As ``console.floating.Floating`` has it."""
        core = self._floating.core
        if (register := core.register) is None:
            return NO_VIEW
        now, key = trio.current_time(), register.view
        in_order = sorted(register.standings, key=lambda text: (ip_address(text).version, int(ip_address(text))))
        return FloatingView(
            f"{key.epoch}:{key.proposer}:{key.number}",
            now - core.view_since,
            register.is_complete,
            tuple(_row(register, address, now - core.configured_since(address)) for address in in_order),
        )

    def announce(self) -> None:
        """As ``console.floating.Floating`` has it."""
        self._floating.announce()

    def debug(self, *, on: bool) -> None:
        """As ``console.floating.Floating`` has it."""
        self._floating.debugs = on

    def move(self, address: str, source: str, to: str) -> Sequence[str]:
        """As ``console.floating.Floating`` has it."""
        return self._floating.move((address,) if address else (), source, to)

    async def neighbours(self) -> Sequence[Neighbour]:
        """As ``console.floating.Floating`` has it."""
        return await self._floating.neighbours()


def _row(register: Register, address: str, stable_seconds: float) -> FloatingRow:
    standing = register.standings[address]
    claims = standing.claims.values()
    return FloatingRow(
        address,
        _all(claim.bindings for claim in claims),
        _all(claim.services for claim in claims),
        standing.safety.value,
        standing.in_conflict,
        standing.follows,
        stable_seconds,
        tuple(
            CandidateRow(
                node_of(member),
                member,
                claim.services,
                claim.bindings,
                claim.preference,
                register.owners.get(address) == member,
                member in register.holders.get(address, ()),
            )
            for member, claim in standing.claims.items()
        ),
    )


def _all(words: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(sorted({word for some in words for word in some}))
