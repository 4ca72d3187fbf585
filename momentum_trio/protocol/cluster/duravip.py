"""One node's part in the election of floating addresses: what it hears in the agreed order, what it says, and which
addresses it should have up (spec: cluster, section 6; docs/protocols/duravip.md).

Values in, values out; times are the caller's, of a clock that never steps. In each view everybody announces what it
could have and what it has up; then the first of them asks for elections, whose outcome all work out alike.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from momentum_trio.net.group import GroupView, node_of
from momentum_trio.protocol.cluster.duravip_message import (
    ADDRESSES_MAX,
    Announced,
    Claim,
    Elect,
    Key,
    Message,
    Move,
    Released,
    announcements,
)
from momentum_trio.protocol.cluster.duravip_register import Register

PATIENCE_SECONDS = 30.0
"""How long, beyond a view's maturity, a member that has announced nothing is waited for."""
UNABLE_SECONDS = 60.0
"""How long a node stands back from an address that it could not bring up."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The times of elections, in seconds, and how many addresses one balancing moves (``DuravipOptions``)."""

    mature_seconds: float = 5.0
    balance_seconds: float = 10.0
    balance_moves: int = 1
    announce_seconds: float = 0.0
    primary_only: bool = False


class Duravip:
    """One node's. claims: what it could have, by address. held: what is up, or on its way up or down.

    Whoever brings addresses up calls ``take`` before and ``dropped`` after, and keeps to ``wanted``.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.claims: Mapping[str, Claim] = {}
        self.held: set[str] = set()
        self.register: Register | None = None
        self.view_since = 0.0
        self._member = ""
        self._outbox: deque[Message] = deque()
        self._releasing: set[str] = set()
        self._unable: dict[str, float] = {}
        self._members_before: frozenset[str] = frozenset()
        self._has_shrunk = self._is_asking = False
        self._looked_at = (-1, False)
        self._balance_at = self._announce_at = math.inf
        self._configured: dict[str, tuple[frozenset[Claim], float]] = {}

    # what happens

    def configure(self, terms: Terms, claims: Mapping[str, Claim], now: float) -> None:
        """These hold from now on."""
        self.terms, changed = terms, dict(self.claims) != dict(claims)
        self.claims = claims
        if changed:
            self._unable = {address: until for address, until in self._unable.items() if address in claims}
            self.announce(now)

    def view(self, view: GroupView, member: str, now: float) -> None:
        """Who is in the group from here on; *member* is us. In a transitional view the last one's register goes on."""
        if view.transitional:
            return
        members = frozenset(view.members)
        self._has_shrunk = bool(self._members_before) and members <= self._members_before
        self._members_before = members
        self._outbox.clear()
        self._releasing.clear()
        self._is_asking, self._looked_at = False, (-1, False)
        self._member, self.view_since = member, now
        self._balance_at = now + self.terms.mature_seconds
        is_barred = self.terms.primary_only and not view.primary
        self.register = None if is_barred else Register(Key.of(view), view.members)
        self.announce(now)

    def apart(self) -> None:
        """No view holds: nothing is ours."""
        self.register = None
        self._members_before = frozenset()
        self._outbox.clear()
        self._releasing.clear()

    def hear(self, sender: str, message: Message, now: float) -> None:
        """*sender*, perhaps we ourselves, says *message*."""
        register = self.register
        if register is None or message.view != register.view:
            return
        register.hear(sender, message)
        if isinstance(message, Announced):
            self._look_at_configuration(register, now)
        elif sender == self._member:
            if isinstance(message, Released):
                self._releasing.difference_update(message.addresses)
            elif isinstance(message, Elect):
                self._is_asking = False

    def take(self, address: str) -> None:
        """*address* is about to come up."""
        assert address in self.wanted
        self.held.add(address)

    def dropped(self, *addresses: str) -> None:
        """They are down."""
        self.held.difference_update(addresses)
        if self.register is not None:
            self._releasing.update(addresses)
            self._outbox.append(Released(self.register.view, tuple(sorted(addresses))))

    def failed(self, address: str, now: float) -> None:
        """It could not be brought up, and is down: somebody else should have it."""
        self._unable[address] = now + UNABLE_SECONDS
        self.announce(now)
        self.dropped(address)

    # what to do

    @property
    def wanted(self) -> frozenset[str]:
        """The addresses that should be up here. What we have stays until we have had our say in the view."""
        register = self.register
        if register is None:
            return frozenset()
        if self._member not in register.announced:
            return frozenset(self.held) - self._releasing
        return frozenset(register.granted(self._member)) - self._releasing

    @property
    def outbox(self) -> deque[Message]:
        """What is to be published, in order; whoever does takes it from the left."""
        return self._outbox

    def announce(self, now: float) -> None:
        """Say again what we could have."""
        self._announce_at = now + self.terms.announce_seconds if self.terms.announce_seconds else math.inf
        if self.register is not None:
            claims = {address: claim for address, claim in self.claims.items() if address not in self._unable}
            self._outbox.extend(announcements(self.register.view, claims, self.held))

    def move(self, addresses: Sequence[str], source: str, to: str) -> list[str]:
        """Ask for *addresses*, or all of node *source*, to be moved to node *to*; returns those that can be."""
        register = self.register
        if register is None or not register.is_open:
            return []
        assert len(addresses) <= ADDRESSES_MAX
        asked = addresses or [address for address, owner in register.owners.items() if node_of(owner) == source]
        will = [address for address in asked if register.target(address, to) is not None]
        if will:
            self._outbox.append(Move(register.view, tuple(addresses), source, to))
        return will

    def tick(self, now: float) -> None:
        """What is due by *now*."""
        if any(until <= now for until in self._unable.values()):
            self._unable = {address: until for address, until in self._unable.items() if until > now}
            self.announce(now)
        if self._announce_at <= now:
            self.announce(now)
        register = self.register
        if register is not None and register.leader == self._member and not self._is_asking:
            self._ask(register, now)

    def _ask(self, register: Register, now: float) -> None:
        """Ask for an election, where it would change anything."""
        is_mature = now >= self._mature_at
        if is_mature and now >= self._balance_at and self._is_ready(register, now):
            self._balance_at = now + self.terms.balance_seconds
            moves = self.terms.balance_moves
            if self._has_not_looked(register, is_mature=True) and register.election(is_mature=True, moves=moves):
                self._elect(Elect(register.view, is_mature=True, moves=moves))
        elif (
            (is_mature or self._has_shrunk)
            and self._is_ready(register, now)
            and self._has_not_looked(register, is_mature=False)
            and register.election(is_mature=False)
        ):
            self._elect(Elect(register.view, is_mature=False))

    def _elect(self, message: Elect) -> None:
        self._is_asking, self._looked_at = True, (-1, False)
        self._outbox.append(message)

    def _has_not_looked(self, register: Register, *, is_mature: bool) -> bool:
        """Whether anything has changed since an election was found to change nothing."""
        changes, was_mature = self._looked_at
        if changes == register.changes and was_mature >= is_mature:
            return False
        self._looked_at = (register.changes, is_mature)
        return True

    def _is_ready(self, register: Register, now: float) -> bool:
        return register.is_complete or now >= self._mature_at + PATIENCE_SECONDS

    @property
    def _mature_at(self) -> float:
        return self.view_since + self.terms.mature_seconds

    def due(self, now: float) -> float:
        """When ``tick`` is to be called next, if nothing happens before."""
        times = [self._announce_at, *self._unable.values()]
        register = self.register
        if register is not None and register.leader == self._member and not self._is_asking:
            has_news = self._looked_at != (register.changes, True)
            times += [self._mature_at] if now < self._mature_at else [self._balance_at] if has_news else []
            if not register.is_complete and now >= self._mature_at:
                times.append(self._mature_at + PATIENCE_SECONDS)
        return min((time for time in times if time > now), default=math.inf)

    # what it looks like

    def _look_at_configuration(self, register: Register, now: float) -> None:
        for address, standing in register.standings.items():
            claims = frozenset(standing.claims.values())
            if self._configured.get(address, (None,))[0] != claims:
                self._configured[address] = (claims, now)
        for address in [address for address in self._configured if address not in register.standings]:
            if register.is_complete:
                del self._configured[address]

    def configured_since(self, address: str) -> float:
        """Since when members have said of *address* what they say now."""
        return self._configured[address][1]
