"""Who has which floating address in one view, out of what its members say in the agreed order.

Every member that was told the same has the same register. An address changes hands in two steps: it gets another
*owner*, and it is the owner's to bring up when nobody *holds* it any more: who held it has taken it down and said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from momentum_trio.net.group import node_of
from momentum_trio.protocol.cluster.duravip_election import Race, elected
from momentum_trio.protocol.cluster.duravip_message import (
    ADDRESSES_MAX,
    Announced,
    Claim,
    Elect,
    Key,
    Message,
    Move,
    Released,
)


class Safety(Enum):
    """What nodes make of one address together, in the words of ``cluster duravip show``.

    UNSAFE: it has other services on other nodes; it is given out all the same. BROKEN: its bindings have other names
    on other nodes: mail would leave from the wrong address, so nobody has it.
    """

    SAFE = "safe"
    UNSAFE = "UNSAFE"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Standing:
    """One address. claims: what each member says of it, in the members' order. in_conflict: members prefer different
    nodes, so none is preferred.
    """

    claims: Mapping[str, Claim]
    safety: Safety
    in_conflict: bool
    preferred: str | None
    follows: str

    @property
    def candidates(self) -> tuple[str, ...]:
        """Who could have it."""
        return tuple(self.claims) if self.safety is not Safety.BROKEN else ()


class Register:
    """One view's. members: in their order. announced: who has said all of what it could have. owners: who each address
    is meant for; holders: who may have it up. changes: how much was heard.

    Until it is open nobody gets what it did not have: somebody unheard may have it up.
    """

    def __init__(self, view: Key, members: Sequence[str]) -> None:
        self.view, self.members = view, tuple(members)
        self.announced: dict[str, dict[str, Claim]] = {}
        self.owners: dict[str, str] = {}
        self.holders: dict[str, frozenset[str]] = {}
        self.standings: dict[str, Standing] = {}
        self.changes = 0
        self._has_elected = False
        self._fixed: frozenset[str] = frozenset()
        self._parts: dict[str, tuple[dict[str, Claim], set[str]]] = {}

    @property
    def leader(self) -> str | None:
        """Who asks for elections: the first member that has announced itself."""
        return next((member for member in self.members if member in self.announced), None)

    @property
    def is_complete(self) -> bool:
        """Whether every node has announced itself, be it by one of several members."""
        return {node_of(member) for member in self.members} == {node_of(member) for member in self.announced}

    @property
    def is_open(self) -> bool:
        """Whether addresses may get other owners: nobody unheard has any, or is waited for any more."""
        return self._has_elected or self.is_complete

    def hear(self, sender: str, message: Message) -> None:
        """*sender*, a member, says *message* in this view."""
        if message.view != self.view or sender not in self.members:
            return
        match message:
            case Announced():
                self._announced(sender, message)
            case _ if sender not in self.announced:
                return
            case Released():
                self._released(sender, message)
            case Elect():
                self._has_elected = True
                self.owners.update(self.election(is_mature=message.is_mature, moves=message.moves))
            case Move() if self.is_open:
                self._moved(message)
        self._settle()
        self.changes += 1

    def election(self, *, is_mature: bool, moves: int = 0) -> dict[str, str]:
        """What an election would change now. An address on its way to its owner stays where it is."""
        free = {address: standing for address, standing in self.standings.items() if not standing.follows}
        race = Race(
            {address: standing.candidates for address, standing in free.items() if standing.candidates},
            self.owners,
            {address: standing.preferred for address, standing in free.items() if standing.preferred is not None},
            self._fixed | {address for address in self.owners if not self._is_settled(address)},
        )
        changes = elected(race, is_mature=is_mature, moves=moves)
        owners = {**self.owners, **changes}
        for address, standing in self.standings.items():
            owner = self._leads(standing, owners) if standing.follows else None
            if owner is not None and owner != self.owners.get(address):
                changes[address] = owner
        return changes

    def granted(self, member: str) -> Iterator[str]:
        """The addresses that are *member*'s to have up."""
        for address, owner in self.owners.items():
            if owner == member and member in self.holders.get(address, ()):
                yield address

    def _is_settled(self, address: str) -> bool:
        return self.holders.get(address) == frozenset((self.owners.get(address),))

    # what members say

    def _announced(self, sender: str, part: Announced) -> None:
        claims, holds = ({}, set()) if part.first else self._parts.get(sender, ({}, set()))
        self._parts[sender] = (claims, holds)
        claims.update((claim.address, claim) for claim in part.claims)
        holds.update(part.holds)
        if len(claims) > ADDRESSES_MAX or len(holds) > ADDRESSES_MAX:
            del self._parts[sender]
        elif part.last:
            del self._parts[sender]
            self._whole(sender, claims, holds)

    def _whole(self, sender: str, claims: dict[str, Claim], holds: set[str]) -> None:
        """What it has up counts once: later on it is what the register says."""
        is_first = sender not in self.announced
        touched = {*self.announced.get(sender, ()), *claims}
        self.announced[sender] = claims
        for address in touched:
            self._judge(address)
        for address in sorted(holds) if is_first else ():
            self.holders[address] = self.holders.get(address, frozenset()) | {sender}
            standing = self.standings.get(address)
            if standing is not None and (address not in self.owners or standing.preferred == sender):
                self.owners[address] = sender

    def _judge(self, address: str) -> None:
        """What there is to say of *address*, by all who have announced themselves."""
        claims = {
            member: self.announced[member][address]
            for member in self.members
            if address in self.announced.get(member, ())
        }
        if not claims:
            self.standings.pop(address, None)
            return
        bindings = {claim.bindings for claim in claims.values() if claim.bindings}
        services = {(claim.services, claim.follows) for claim in claims.values()}
        wanted = {claim.preference for claim in claims.values() if claim.preference}
        node = next(iter(wanted)) if len(wanted) == 1 else ""
        safety = Safety.BROKEN if len(bindings) > 1 else Safety.UNSAFE if len(services) > 1 else Safety.SAFE
        self.standings[address] = Standing(
            claims,
            safety,
            len(wanted) > 1,
            next((member for member in claims if node_of(member) == node), None),
            next(iter(claims.values())).follows,
        )

    def _released(self, sender: str, message: Released) -> None:
        """Who gives up what it owns could not have it: somebody is elected again."""
        for address in message.addresses:
            self.holders[address] = self.holders.get(address, frozenset()) - {sender}
            if self.owners.get(address) == sender:
                del self.owners[address]
                self._fixed -= {address}

    def _moved(self, message: Move) -> None:
        of_source = (address for address, owner in self.owners.items() if node_of(owner) == message.source)
        for address in message.addresses or tuple(of_source):
            if (target := self.target(address, message.to)) is not None:
                self.owners[address] = target
                self._fixed |= {address}

    def target(self, address: str, node: str) -> str | None:
        """Who would have *address* if it were moved to *node*; None when it cannot be."""
        standing = self.standings.get(address)
        if standing is None or standing.follows:
            return None
        return next((member for member in standing.candidates if node_of(member) == node), None)

    # what follows from it

    def _settle(self) -> None:
        """Nobody owns what it cannot have; followers are with whom they follow; what nobody holds is its owner's."""
        able = {
            address: owner
            for address, owner in self.owners.items()
            if address in self.standings and owner in self.standings[address].candidates
        }
        followers = [address for address, standing in self.standings.items() if standing.follows]
        for address in followers if self.is_open else ():
            able.pop(address, None)
            if (leading := self._leads(self.standings[address], able)) is not None:
                able[address] = leading
        self.owners = able
        for address, owner in able.items():
            if not self.holders.get(address):
                self.holders[address] = frozenset((owner,))

    def _leads(self, follower: Standing, owners: Mapping[str, str]) -> str | None:
        """Who has what *follower* follows, if it could have both."""
        leader = self.standings.get(follower.follows)
        owner = owners.get(follower.follows) if leader is not None and not leader.follows else None
        return owner if owner in follower.candidates else None
