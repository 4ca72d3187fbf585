"""Tells the mail plane where mail belongs whose binding's address another node has: floating addresses and members,
put together.

What is told holds for HEARSAY_SECONDS: a life of the cluster plane that ends has nothing to take back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from momentum_trio.cluster.channel import NodePlace
from momentum_trio.cluster.duravip import FloatingAddresses
from momentum_trio.cluster.membership import Membership
from momentum_trio.config.binding import Binding
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.host_port import HostPort
from momentum_trio.net.netblock import parse_address
from momentum_trio.node.link import HEARSAY_SECONDS

LOOK_SECONDS = 1.0
"""How often it is looked who has what, and told."""
SETTLED_SECONDS = 3.0
"""How long another node must have had an address before mail follows it there."""

assert LOOK_SECONDS * 3 < HEARSAY_SECONDS

Tell = Callable[[Mapping[Binding, NodePlace]], None]
"""Takes where mail belongs; may lose it, for it is told again."""


class Elsewhere:
    """Of one life of the cluster plane."""

    def __init__(self, machine: Machine, floating: FloatingAddresses, membership: Membership, tell: Tell) -> None:
        self._machine, self._floating, self._membership, self._tell = machine, floating, membership, tell
        self._since: dict[tuple[Binding, NodePlace], float] = {}
        self._unreachable: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Tell it, until cancelled. Where nothing is elsewhere that is said once."""
        told: Mapping[Binding, NodePlace] = {}
        while True:
            places = self.settled(trio.current_time())
            if places or told:
                self._tell(places)
            told = places
            await trio.sleep(LOOK_SECONDS)

    def settled(self, now: float) -> Mapping[Binding, NodePlace]:
        """Where mail of which binding belongs, as it has been for a while."""
        found = self._found()
        self._since = {each: self._since.get(each, now) for each in found.items()}
        return {binding: to for (binding, to), since in self._since.items() if now >= since + SETTLED_SECONDS}

    def _found(self) -> dict[Binding, NodePlace]:
        """Where it belongs now."""
        elsewhere = self._floating.elsewhere()
        owners = set(elsewhere.values())
        places = {member: self._place(member) for member in owners}
        unreachable = frozenset(member for member, place in places.items() if place is None)
        for member in sorted(unreachable - self._unreachable):
            self._say(f"{member} says of no ECCluster_Listener: mail of bindings whose address it has stays here")
        self._unreachable = unreachable
        return {binding: place for binding, member in elsewhere.items() if (place := places[member]) is not None}

    def _place(self, member: str) -> NodePlace | None:
        """Where the ECCluster_Listener of *member* is; None where it has none, or has not said so yet."""
        said = self._membership.of_member(member)
        if said is None or not said.port:
            return None
        try:
            address = str(parse_address(said.address))
        except ValueError:  # what another node says of itself
            return None
        return NodePlace(said.nodename, HostPort(address, said.port), said.subcluster)

    def _say(self, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), Level.WARNING, text))
