"""Whether a DNS list has the client's address (RFC 5782), asked at MAIL (DNSBL_* options).

At MAIL and not at the greeting: by then a client of ours has proved who he is, and the records have a sender. All lists
are asked at once; one that has the address decides. Answers are remembered by the resolver as long as DNS says; a list
that has not answered is left alone for a while, so that not every session waits for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import trio

from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.row import DNSBL
from momentum_trio.reception.policy.verdict import Continue, Defer, Reject, Verdict
from momentum_trio.reception.screening_options import ScreeningOptions, Zone

CONTINUE = Continue()
SILENT_SECONDS = 60.0
SILENT_MAX = 1000  # lists remembered as such
UNKNOWN = Defer("the lists of senders cannot be asked now, please try later", enhanced="4.7.1")

Lookup = Callable[[str], Awaitable[Sequence[IPv4Address] | None]]
"""The A records of a name; none: there are no such; None: nobody could say. It raises nothing."""


def question(address: IPv4Address | IPv6Address, zone: str) -> str:
    """The name to ask *zone* for about *address* (RFC 5782 sections 2.1 and 2.4)."""
    parts = str(address).split(".") if address.version == 4 else list(address.exploded.replace(":", ""))
    return ".".join((*reversed(parts), zone))


class Lists:
    """The lists as one host asks them. lookup: in DNS."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._silent_until: OrderedDict[str, float] = OrderedDict()

    async def have(self, zone: Zone, address: IPv4Address | IPv6Address) -> bool | None:
        """Whether *zone* lists *address*; None: nobody can say, or it was silent lately."""
        if self._is_silent(zone):
            return None
        answers = await self._lookup(question(address, zone.name))
        return None if answers is None else any(map(zone.means_listed, answers))

    def silent(self, zone: Zone) -> None:
        """*zone* did not answer: it is left alone for SILENT_SECONDS, if it is not already."""
        if not self._is_silent(zone):
            self._silent_until[zone.name] = trio.current_time() + SILENT_SECONDS
            self._silent_until.move_to_end(zone.name)
            if len(self._silent_until) > SILENT_MAX:
                self._silent_until.popitem(last=False)

    def _is_silent(self, zone: Zone) -> bool:
        return self._silent_until.get(zone.name, float("-inf")) > trio.current_time()


@dataclass(frozen=True, slots=True)
class ListCheck:
    """The row; there is one where DNSBL_Zones names a list."""

    options: ScreeningOptions
    lists: Lists
    name: str = DNSBL
    phases: frozenset[PolicyPhase] = frozenset((PolicyPhase.MAILFROM,))

    @classmethod
    def wanted(cls, options: ScreeningOptions, lists: Lists | None) -> tuple[ListCheck, ...]:
        """The row, or none."""
        return (cls(options, lists),) if options.zones and lists is not None else ()

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it, within DNSBL_Timeout."""
        session, options = asked.session, self.options
        if session.may_relay or session.is_unix or session.peer_address in options.exempt:
            return CONTINUE
        said = await self._answers(session.peer_address)
        listed = next((zone for zone in options.zones if said.get(zone)), None)
        if listed is not None:
            return Reject(f"{session.peer_address} is listed by {listed.name}", message={"dnsbl": listed.name})
        silent = [zone for zone in options.zones if said.get(zone) is None]
        for zone in silent:
            self.lists.silent(zone)
        return UNKNOWN if silent and options.on_failure == "defer" else CONTINUE

    async def _answers(self, address: IPv4Address | IPv6Address) -> dict[Zone, bool | None]:
        """What the lists say, up to the first that has *address*."""
        said: dict[Zone, bool | None] = {}

        async def ask(zone: Zone) -> None:
            said[zone] = await self.lists.have(zone, address)
            if said[zone]:
                asking.cancel()

        with trio.move_on_after(self.options.timeout) as asking:
            async with trio.open_nursery() as questions:
                for zone in self.options.zones:
                    questions.start_soon(ask, zone)
        return said

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it."""
        raise AssertionError(problem)
