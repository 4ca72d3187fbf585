"""Console commands to and from other nodes: the part of control_group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import trio

from momentum_trio.cluster.jobs import Jobs
from momentum_trio.cluster.part import Assembly
from momentum_trio.net.group import GroupView
from momentum_trio.protocol.cluster.relay import (
    LINE_CHARACTERS_MAX,
    Answer,
    Command,
    Declined,
    Question,
    Questions,
    answer,
    pack,
    unpack,
)

RUNNING_MAX = 16
"""Commands of others that run here at once."""
RETRY_SECONDS = 0.25
TRIES_MAX = 40
"""How often the bus is asked to take a part of an answer."""
BUSY = f"{RUNNING_MAX} commands from the cluster are running here already\n"
ABORTED = "the command was aborted here\n"


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command here."""

    text: str
    failed: bool


Perform = Callable[[str, Command], Awaitable[Ran]]
"""Judges whether a command, which a member sends, may be run, and runs it."""


class Relay:
    """One node's.

    names: its node name and subcluster, as commands are addressed; None: none is for it (a manager). perform: runs one.
    first: the number before that of our first command; drawn, for who comes anew may have the name he had, and is told
    answers to what he asked before. questions: what we have asked.
    """

    topic = "relay"

    def __init__(
        self,
        assembly: Assembly,
        nursery: trio.Nursery,
        jobs: Jobs,
        names: tuple[str, str] | None,
        perform: Perform,
        first: int = 0,
    ) -> None:
        self._assembly, self._nursery, self._jobs = assembly, nursery, jobs
        self._names, self._perform = names, perform
        self.questions = Questions()
        self._number, self._running = first, 0
        self._stirred = trio.Event()

    # What we ask

    def ask(
        self,
        line: str,
        form: Literal["text", "json"],
        who: tuple[str, str, str],
        nodes: Sequence[str] = (),
        subcluster: str = "",
    ) -> Question | None:
        """Have *line* run by the nodes *nodes*, or by all, of *subcluster*, or of any.

        who: the operator's user, endpoint and peer. Returns: the question, which answers come into; None where the bus
        does not take it, or the line is too long.
        """
        if len(line) > LINE_CHARACTERS_MAX:
            return None
        self._number += 1
        command = Command(self._number, line, form, *who, tuple(nodes), subcluster)
        if not self._assembly.publish(self.topic, pack(command)):
            return None
        return self.questions.ask(command)

    async def over(self, question: Question) -> None:
        """Wait until nobody is left to wait for. Cancellation: what comes later is in the question all the same."""
        while not question.is_over:
            await self._stirred.wait()

    def flush(self) -> int:
        """Keep no question; how many there were. Who waits for one waits no more."""
        count = self.questions.forget()
        self._stir()
        return count

    # What happens

    def told(self, sender: str, octets: bytes) -> None:
        """As ``part.Part`` has it."""
        match unpack(octets):
            case Command() as command:
                if sender == self._assembly.member:
                    self.questions.told(command)
                self._take(sender, command)
            case Answer() | Declined() as said:
                self.questions.answered(sender, said)
        self._stir()

    def _take(self, sender: str, command: Command) -> None:
        if self._names is None or not command.is_for(*self._names):
            self._assembly.tell(sender, self.topic, pack(Declined(command.number)))
        elif self._running >= RUNNING_MAX:
            self._nursery.start_soon(self._answer, sender, command, Ran(BUSY, failed=True))
        else:
            self._running += 1
            self._nursery.start_soon(self._run, sender, command)

    async def _run(self, sender: str, command: Command) -> None:
        try:
            ran = Ran(ABORTED, failed=True)
            with self._jobs.job(f"{command.user or 'somebody'}: {command.line}"):
                ran = await self._perform(sender, command)
            await self._answer(sender, command, ran)
        finally:
            self._running -= 1

    async def _answer(self, sender: str, command: Command, ran: Ran) -> None:
        for part in answer(command.number, ran.text, failed=ran.failed):
            for _ in range(TRIES_MAX):
                if self._assembly.tell(sender, self.topic, pack(part)):
                    break
                await trio.sleep(RETRY_SECONDS)
            else:
                return  # we are cut off: for whoever asked we are gone

    def view(self, view: GroupView) -> None:
        """As ``part.Part`` has it."""
        self.questions.view(view.members)
        self._stir()

    def apart(self) -> None:
        """As ``part.Part`` has it."""
        self.questions.apart()
        self._stir()

    def _stir(self) -> None:
        self._stirred.set()
        self._stirred = trio.Event()
