"""What the user of a request may do, by the console's roles, and what the acctlog is told of it."""

from __future__ import annotations

from dataclasses import replace

from momentum_trio.console.authority import Terms, Verdict, verdict
from momentum_trio.console.command import Operator
from momentum_trio.console.roster import Roster
from momentum_trio.listener.http_authentication import SYSTEM
from momentum_trio.listener.http_terms import HttpTerms
from momentum_trio.listener.kind import Connection, Generation, Services
from momentum_trio.mail.record import Authorized
from momentum_trio.reception.client import Identity


class ConsoleAuthority:
    """That of one request. is_near: he is on this host, and nobody stands between.

    Where somebody has to prove who he is, what no role allows him is refused, unless Enable_Authorization says no. Who
    proves nothing may what a console on loopback would let him; from elsewhere (Always_Allow) he needs a role too.
    """

    def __init__(
        self,
        connection: Connection,
        services: Services,
        generation: Generation,
        terms: HttpTerms,
        who: Identity,
        roster: Roster,
        *,
        is_near: bool,
    ) -> None:
        self._connection, self._services, self._generation = connection, services, generation
        self._roster, self._who, self._is_near = roster, who, is_near
        peer = "" if connection.is_unix else connection.peer
        self.operator = Operator(who.user, str(connection.listen), peer)
        self.terms = _terms(terms, who, is_near=is_near)
        self._has_roles = False

    def renew(self) -> bool:
        """As ``web.exchange.Authority``."""
        connection = self._connection
        if (chain := connection.chain_now()) is None:
            return False
        terms = HttpTerms.of(chain)
        if terms.always_deny or not self._is_admitted(terms):
            return False
        self._generation, self._has_roles = connection.generations.current, False
        self.terms = _terms(terms, self._who, is_near=self._is_near)
        return True

    def _is_admitted(self, terms: HttpTerms) -> bool:
        """Whether who he is said to be is enough, as when he came."""
        is_open = self._connection.listen.is_loopback and self._is_near
        return self._who.is_proved or terms.always_allow or (is_open and not terms.demands)

    async def may(self, line: str) -> bool:
        """As ``web.exchange.Authority``."""
        return (await self._verdict(line)).accepted

    async def authorize(self, line: str) -> bool:
        """As ``web.exchange.Authority``."""
        judged = await self._verdict(line)
        console, machine, who = self._services.console, self._services.machine, self.operator
        masked = line if console is None else console.call(who, line).masked
        machine.events.publish(
            Authorized(machine.clock.now(), who.endpoint, who.peer, who.user, judged.accepted, masked, judged.role)
        )
        return judged.accepted

    async def _verdict(self, line: str) -> Verdict:
        if not self._has_roles:
            self.operator = replace(self.operator, roles=await self._roster.roles(self.terms, self.operator.user))
            self._has_roles = True
        return verdict(self.terms, self._generation.tree, self.operator, line)


def _terms(terms: HttpTerms, who: Identity, *, is_near: bool) -> Terms:
    held = terms.authorization
    if not who.is_proved and not is_near:
        return replace(held, enable_authorization=True)
    if terms.says_authorization:
        return held
    return replace(held, enable_authorization=who.is_proved and who.mechanism != SYSTEM)
