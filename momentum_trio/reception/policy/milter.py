"""A milter that the configuration names, a row of the table of policy: asked over a connection of each session.

Whatever it does, nothing is lost by it: it is asked before custody is taken, what it changes is written beside what the
client sent, and when it is away or breaks the protocol its scope's ``default_action`` is what it has said.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.limits.contract import SharedState
from momentum_trio.limits.milter_connections import key_of
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.milter.packet import RemoteProtocolError
from momentum_trio.reception.milter_options import MilterOptions
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.milter_link import Away, Link, connected
from momentum_trio.reception.policy.milter_talk import FAULTS, Talk
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import Verdict

TOLD_AGAIN_SECONDS = 300.0  # of the same problem
PROBLEMS_MAX = 20  # told of and remembered

PHASES = frozenset(
    (
        PolicyPhase.CONNECT,
        PolicyPhase.EHLO,
        PolicyPhase.MAILFROM,
        PolicyPhase.RCPTTO,
        PolicyPhase.DATA_SPOOL,
    )
)


class Milter:
    """One of them; all sessions have the same. name: of its scope.

    A connection that did not come is not tried again for as long as was waited for it: one that is refused at once is
    tried by every session, one that nobody answers costs few of them the wait.
    """

    def __init__(self, milters: Milters, name: str, options: MilterOptions) -> None:
        self._milters = milters
        self.name, self.options = name, options
        self.phases = PHASES
        self._away_until = float("-inf")
        self._told: OrderedDict[str, float] = OrderedDict()  # problems, and when

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it."""
        assert asked.kept is not None
        return await asked.kept.of(self, self._talk).ask(phase, asked)

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it."""
        self.tell(f"{phase.value}: {problem}")
        return FAULTS[self.options.default_action]

    def _talk(self) -> Talk:
        return Talk(self)

    async def open(self) -> Link:
        """A connection to it. Raises: Away, RemoteProtocolError."""
        assert self.options.address is not None  # config/check.py
        began = trio.current_time()
        if began < self._away_until:
            raise Away("was not there a moment ago")
        if not self._milters.take_seat():
            raise Away("has no connection more: the descriptors of this process do not allow it")
        link = None
        try:
            link = await connected(self._milters.machine, self.options.address, self.options.connect_timeout)
        except (Away, RemoteProtocolError):
            now = trio.current_time()
            self._away_until = now + (now - began)
            raise
        finally:
            if link is None:
                self.left()
        return link

    def left(self) -> None:
        """A connection that ``open`` gave is closed."""
        self._milters.give_seat_back()

    def tell(self, problem: str) -> None:
        """Tell the operator of *problem*, unless it was told lately."""
        now = trio.current_time()
        if self._told.get(problem, float("-inf")) + TOLD_AGAIN_SECONDS > now:
            return
        self._told[problem] = now
        self._told.move_to_end(problem)
        if len(self._told) > PROBLEMS_MAX:
            self._told.popitem(last=False)
        said = f'milter "{self.name}" ({self.options.address}): {problem}; default_action {self.options.default_action}'
        machine = self._milters.machine
        machine.events.publish(Panic(machine.clock.now(), Level.ERROR, said))


class Milters:
    """Those of one host. connections_max: how many connections to them it may have."""

    def __init__(self, machine: Machine, limits: SharedState, connections_max: int) -> None:
        self.machine = machine
        self._limits, self._connections_max = limits, connections_max
        self._known: dict[tuple[object, ...], Milter] = {}

    def of(self, named: Sequence[tuple[str, Chain]]) -> Sequence[Milter]:
        """Those of *named* scopes, in their order. One whose options are what they were stays what it is."""
        known, self._known = self._known, {}
        for name, chain in named:
            options = MilterOptions.resolve(chain)
            key = (name, *(getattr(options, option.attribute) for option in MilterOptions.declared))
            self._known[key] = known.get(key) or Milter(self, name, options)
        return tuple(self._known.values())

    def take_seat(self) -> bool:
        """Count one connection more, if there may be one."""
        key = key_of(self._limits)
        if self._limits.gauge(key) >= self._connections_max:
            return False
        self._limits.gauge_add(key, self._limits.node, 1)
        return True

    def give_seat_back(self) -> None:
        """A connection to a milter is closed: another may take its seat."""
        self._limits.gauge_add(key_of(self._limits), self._limits.node, -1)
