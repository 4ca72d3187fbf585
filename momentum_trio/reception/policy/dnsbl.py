"""Whether a DNS list has the client's address (RFC 5782), asked at the first MAIL of an address (DNSBL_* options).

At MAIL and not at the greeting: by then a client of ours has proved who he is, and the records have a sender. All lists
are asked at once; one that has the address decides. Answers are remembered by the resolver as long as DNS says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import trio

from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import Continue, Defer, Reject, Verdict
from momentum_trio.reception.screening_options import ScreeningOptions, Zone

CONTINUE = Continue()
UNKNOWN = Defer("the lists of senders cannot be asked now, please try later", enhanced="4.7.1")

Lookup = Callable[[str], Awaitable[Sequence[IPv4Address] | None]]
"""The A records of a name; none: there are no such; None: nobody could say. It raises nothing."""


def question(address: IPv4Address | IPv6Address, zone: str) -> str:
    """The name to ask *zone* for about *address* (RFC 5782 sections 2.1 and 2.4)."""
    parts = str(address).split(".") if address.version == 4 else list(address.exploded.replace(":", ""))
    return ".".join((*reversed(parts), zone))


@dataclass(frozen=True, slots=True)
class ListCheck:
    """The row; there is one where DNSBL_Zones names a list."""

    options: ScreeningOptions
    lookup: Lookup
    name: str = "dnsbl"
    phases: frozenset[PolicyPhase] = frozenset((PolicyPhase.MAILFROM,))

    @classmethod
    def wanted(cls, options: ScreeningOptions, lookup: Lookup | None) -> tuple[ListCheck, ...]:
        """The row, or none."""
        return (cls(options, lookup),) if options.zones and lookup is not None else ()

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it, within DNSBL_Timeout."""
        session = asked.session
        if session.may_relay or session.is_unix or session.peer_address in self.options.exempt:
            return CONTINUE
        said: dict[Zone, bool | None] = {}
        with trio.move_on_after(self.options.timeout) as asking:
            async with trio.open_nursery() as questions:
                for zone in self.options.zones:
                    questions.start_soon(self._ask, zone, session.peer_address, said, asking)
        for zone in self.options.zones:
            if said.get(zone):
                return Reject(f"{session.peer_address} is listed by {zone.name}", message={"dnsbl": zone.name})
        if self.options.on_failure == "defer" and any(said.get(zone) is None for zone in self.options.zones):
            return UNKNOWN
        return CONTINUE

    async def _ask(
        self,
        zone: Zone,
        address: IPv4Address | IPv6Address,
        said: dict[Zone, bool | None],
        asking: trio.CancelScope,
    ) -> None:
        answers = await self.lookup(question(address, zone.name))
        said[zone] = None if answers is None else any(map(zone.means_listed, answers))
        if said[zone]:
            asking.cancel()  # nobody else is waited for

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it."""
        raise AssertionError(problem)
