"""One run of a scenario: load under faults, healing, draining, and a last power loss before it is judged.

``run`` is a pure function: the same scenario and seed give the same result, in any process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from ipaddress import ip_address

import trio

from . import checks, marks, seats
from .aftermath import SETTLE_SECONDS, Aftermath
from .arrivals import Arrivals
from .client import Sender, Target
from .consoles import Consoles
from .draw import draw
from .evidence import Attempt, Evidence, Result, Verdict, Violation
from .faults import Stage
from .floating import addresses_of, election_limit
from .furnishing import equip_with_names, furnish, lay_links
from .hermetic import Escape
from .holding import Holding, is_commanded
from .host import ProcessDied
from .http_injector import HttpInjector
from .injector import Injector
from .kernel import Deadlock, Event, Livelock, SimulationFailure
from .members import Members
from .order import Order
from .programs import Programs
from .scenario import Carried, Mail, Scenario
from .service import Up
from .spools import Spools, tree_of
from .world import World
from .zone import NAME as NAMESERVER

SPEAKERS = {Carried.SMTP: Sender, Carried.ECSTREAM: Injector, Carried.HTTP: HttpInjector}

FAILURES: tuple[tuple[type[SimulationFailure], str], ...] = (
    (Deadlock, "deadlock"),
    (Livelock, "livelock"),
    (ProcessDied, "process_died"),
    (SimulationFailure, "simulation"),
)

Look = Callable[[Stage], float]
"""Somebody who looks on, and may strike and mend: called when the load begins, and again after so many virtual seconds
as it returns (inf: never again)."""


def run(
    scenario: Scenario,
    seed: int,
    *,
    keep_trace: bool = False,
    keep_evidence: bool = False,
    look: Look | None = None,
    looking_for: Collection[str] = (),
) -> Result:
    """Run *scenario* (drawn with *seed* first, unless it is concrete) in a world of that seed, and judge it.

    looking_for: of all checks those of these names alone are asked, and the run ends as soon as they know enough.
    """
    concrete = scenario if scenario.concrete else draw(scenario, seed)
    course = Course(concrete, seed, keep_trace=keep_trace, looking_for=looking_for)
    course.look = look
    result = course.run()
    return result if keep_evidence else replace(result, evidence=None)


class Course:
    """The course of one run of a concrete scenario.

    look: see Look. by_hand: called when the load begins; whoever that is ends it. looking_for: see ``run``; what no
    check finds is looked for to the end.
    """

    def __init__(
        self, scenario: Scenario, seed: int, *, keep_trace: bool = False, looking_for: Collection[str] = ()
    ) -> None:
        self.scenario = scenario
        named = tuple([check for check in checks.ALL if check.name in looking_for])
        chosen = named if named and len(named) == len(looking_for) else checks.ALL
        self._asked = [check for check in chosen if check.name not in scenario.expect.without]
        self._until = max(check.after for check in chosen)
        self.world = world = World(seed, short=scenario.short_share, keep_trace=keep_trace)
        self.evidence = Evidence(scenario, world)
        self.evidence.floating = addresses_of(scenario)
        self.evidence.election_limit_seconds = election_limit(scenario)
        self.violations: list[Violation] = []
        self.look: Look | None = None
        self.by_hand: Callable[[], object] | None = None
        self.stage: Stage
        self.senders: dict[Sender, Event] = {}  # of each session, and when it begins
        self._hosts = furnish(world, scenario)
        self.nameservers = equip_with_names(world, self._hosts, scenario)
        self.arrivals = Arrivals(scenario.mails)
        self._consoles = Consoles(self.evidence, self.now)
        self._members = Members(scenario, self.evidence.bus, self._hosts, world.kernel, self.now)
        self._programs = Programs(
            self.evidence,
            self._hosts,
            self.nameservers,
            self._members,
            self.now,
            lambda name: self.stage.troubled(name),
            self._complain,
        )
        self._spools = Spools(self.evidence, self._programs, self.now)
        self._nursery: trio.Nursery
        self._load_over = trio.Event()
        lay_links(world, scenario)

    def run(self) -> Result:
        """Run it and judge it."""
        violations, verdict = self.violations, Verdict.HELD
        try:
            self.world.run(self._main)
        except Escape as escape:
            verdict = Verdict.ESCAPE
            violations.append(Violation("escape", str(escape), self.now()))
        except SimulationFailure as failure:
            name = next(name for kind, name in FAILURES if isinstance(failure, kind))
            violations.append(Violation(name, str(failure), self.now()))
        else:
            self._programs.note_ends()
            for check in self._asked:
                violations.extend(check.find(self.evidence))
        if violations and verdict is Verdict.HELD:
            verdict = Verdict.BROKEN
        kernel = self.world.kernel
        return Result(
            self.scenario,
            kernel.seed,
            verdict,
            tuple(violations),
            kernel.digest(),
            kernel.line_count,
            tuple(kernel.prefix_digests),
            kernel.now,
            kernel.events_done,
            marks.reached(self.evidence),
            tuple(map(str, kernel.lines)),
            self.evidence,
        )

    def now(self) -> float:
        """Virtual seconds since the load began."""
        return self.world.kernel.now - self.evidence.load_began

    async def _main(self) -> None:
        """All of it; the world's driver."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.stage = Stage(
                self.world,
                self._programs.up,
                self.arrivals,
                {mail.name: mail for mail in self.scenario.mails},
                nursery,
                self._consoles.say,
                0.0,
                self.nameservers,
                partial(self._members.act, nursery),
                struck=self.evidence.struck,
            )
            if NAMESERVER in self.world.hosts:
                await self.world.hosts[NAMESERVER].start(self.nameservers[NAMESERVER].serve)
            services = self._programs.services()
            for service in services:
                nursery.start_soon(service.run)
            if not await self._programs.started(services):
                raise ProcessDied("not all of the hosts' programs start")
            await trio.sleep(SETTLE_SECONDS)
            await self._members.ready()
            self._programs.count(self.evidence.baseline)
            for service in services:
                self.arrivals.add(service.plan, tree_of(service))
            self.evidence.load_began = self.stage.began = self.world.kernel.now
            for lived in self.evidence.lives:
                lived.began -= self.evidence.load_began
                lived.up = None if lived.up is None else lived.up - self.evidence.load_began
            self._spools.sample(self._load_over.is_set)
            try:
                await self._load()
                await self._aftermath().run(self._until)
            finally:  # events may not begin anything where nothing can be begun any more
                self.stage.forget_plans()
                for begin in self.senders.values():
                    begin.cancel()
            nursery.cancel_scope.cancel()
        for sender in sorted(self.senders, key=lambda sender: sender.began):
            sender.break_off()

    def _aftermath(self) -> Aftermath:
        return Aftermath(
            self.evidence,
            self.stage,
            self._programs,
            self._members,
            self._consoles,
            self._spools,
            self.senders,
            [check.name for check in self._asked],
        )

    def break_off(self) -> None:
        """End it as it is. What it then is judged to be says nothing."""
        self._nursery.cancel_scope.cancel()

    def _complain(self, host: str, text: str) -> None:
        self.violations.append(Violation("process_died", text, self.now(), host=host))

    # -- load and faults

    async def _load(self) -> None:
        """Nothing of it is begun before its time: one mail or fault more changes nothing before it."""
        for mails in _sessions(self.scenario.mails):
            self.send(mails)
        for fault in self.scenario.faults:
            self.stage.plan(fault)
        if self.by_hand is None:
            end = self.evidence.load_began + self.scenario.duration_seconds
            self.world.kernel.at(end, self.end_load, self.scenario, rank=Order.END)
        else:
            self.by_hand()
        if self.look is not None:
            self._nursery.start_soon(self._look_on, self.look)
        if seats.are_shared(self.scenario):
            self._nursery.start_soon(seats.watch, self._programs.services, self.now, self.evidence.seats)
        if is_commanded(self.scenario):
            holding = Holding(self._programs.services, self.now, self.evidence.held)
            self.world.onlookers.append(holding.look)
            self._nursery.start_soon(holding.watch)
        await self._load_over.wait()

    def end_load(self, scenario: Scenario) -> None:
        """Load and faults are over; *scenario* is what they were."""
        self.scenario = self.evidence.scenario = scenario
        self._load_over.set()

    def send(self, mails: Sequence[Mail]) -> Sender:
        """Have *mails* sent in one session that begins at the time of the first."""
        first = mails[0]
        sender = SPEAKERS[first.carried](
            mails, self._target(first), self._note, self.now, pipelining=first.session % 2 == 1
        )
        at = self.evidence.load_began + first.at_seconds
        begin = partial(self._nursery.start_soon, self._send, self.stage.up[first.source], sender)
        self.senders[sender] = self.world.kernel.at(at, begin, rank=Order.SEND)
        return sender

    def withdraw(self, after: float) -> None:
        """Sessions that would begin later are not sent."""
        for sender in [sender for sender in self.senders if sender.began > after]:
            self.senders.pop(sender).cancel()

    def begun(self, sender: Sender) -> bool:
        """Whether its time has come."""
        return self.senders[sender].function is None

    async def _send(self, client: Up, sender: Sender) -> None:
        """See one session through, in as many lives of its client as it takes."""
        while not sender.done:
            await client.until_free()
            try:
                await client.host.call(sender.run)
            except ProcessDied:
                sender.break_off()
        self.evidence.breaches += sender.breaches

    async def _look_on(self, look: Look) -> None:
        while True:  # noqa: ASYNC110 (it is no wait for anything)
            await trio.sleep(look(self.stage))

    def _note(self, attempt: Attempt) -> None:
        self.evidence.attempts.append(attempt)
        self.world.kernel.trace("told", attempt.mail.source, mail=attempt.mail.name, told=attempt.told.value)

    def _target(self, mail: Mail) -> Target:
        host = self._hosts.get(mail.target)
        if host is not None:
            return Target(str(host.addresses[0]), mail.port, host.name)
        host = self.world.network.hosts.get(ip_address(mail.target))
        return Target(mail.target, mail.port, "" if host is None else host.name)


def _sessions(mails: Iterable[Mail]) -> Iterable[list[Mail]]:
    """The mails of each session, in the order of their times."""
    sessions: dict[object, list[Mail]] = {}
    for mail in sorted(mails, key=lambda mail: mail.at_seconds):
        place = mail.source, mail.source_address, mail.target, mail.port, mail.session
        sessions.setdefault(place, []).append(mail)
    return sessions.values()
