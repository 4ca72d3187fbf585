"""Floating addresses on one node: announced and elected over the bus, brought up and taken down, served and left.

What should be up is the core's to say (``protocol.cluster.duravip``). Services begin when an address is up and before
that is announced, and end before it goes down. An address is up on a lease that the kernel ends: where this process is
killed or does not run, nobody has to take it down.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

import trio

from momentum_trio.cluster.part import Assembly
from momentum_trio.config.binding import DEFAULT, Binding
from momentum_trio.config.floating import FloatingAddress, floating
from momentum_trio.config.floating_options import DuravipOptions
from momentum_trio.config.tree import ConfigTree
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Addresses, Neighbour, Plumbed
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.group import GroupView
from momentum_trio.protocol.cluster.duravip import Duravip, Terms
from momentum_trio.protocol.cluster.duravip_message import Claim, decode, encode

TOPIC = "duravip"
SCOPE = "cluster"
LEASE_SECONDS = 12.0
"""How long an address outlives a process that does not renew it."""
RENEW_SECONDS = 3.0
ANNOUNCING_SECONDS = LEASE_SECONDS + RENEW_SECONDS
"""How long an address that came up is announced again with each renewal: so long another may think that it has it."""
AGAIN_SECONDS = 1.0
"""Before something that was refused (by the bus, by the kernel) is tried again."""

DEBUGGED_MAX = 1_000
"""Characters of one step that the paniclog is told."""

_DOWN_ALREADY = frozenset((errno.EADDRNOTAVAIL, errno.ENODEV))

Serve = Callable[[frozenset[str]], Awaitable[Sequence[str]]]
"""Lets services at these floating addresses run, and those at others not; returns what is in the way of that, a
sentence each: then nothing has changed.
"""


class FloatingAddresses:
    """One node's: ``part.Part``. core: what was agreed. debugs: whether each step is told in the paniclog."""

    topic = TOPIC

    def __init__(self, machine: Machine, assembly: Assembly, tree: ConfigTree, serve: Serve) -> None:
        self._machine, self._assembly, self._serve = machine, assembly, serve
        self._tree, self._is_new = tree, True
        self._options = DuravipOptions.resolve(tree.chain_scope(SCOPE))
        self._floating: Mapping[str, FloatingAddress] = {}
        self._up: dict[str, Plumbed] = {}
        self._up_since: dict[str, float] = {}
        self._missing_since: dict[str, float] = {}
        self._served: frozenset[str] = frozenset()
        self._news = trio.Event()
        self._again_at = math.inf
        self._renew_at = self._check_at = trio.current_time()
        self.debugs = False
        self._is_retired = False
        self.core = Duravip(Terms())

    # what happens

    def told(self, sender: str, octets: bytes) -> None:
        """As ``part.Part`` has it. Raises ValueError for octets that mean nothing."""
        message = decode(octets)
        if self.debugs:
            self._say(Level.DEBUG, f"{sender}: {message}"[:DEBUGGED_MAX])
        self.core.hear(sender, message, trio.current_time())
        self._moved_on()

    def view(self, view: GroupView) -> None:
        """As ``part.Part`` has it."""
        if self.debugs:
            self._say(Level.DEBUG, f"{view}"[:DEBUGGED_MAX])
        self.core.view(view, self._assembly.member, trio.current_time())
        self._moved_on()

    def apart(self) -> None:
        """As ``part.Part`` has it: others may have what was ours, so that all of it goes down."""
        self.core.apart()
        self._moved_on()

    def reconfigured(self, tree: ConfigTree) -> None:
        """*tree* holds from now on."""
        if tree is not self._tree:
            self._tree, self._is_new = tree, True
            self._news.set()

    def retire(self) -> None:
        """This node ends: it could have nothing any more."""
        self.core.configure(self.core.terms, {}, trio.current_time())
        self._is_retired = True
        self._moved_on()

    def announce(self) -> None:
        """Tell the others again what this node could have, and has."""
        self.core.announce(trio.current_time())
        self._moved_on()

    def move(self, addresses: Sequence[str], source: str, to: str) -> list[str]:
        """Have *addresses*, or all of node *source*, moved to node *to*; those that will be."""
        moving = self.core.move(addresses, source, to)
        self._moved_on()
        return moving

    def elsewhere(self) -> Mapping[Binding, str]:
        """Bindings whose address another node has, with its member: where their mail belongs."""
        found: dict[Binding, str] = {}
        if (register := self.core.register) is None:
            return found
        for text, address in self._floating.items():
            owner = register.owners.get(text, "")
            if owner != self._assembly.member and owner in register.holders.get(text, ()):
                found |= dict.fromkeys(address.bindings, owner)
        return found

    async def neighbours(self) -> Sequence[Neighbour]:
        """The hosts that this one has lately talked to on its links. Raises: OSError."""
        return await self._interfaces.neighbours()

    def _moved_on(self) -> None:
        """Say what there is to say, and have done what there is to do."""
        self.core.tick(trio.current_time())
        outbox = self.core.outbox
        while outbox and self._assembly.publish(TOPIC, encode(outbox[0])):
            outbox.popleft()
        self._news.set()

    # what is done

    async def run(self) -> None:
        """Keep up what should be, until cancelled; then all of it goes down."""
        try:
            while True:
                self._news = trio.Event()
                self._again_at = math.inf
                if self._is_new:
                    await self._adopt()
                await self._settle()
                await self._look_after()
                self._moved_on_in_time()
                with trio.move_on_at(self._due()):
                    await self._news.wait()
        finally:
            with trio.CancelScope(shield=True):
                await self._drop(frozenset(self.core.held))

    def _moved_on_in_time(self) -> None:
        """As ``_moved_on``, but it is no news that time passes."""
        self.core.tick(trio.current_time())
        if self.core.outbox:
            self._moved_on()

    def _due(self) -> float:
        now = trio.current_time()
        times: list[float] = [self.core.due(now), self._again_at, *((now + AGAIN_SECONDS,) if self.core.outbox else ())]
        return min((*times, self._renew_at, self._check_at) if self.core.held else times)

    async def _adopt(self) -> None:
        """Let the configuration hold that is the newest: what floats by it is down here, unless it is ours to have."""
        tree, self._is_new = self._tree, False
        options = self._options = DuravipOptions.resolve(tree.chain_scope(SCOPE))
        known = floating(tree)
        foreign = await self._clear(known)
        self._floating = {text: address for text, address in known.items() if text not in foreign}
        terms = Terms(
            options.mature_seconds,
            options.balance_seconds,
            options.balance_moves,
            options.announce_seconds,
            options.primary_only,
        )
        claims = {text: _claim(address) for text, address in self._floating.items() if not self._is_retired}
        self.core.configure(terms, claims, trio.current_time())
        self._moved_on()

    async def _clear(self, known: Mapping[str, FloatingAddress]) -> frozenset[str]:
        """Take down what floats and is up. Returns what is up, but not as we bring it up: it is not ours to touch."""
        foreign = set()
        try:
            for plumbed in await self._interfaces.up() if known else ():
                if plumbed.address not in known or plumbed.address in self.core.held:
                    continue
                if plumbed == _plumbed(known[plumbed.address]):
                    await self._interfaces.remove(plumbed.address, plumbed.interface, plumbed.prefix)
                else:
                    foreign.add(plumbed.address)
                    how = f"{plumbed.address} is up on {plumbed.interface} with /{plumbed.prefix}"
                    self._say(Level.ERROR, f"{how}, not by us: it does not float here")
        except OSError as fault:
            self._say(Level.CRITICAL, f"no address floats here: {fault.strerror or fault}")
            foreign = set(known)
        return frozenset(foreign)

    @property
    def _interfaces(self) -> Addresses:
        if self._machine.addresses is None:
            raise OSError("this machine does not bring addresses up")
        return self._machine.addresses

    async def _settle(self) -> None:
        """Bring about what should be: first what goes, then what comes."""
        while self._again_at == math.inf:
            wanted = self.core.wanted
            if down := frozenset(self.core.held) - wanted:
                await self._drop(down)
            elif up := sorted((wanted - self.core.held) & self._floating.keys()):
                await self._take(up)
            else:
                break

    async def _drop(self, addresses: frozenset[str]) -> None:
        if addresses & self._served:
            await self._serve_at(self._served - addresses)
        down = [address for address in sorted(addresses) if await self._went_down(address)]
        if down:
            self.core.dropped(*down)
            self._moved_on()

    async def _went_down(self, address: str) -> bool:
        """Whether *address* is down now. Where the kernel refuses that, its lease ends it."""
        if (plumbed := self._up.get(address)) is not None:
            try:
                await self._interfaces.remove(address, plumbed.interface, plumbed.prefix)
            except OSError as fault:
                if fault.errno not in _DOWN_ALREADY:
                    self._say(Level.ERROR, f"{address} cannot be taken down: {fault.strerror or fault}")
                    self._again_at = trio.current_time() + AGAIN_SECONDS
                    return False
            self._say(Level.NOTICE, f"{address} is down here")
        for known in (self._up, self._up_since, self._missing_since):
            known.pop(address, None)
        return True

    async def _take(self, addresses: Sequence[str]) -> None:
        for address in addresses:
            self.core.take(address)
        up = [address for address in addresses if await self._came_up(address)]
        for address in await self._serve_new(up):
            await self._announce(address)
            self._say(Level.NOTICE, f"{address} is up here")
        self._renew_at = min(self._renew_at, trio.current_time() + RENEW_SECONDS)

    async def _came_up(self, address: str) -> bool:
        plumbed = _plumbed(self._floating[address])
        try:
            await self._interfaces.add(address, plumbed.interface, plumbed.prefix, LEASE_SECONDS)
        except OSError as fault:
            self._give_up(address, fault.strerror or str(fault))
            return False
        self._up[address] = plumbed
        self._up_since[address] = trio.current_time()
        return True

    def _give_up(self, address: str, why: str) -> None:
        """Somebody else should have *address*, which is down here."""
        self._say(Level.ERROR, f"{address} cannot be had here: {why}")
        self.core.failed(address, trio.current_time())
        self._moved_on()

    async def _serve_new(self, addresses: Sequence[str]) -> Sequence[str]:
        """Let services begin at *addresses*: at all, or else at each by itself. Those where they could."""
        if not addresses or not await self._serve_at(self._served | frozenset(addresses)):
            return addresses
        begun = []
        for address in addresses:
            if problems := await self._serve_at(self._served | {address}):
                if await self._went_down(address):
                    self._give_up(address, "; ".join(problems))
            else:
                begun.append(address)
        return begun

    async def _serve_at(self, addresses: frozenset[str]) -> Sequence[str]:
        problems = await self._serve(addresses)
        if not problems:
            self._served = addresses
        return problems

    async def _announce(self, address: str) -> None:
        try:
            await self._interfaces.announce(address, self._up[address].interface, to_all=self._options.announce_to_all)
        except OSError as fault:
            self._say(Level.WARNING, f"{address} cannot be announced: {fault.strerror or fault}")

    # what stays as it is

    async def _look_after(self) -> None:
        """Renew what is up; at longer intervals bring up again what is missing, and take down what is not ours."""
        now = trio.current_time()
        if not self.core.held or now < min(self._renew_at, self._check_at):
            return
        try:
            up = await self._interfaces.up()
            await self._renew([plumbed for plumbed in up if self._up.get(plumbed.address) == plumbed], now)
            if now >= self._check_at:
                self._check_at = now + self._options.check_seconds
                await self._check(up, now)
        except OSError as fault:
            self._renew_at = now + AGAIN_SECONDS
            self._say(Level.ERROR, f"what floats here cannot be renewed: {fault.strerror or fault}")

    async def _renew(self, ours: Sequence[Plumbed], now: float) -> None:
        """Renew *ours*, which are up, and note which are missing."""
        self._renew_at = now + RENEW_SECONDS
        await self._interfaces.renew(ours, LEASE_SECONDS)
        missing = self._up.keys() - {plumbed.address for plumbed in ours}
        self._missing_since = {address: self._missing_since.get(address, now) for address in sorted(missing)}
        for plumbed in ours:
            if now < self._up_since[plumbed.address] + ANNOUNCING_SECONDS:
                await self._announce(plumbed.address)

    async def _check(self, up: Sequence[Plumbed], now: float) -> None:
        for plumbed in up:
            known = self._floating.get(plumbed.address)
            if known is not None and plumbed.address not in self._up and plumbed == _plumbed(known):
                self._say(Level.WARNING, f"{plumbed.address} is up here and not ours to have: it is taken down")
                await self._interfaces.remove(plumbed.address, plumbed.interface, plumbed.prefix)
        limit = self._options.missing_seconds
        for address in [
            a for a, since in self._missing_since.items() if now >= since + limit and a in self.core.wanted
        ]:
            self._say(Level.WARNING, f"{address} has gone down: it is brought up again")
            if await self._went_down(address) and await self._came_up(address):
                await self._announce(address)

    def _say(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, f"DuraVIP: {text}"))


def _claim(address: FloatingAddress) -> Claim:
    names = (binding.name if binding.group == DEFAULT.group else "/".join(binding) for binding in address.bindings)
    return Claim(address.address, address.services, tuple(sorted(names)), address.preference, address.follows)


def _plumbed(address: FloatingAddress) -> Plumbed:
    return Plumbed(address.address, address.interface, address.prefix)
