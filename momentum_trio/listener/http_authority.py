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
        self._terms, self._who, self._roster, self._is_near = terms, who, roster, is_near

    async def may(self, line: str) -> bool:
        """As ``web.exchange.Authority``."""
        return (await self._verdict(line)).accepted

    async def authorize(self, line: str) -> bool:
        """As ``web.exchange.Authority``."""
        judged = await self._verdict(line)
        console, machine, who = self._services.console, self._services.machine, self._operator()
        masked = line if console is None else console.call(who, line).masked
        machine.events.publish(
            Authorized(machine.clock.now(), who.endpoint, who.peer, who.user, judged.accepted, masked, judged.role)
        )
        return judged.accepted

    async def _verdict(self, line: str) -> Verdict:
        terms = _terms(self._terms, self._who, is_near=self._is_near)
        operator = self._operator(await self._roster.roles(terms, self._who.user))
        return verdict(terms, self._generation.tree, operator, line)

    def _operator(self, roles: tuple[str, ...] = ()) -> Operator:
        connection = self._connection
        return Operator(self._who.user, str(connection.listen), "" if connection.is_unix else connection.peer, roles)


def _terms(terms: HttpTerms, who: Identity, *, is_near: bool) -> Terms:
    held = terms.authorization
    if not who.is_proved and not is_near:
        return replace(held, enable_authorization=True)
    if terms.says_authorization:
        return held
    return replace(held, enable_authorization=who.is_proved and who.mechanism != SYSTEM)
