"""The roles that a file of groups gives to users (spec/console.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.console.authority import Terms
from momentum_trio.console.entry_file import reason, text_of
from momentum_trio.console.role import memberships
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic


@dataclass(slots=True)
class Roster:
    """The roles of users, out of the file that AuthorizationParameters names, as it is now.

    told: the fault that the paniclog was told of last, so that it is told once.
    """

    machine: Machine
    told: str = ""

    async def roles(self, terms: Terms, user: str) -> tuple[str, ...]:
        """The roles of *user* beside his own name. A file that cannot be read gives none, and the paniclog says why."""
        if terms.groups is None or not user:
            return ()
        try:
            found = memberships(await text_of(self.machine.disk, terms.groups), user)
        except OSError as fault:
            self._tell(f"AuthorizationParameters: {reason(fault)}: nobody has a role by it")
            return ()
        self.told = ""
        return found

    def _tell(self, text: str) -> None:
        if text != self.told:
            self.machine.events.publish(Panic(self.machine.clock.now(), Level.ERROR, text))
        self.told = text
