"""One run of a scenario: load under faults, healing, draining, and a last power loss before it is judged.

``run`` is a pure function: the same scenario and seed give the same result, in any process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from ipaddress import ip_address

import trio

from momentum_trio.config.tree import ConfigTree
from momentum_trio.node.node import run_node
from momentum_trio.node.node_options import SpoolOptions

from . import certificates, checks, marks
from .arrivals import Arrivals, Delivery
from .checks.configuration import known_schema, root_of, words
from .checks.custody import address
from .checks.excuses import Excuse, excuses
from .checks.no_leak import on_one_bus
from .checks.reports import due
from .checks.webhooks_told import hook_ports
from .client import Sender, Target
from .consoles import Consoles, node_of
from .custodian import Custodian
from .drain_limit import drain_limit
from .draw import draw
from .dsn import is_report, read_report
from .evidence import Attempt, Evidence, Lived, Result, Told, Verdict, Violation
from .faults import Stage, heal
from .floating import addresses_of, election_limit
from .hermetic import Escape
from .hook import Hooked, run_hook
from .host import Host, Life, ProcessDied
from .http_injector import HttpInjector
from .injector import Injector
from .kernel import Deadlock, Event, Livelock, SimulationFailure
from .letter import name_in
from .members import Members
from .nameserver import Nameserver
from .order import Order
from .scenario import Carried, FaultKind, Heal, HostPlan, Mail, Program, Scenario
from .service import Service, Up
from .shared import differences, known_by
from .sink import CERTIFICATE, KEY, run_sink
from .world import World
from .zone import ADDRESS as NAMESERVER_ADDRESS
from .zone import NAME as NAMESERVER
from .zone import nameserver_of

START_SECONDS = 60.0  # every program is started by then, or something is wrong with it
SETTLE_SECONDS = 1.0  # after the start, until what is open is counted
LOOK_SECONDS, LOOK_MAX_SECONDS = 1.0, 16.0  # how often it is looked whether all is drained
COUNTS_SECONDS = 5.0  # for the node's own counts
LAST_SYNC_SECONDS = 5.0  # outcomes are synced about a second after they are known; power lost before repeats deliveries
NOBODY_KNOWS = 1 << 30
SAMPLE_SECONDS_MIN, SAMPLES_MAX = 1.0, 5_000  # between two looks at the spools; in all the load's time
LOGS = ("mainlog", "bouncelog")  # the options that say where they are; what is judged of them
OUTCOMES_SECONDS = 90.0  # until outcomes are durable: after a failing disk a spool tries again each 64 s at most
SPEAKERS = {Carried.SMTP: Sender, Carried.ECSTREAM: Injector, Carried.HTTP: HttpInjector}
SHARES_SECONDS = 10.0  # until a share is known to all: max_delay, and a snapshot
SESSIONS_SECONDS = 600.0  # until sessions whose peer is gone have ended (Idle_Time is 300 s)

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
) -> Result:
    """Run *scenario* (drawn with *seed* first, unless it is concrete) in a world of that seed, and judge it."""
    concrete = scenario if scenario.concrete else draw(scenario, seed)
    course = Course(concrete, seed, keep_trace=keep_trace)
    course.look = look
    result = course.run()
    return result if keep_evidence else replace(result, evidence=None)


class Course:
    """The course of one run of a concrete scenario.

    look: see Look. by_hand: called when the load begins; whoever that is ends it.
    """

    def __init__(self, scenario: Scenario, seed: int, *, keep_trace: bool = False) -> None:
        self.scenario = scenario
        self.world = world = World(seed, short=scenario.short_share, keep_trace=keep_trace)
        self.evidence = Evidence(scenario, world)
        self.evidence.floating = addresses_of(scenario)
        self.evidence.election_limit_seconds = election_limit(scenario)
        self.violations: list[Violation] = []
        self.look: Look | None = None
        self.by_hand: Callable[[], object] | None = None
        self.stage: Stage
        self.senders: dict[Sender, Event] = {}  # of each session, and when it begins
        self._hosts = {plan.name: _furnished(world, plan) for plan in scenario.hosts}
        for name in scenario.names:
            world.names.add(name.name, [ip for host in name.hosts for ip in self._hosts[host].addresses])
        self.nameservers = self._equipped_with_names(scenario)
        self.arrivals = Arrivals(scenario.mails)
        self._custodian = Custodian(world)
        self._consoles = Consoles(self.evidence, self.now)
        self._members = Members(scenario, self.evidence.bus, self._hosts, world.kernel, self.now)
        self._lives: list[tuple[Lived, Life]] = []
        self._hooks: dict[tuple[str, int], Life] = {}
        self._excused: dict[str, None] = {}  # names of mails that a spool may keep for ever
        self._nursery: trio.Nursery
        self._load_over = trio.Event()
        _lay_links(world, scenario)

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
            for lived, life in self._lives:
                if life.died_at is not None:
                    lived.ended = life.died_at - self.evidence.load_began
            for name, check in checks.ALL:
                if name not in self.scenario.expect.without:
                    violations.extend(check(self.evidence))
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
            up = {plan.name: self._up(plan) for plan in self.scenario.hosts}
            self.stage = Stage(
                self.world,
                up,
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
            for service in self._services():
                nursery.start_soon(service.run)
            if not await self._started(self._services()):
                raise ProcessDied("not all of the hosts' programs start")
            await trio.sleep(SETTLE_SECONDS)
            await self._members.ready()
            self._count(self.evidence.baseline)
            for service in self._services():
                self.arrivals.add(service.plan, _tree(service))
            self.evidence.load_began = self.stage.began = self.world.kernel.now
            for lived in self.evidence.lives:
                lived.began -= self.evidence.load_began
                lived.up = None if lived.up is None else lived.up - self.evidence.load_began
            self._sample_spools(max(SAMPLE_SECONDS_MIN, self.scenario.duration_seconds / SAMPLES_MAX))
            try:
                await self._load()
                await self._drain()
                if self.scenario.mails:
                    await trio.sleep(OUTCOMES_SECONDS)
                await self._examine()
            finally:  # events may not begin anything where nothing can be begun any more
                self.stage.forget_plans()
                for begin in self.senders.values():
                    begin.cancel()
            nursery.cancel_scope.cancel()
        for sender in sorted(self.senders, key=lambda sender: sender.began):
            sender.break_off()

    def break_off(self) -> None:
        """End it as it is. What it then is judged to be says nothing."""
        self._nursery.cancel_scope.cancel()

    # -- what there is

    def _equipped_with_names(self, scenario: Scenario) -> dict[str, Nameserver]:
        """The nameservers, by host, of which all hosts know: those of the scenario, or one of the world's own."""
        plans = [plan for plan in scenario.hosts if plan.program is Program.NAMESERVER]
        if not plans:
            self.world.host(NAMESERVER, NAMESERVER_ADDRESS)
        for host in self._hosts.values():
            host.nameservers = [plan.addresses[0] for plan in plans] or [NAMESERVER_ADDRESS]
        return {name: nameserver_of(scenario) for name in [plan.name for plan in plans] or [NAMESERVER]}

    def _up(self, plan: HostPlan) -> Up:
        host = self._hosts[plan.name]
        if plan.program is Program.CLIENT:
            return Up(host)

        async def start() -> Life:
            if plan.program is Program.SINK:
                return await host.start(run_sink, plan.sink, self.evidence.heard.append)
            if plan.program is Program.NAMESERVER:
                return await host.start(self.nameservers[plan.name].serve)
            return await self._start_node(host, plan)

        return Service(plan, host, start, lambda name: self.stage.troubled(name), self._complain)

    async def _start_node(self, host: Host, plan: HostPlan) -> Life:
        await self._start_hooks(host, plan)
        await self._members.start(plan.name)
        lived = Lived(plan.name, self.now())
        self.evidence.lives.append(lived)
        life = await host.start(run_node, plan.config, schema=known_schema())
        lived.number, lived.up = life.number, self.now()
        self._lives.append((lived, life))
        return life

    async def _start_hooks(self, host: Host, plan: HostPlan) -> None:
        """The servers on *host* that its webhooks tell, unless they run."""
        for port in hook_ports(plan):
            life = self._hooks.get((plan.name, port))
            if life is None or not life.alive:
                self._hooks[plan.name, port] = await host.start(run_hook, port, partial(self._hooked, plan.name))

    def _hooked(self, host: str, batch_id: str, octets: bytes) -> None:
        self.evidence.hooked.append(Hooked(host, self.world.kernel.now, batch_id, octets))

    def _complain(self, host: str, text: str) -> None:
        self.violations.append(Violation("process_died", text, self.now(), host=host))

    def _services(self, among: tuple[str, ...] | None = None) -> list[Service]:
        return [
            up for name, up in self.stage.up.items() if isinstance(up, Service) and (among is None or name in among)
        ]

    def _living(self) -> tuple[str, ...]:
        """The hosts that must be well in the end."""
        if self.scenario.expect.heal is Heal.SUFFICIENT:
            return self.scenario.expect.sufficient
        return tuple(self._hosts)

    async def _started(self, services: list[Service]) -> bool:
        """Wait until all of them run. Those that do not are complained of."""
        with trio.move_on_after(START_SECONDS):
            while not all(service.running for service in services):  # noqa: ASYNC110 (they come and go)
                await trio.sleep(LOOK_SECONDS)
            return True
        for service in services:
            if not service.running:
                service.complain(f"is not started after {START_SECONDS:g} s")
        return False

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

    def _operated(self, living: tuple[str, ...]) -> list[Service]:
        """The nodes of *living* at whose console somebody was to speak."""
        told = {name for fault in self.scenario.faults if fault.kind is FaultKind.CONSOLE for name in fault.targets}
        return [service for service in self._services(living) if service.host.name in told]

    # -- the end

    async def _drain(self) -> None:
        """Heal what must be well, and wait until all is where it belongs; then count what is open."""
        living, evidence = self._living(), self.evidence
        heal(self.stage, living)
        healed = self.now()
        evidence.drain_limit_seconds = drain_limit(self.scenario)
        for service in self._operated(living):
            await self._consoles.restore(service)
        await self._members.settle(living)
        if await self._idle(living, self.arrivals):
            evidence.drained_after_seconds = self.now() - healed
            await trio.sleep(LAST_SYNC_SECONDS)
            await self._sessions_over(living)
            await self._shares_agree(living)
            if evidence.floating:
                await trio.sleep(evidence.election_limit_seconds + SETTLE_SECONDS)
            self._measure_spools(living)

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
        services = self._services(living)
        if not all(service.running for service in services):
            return False
        arrivals.look(self._hosts)
        if self._anything_missing(living, arrivals):
            return False
        if any((name, address(path)) not in arrivals.reported for name, path in self._due(living)):
            return False
        kept = self._excused | {name: None for struck in self.evidence.struck for name in struck.mails}
        most = sum(len(mail.forward_paths) for mail in self.scenario.mails if mail.name in kept)
        return all([await _queued(service) <= most for service in services])

    def _anything_missing(self, living: tuple[str, ...], arrivals: Arrivals) -> bool:
        """Whether something is not there that was accepted by a host that must be well, and nothing excuses."""
        excuse = excuses(self.evidence, self.arrivals.reported)
        return any(
            (attempt.mail.name, path) not in arrivals.seen and excuse(attempt, path) is Excuse.NONE
            for attempt, path in self._accepted(living)
        )

    def _due(self, living: tuple[str, ...]) -> dict[Delivery, None]:
        """The failures that are to be told, of what such hosts accepted; what else is excused is noted."""
        excuse = excuses(self.evidence, self.arrivals.reported)
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
        with trio.move_on_after(SESSIONS_SECONDS):
            while True:
                self._count(leftover := self.evidence.leftover)
                before, now = (on_one_bus(self.scenario, each) for each in (self.evidence.baseline, leftover))
                if all(now[name] == before.get(name) for name in now if {*name.split(", ")} <= {*living}):
                    return
                await trio.sleep(LOOK_MAX_SECONDS)

    async def _shares_agree(self, living: tuple[str, ...]) -> None:
        """Wait until nodes of a cluster know the same of what they share, at most for as long as that may take."""
        limit = self.evidence.shared_within_seconds = self._members.limit + SHARES_SECONDS
        began = self.now()
        while True:
            known = {service.host.name: known_by(node_of(service)) for service in self._services(living)}
            objects = dict.fromkeys(name for by_object in known.values() for name in by_object)
            self.evidence.shared = {
                name: {host: by_object[name] for host, by_object in known.items() if name in by_object}
                for name in objects
            }
            if not differences(self.evidence.shared) or self.now() - began > limit:
                return
            await trio.sleep(LOOK_SECONDS)

    def _measure_spools(self, living: tuple[str, ...]) -> None:
        """Note how long the logs of drained spools are. Where mail rotted some of it may live for ever."""
        if any(struck.mails for struck in self.evidence.struck):
            return
        for service in self._services(living):
            if (tree := _tree(service)) is not None:
                files = service.host.store.files(f"{SpoolOptions.resolve(tree.chain_global()).base}/log")
                self.evidence.spool_octets.append((service.host.name, self.now(), sum(files.values()), 0))

    def _sample_spools(self, every_seconds: float) -> None:
        """Note how much of the disks the spools take and their mail may take, now and again till the load is over."""
        for service in self._services():
            if service.running and (tree := _tree(service)) is not None:
                base, store = SpoolOptions.resolve(tree.chain_global()).base, service.host.store
                with suppress(OSError):  # it is being made
                    in_use = sum(sum(store.files(f"{base}/{part}").values()) for part in ("log", "content"))
                    live = self._custodian.live_octets(service.host.name)
                    self.evidence.spool_octets.append((service.host.name, self.now(), in_use, live))
        if not self._load_over.is_set():
            kernel = self.world.kernel
            kernel.at(kernel.now + every_seconds, self._sample_spools, every_seconds, rank=Order.END)

    def _count(self, into: dict[str, dict[str, int]]) -> None:
        for service in self._services():
            if service.life is not None and service.running:
                into[service.host.name] = asdict(service.life.usage())

    def _read_logs(self, services: list[Service]) -> None:
        """Before the last power loss: nobody promises that a log lasts."""
        self.evidence.logs_read = self.now()
        for service in services:
            for path in {path: None for log in LOGS for path in words(root_of(service.plan), log) if path}:
                with suppress(OSError):  # it was never made
                    self.evidence.logs[service.host.name, path] = service.host.store.octets(path)

    async def _examine(self) -> None:
        """Power fails everywhere, nothing unsynced survives; what the disks then hold, and owe, is what there is."""
        living = self._living()
        services = self._services(living)
        self._read_logs(services)
        for service in services:
            service.hold()
            service.host.store.power_loss()
            service.end(silently=True)
        for service in services:
            service.release()
        if await self._started(services):
            for service in self._operated(living):
                await self._consoles.look(service)
            durable = self.arrivals.anew()
            await self._idle(living, durable)
        for arrived in self.arrivals.durable(self._hosts):
            if name_in(arrived.octets) is None and is_report(arrived.octets):
                self.evidence.reports.append(read_report(arrived))
            else:
                self.evidence.arrived.append(arrived)


def _sessions(mails: Iterable[Mail]) -> Iterable[list[Mail]]:
    """The mails of each session, in the order of their times."""
    sessions: dict[object, list[Mail]] = {}
    for mail in sorted(mails, key=lambda mail: mail.at_seconds):
        place = mail.source, mail.source_address, mail.target, mail.port, mail.session
        sessions.setdefault(place, []).append(mail)
    return sessions.values()


def _furnished(world: World, plan: HostPlan) -> Host:
    host = world.host(plan.name, *plan.addresses)
    host.skew_seconds, host.clock_rate = plan.clock_skew_seconds, plan.clock_rate
    host.environment.update(plan.environment)
    for name, number in plan.users:
        host.users[number] = host.groups[number] = name
    if "STARTTLS" in plan.sink.offers:
        host.store.put(CERTIFICATE, (certificates.HERE / certificates.SERVER).read_bytes())
        host.store.put(KEY, (certificates.HERE / certificates.SERVER_KEY).read_bytes())
    for path, octets in plan.files:
        host.store.put(path, octets)
    for path in plan.folders:
        host.store.make_folder(path)
    return host


def _lay_links(world: World, scenario: Scenario) -> None:
    for link in scenario.links:
        for path in world.link(world.hosts[link.one], world.hosts[link.other]):
            path.latency_seconds, path.jitter_seconds = link.latency_seconds, link.jitter_seconds
            path.octets_per_second = link.octets_per_second


def _tree(service: Service) -> ConfigTree | None:
    node = node_of(service)
    return None if node is None else node.administration.tree


async def _queued(service: Service) -> int:
    """How many messages the node says it has not delivered; 0 of a sink."""
    node = node_of(service)
    if node is None:
        return 0
    with trio.move_on_after(COUNTS_SECONDS):
        summary = await node.administration.summary()
        return summary.active_queue + summary.delayed_queue
    return NOBODY_KNOWS
