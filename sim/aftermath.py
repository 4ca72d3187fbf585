"""What comes after the load of a run: all is mended, drained and agreed on, and then power fails once more.

Each phase (``phase.py``) waits for what must come, as long as that may take, and leaves in the evidence what there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from .arrivals import Arrivals, Delivery
from .checks.configuration import root_of, words
from .checks.custody import address
from .checks.excuses import Excuse, excuses
from .checks.gathered_once import gathered, missing
from .checks.no_leak import NAME as NO_LEAK
from .checks.no_leak import on_one_bus
from .checks.reports import due
from .checks.shares_agree import NAME as SHARES_AGREE
from .client import Sender
from .consoles import Consoles, node_of
from .drain_limit import drain_limit
from .dsn import is_report, read_report
from .evidence import Attempt, Evidence, Told
from .faults import Stage, heal
from .holding import is_commanded, spoken_to
from .letter import name_in
from .members import Members
from .phase import Phase
from .programs import Programs
from .scenario import CONFIGURED, Heal, Program
from .service import Service
from .shared import differences, known_by
from .spools import Spools

SETTLE_SECONDS = 1.0  # until what is open is counted
LOOK_SECONDS, LOOK_MAX_SECONDS = 1.0, 16.0  # how often it is looked whether all is drained
COUNTS_SECONDS = 5.0  # for the node's own counts
LAST_SYNC_SECONDS = 5.0  # outcomes are synced about a second after they are known; power lost before repeats deliveries
NOBODY_KNOWS = 1 << 30
LOGS = ("mainlog", "bouncelog")  # the options that say where they are; what is judged of them
OUTCOMES_SECONDS = 90.0  # until outcomes are durable: after a failing disk a spool tries again each 64 s at most
SHARES_SECONDS = 10.0  # until a share is known to all: max_delay, and a snapshot
GATHERED_SECONDS = 30.0  # until a manager has the last lines, when it knows its nodes: its pauses between two looks
ABOUT_SESSIONS = frozenset({NO_LEAK, SHARES_AGREE})  # checks that want to know what is left when all have ended
SESSIONS_SECONDS = 600.0  # until sessions whose peer is gone have ended (Idle_Time is 300 s)


@dataclass(slots=True)
class Aftermath:
    """senders: of all sessions there were. asked: the names of the checks that will judge."""

    evidence: Evidence
    stage: Stage
    programs: Programs
    members: Members
    consoles: Consoles
    spools: Spools
    senders: Collection[Sender]
    asked: Collection[str]
    _excused: dict[str, None] = field(default_factory=dict)  # names of mails that a spool may keep for ever

    async def run(self, until: Phase) -> None:
        """All of it up to the phase *until*."""
        living = self._living()
        heal(self.stage, living)
        healed = self.stage.now
        await self._settle(living)
        if until > Phase.SETTLED and await self._drain(living, healed) and until > Phase.DRAINED:
            await self._agree(living)
        if until < Phase.EXAMINED:
            self.evidence.logs_read = self.stage.now
            return
        if self.evidence.scenario.mails:
            await trio.sleep(OUTCOMES_SECONDS)
        await self._examine(living)

    def _living(self) -> tuple[str, ...]:
        """The hosts that must be well in the end."""
        expect = self.evidence.scenario.expect
        return expect.sufficient if expect.heal is Heal.SUFFICIENT else tuple(self.programs.up)

    def _operated(self, living: tuple[str, ...]) -> list[Service]:
        """The nodes of *living* that somebody was to command: at their console, or at that of their manager."""
        scenario = self.evidence.scenario
        told = spoken_to(scenario)
        if is_commanded(scenario):
            told |= {plan.name for plan in scenario.hosts if plan.program in CONFIGURED}
        return [service for service in self.programs.services(living) if service.host.name in told]

    # -- settled

    async def _settle(self, living: tuple[str, ...]) -> None:
        """Managers reach their nodes, which take their own files again; members see the right views."""
        self.evidence.drain_limit_seconds = drain_limit(self.evidence.scenario)
        operated = self._operated(living)
        nodes = [service.host.name for service in operated if service.plan.program is Program.ECELERITY]
        for service in operated:
            if service.plan.program is Program.ECCMGR:
                await self.consoles.reach(service, nodes, self.members.limit)
        for service in operated:
            await self.consoles.restore(service)
        await self.members.settle(living)

    # -- drained

    async def _drain(self, living: tuple[str, ...], healed: float) -> bool:
        """Wait until all is where it belongs, whether that came; then until what is open is what was open before."""
        if not await self._idle(living, self.stage.arrivals):
            return False
        self.evidence.drained_after_seconds = self.stage.now - healed
        await trio.sleep(LAST_SYNC_SECONDS)
        await self._sessions_over(living)
        return True

    async def _idle(self, living: tuple[str, ...], arrivals: Arrivals) -> bool:
        """Wait until nothing is owed by anybody, at most for the drain's limit; whether that came."""
        pause = LOOK_SECONDS
        with trio.move_on_after(self.evidence.drain_limit_seconds):
            while not await self._nothing_owed(living, arrivals):
                await trio.sleep(pause)
                pause = min(pause * 2, LOOK_MAX_SECONDS)
            return True
        return False

    async def _nothing_owed(self, living: tuple[str, ...], arrivals: Arrivals) -> bool:
        if any(not sender.done for sender in self.senders if sender.target.host in living):
            return False
        services = self.programs.services(living)
        if not all(service.running for service in services):
            return False
        arrivals.look(self.programs.hosts)
        if self._anything_missing(living, arrivals):
            return False
        if any((name, address(path)) not in arrivals.reported for name, path in self._due(living)):
            return False
        kept = self._excused | {name: None for struck in self.evidence.struck for name in struck.mails}
        most = sum(len(mail.forward_paths) for mail in self.evidence.scenario.mails if mail.name in kept)
        return all([await _queued(service) <= most for service in services])

    def _anything_missing(self, living: tuple[str, ...], arrivals: Arrivals) -> bool:
        """Whether something is not there that was accepted by a host that must be well, and nothing excuses."""
        excuse = excuses(self.evidence, arrivals.reported)
        return any(
            (attempt.mail.name, path) not in arrivals.seen and excuse(attempt, path) is Excuse.NONE
            for attempt, path in self._accepted(living)
        )

    def _due(self, living: tuple[str, ...]) -> dict[Delivery, None]:
        """The failures that are to be told, of what such hosts accepted; what else is excused is noted."""
        excuse = excuses(self.evidence, self.stage.arrivals.reported)
        reports = dict[Delivery, None]()
        for attempt, path in self._accepted(living):
            why = excuse(attempt, path)
            if why is Excuse.FAILED and due(self.evidence, attempt):
                reports[attempt.mail.name, path] = None
            elif why is not Excuse.NONE:
                self._excused[attempt.mail.name] = None
        return reports

    def _accepted(self, living: tuple[str, ...]) -> Iterator[tuple[Attempt, str]]:
        for attempt in self.evidence.attempts:
            if attempt.told is Told.ACCEPTED and attempt.target_host in living:
                for path in attempt.forward_paths:
                    yield attempt, path

    async def _sessions_over(self, living: tuple[str, ...]) -> None:
        """Wait until what is open is what was open before the load, or sessions have had time to end; count it."""
        evidence = self.evidence
        with trio.move_on_after(SESSIONS_SECONDS):
            while not ABOUT_SESSIONS.isdisjoint(self.asked):
                self.programs.count(leftover := evidence.leftover)
                before, now = (on_one_bus(evidence.scenario, each) for each in (evidence.baseline, leftover))
                if all(now[name] == before.get(name) for name in now if {*name.split(", ")} <= {*living}):
                    return
                await trio.sleep(LOOK_MAX_SECONDS)

    # -- agreed

    async def _agree(self, living: tuple[str, ...]) -> None:
        """Wait until nodes of a cluster know the same, logs are gathered and addresses have owners; measure spools."""
        await self._shares_agree(living)
        await self._logs_gathered(living)
        if self.evidence.floating:
            await trio.sleep(self.evidence.election_limit_seconds + SETTLE_SECONDS)
        self.spools.measure(living)

    async def _shares_agree(self, living: tuple[str, ...]) -> None:
        """Wait until nodes know the same of what they share, at most for as long as that may take."""
        limit = self.evidence.shared_within_seconds = self.members.limit + SHARES_SECONDS
        began = self.stage.now
        while True:
            known = {service.host.name: known_by(node_of(service)) for service in self.programs.services(living)}
            objects = dict.fromkeys(name for by_object in known.values() for name in by_object)
            self.evidence.shared = {
                name: {host: by_object[name] for host, by_object in known.items() if name in by_object}
                for name in objects
            }
            if not differences(self.evidence.shared) or self.stage.now - began > limit:
                return
            await trio.sleep(LOOK_SECONDS)

    async def _logs_gathered(self, living: tuple[str, ...]) -> None:
        """Wait until managers have gathered all there is, at most for as long as that may take."""
        managers = [each for each in self.programs.services(living) if each.plan.program is Program.ECCMGR]
        began = self.stage.now
        for manager in managers:
            while True:
                found = self.evidence.gathered[manager.host.name] = gathered(manager.plan, manager.host.store)
                late = self.stage.now - began > self.members.limit + GATHERED_SECONDS
                if late or not any(missing(self.evidence, found)):
                    break
                await trio.sleep(LOOK_SECONDS)

    # -- examined

    async def _examine(self, living: tuple[str, ...]) -> None:
        """Power fails everywhere, nothing unsynced survives; what the disks then hold, and owe, is what there is."""
        services = self.programs.services(living)
        self._read_logs(services)
        for service in services:
            service.hold()
            service.host.store.power_loss()
            service.end(silently=True)
        for service in services:
            service.release()
        arrivals = self.stage.arrivals
        if await self.programs.started(services):
            for service in self._operated(living):
                await self.consoles.look(service)
            await self._idle(living, arrivals.anew())
        for arrived in arrivals.durable(self.programs.hosts):
            if name_in(arrived.octets) is None and is_report(arrived.octets):
                self.evidence.reports.append(read_report(arrived))
            else:
                self.evidence.arrived.append(arrived)

    def _read_logs(self, services: list[Service]) -> None:
        """Before the last power loss: nobody promises that a log lasts."""
        self.evidence.logs_read = self.stage.now
        for service in services:
            for path in {path: None for log in LOGS for path in words(root_of(service.plan), log) if path}:
                with suppress(OSError):  # it was never made
                    self.evidence.logs[service.host.name, path] = service.host.store.octets(path)


async def _queued(service: Service) -> int:
    """How many messages the node says it has not delivered; 0 of a sink."""
    node = node_of(service)
    if node is None:
        return 0
    with trio.move_on_after(COUNTS_SECONDS):
        summary = await node.administration.summary()
        return summary.active_queue + summary.delayed_queue
    return NOBODY_KNOWS
