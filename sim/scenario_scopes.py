"""The scopes of a scenario file as values: links, loads, mails, faults, what is expected. Hosts: scenario_hosts.py."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option
from momentum_trio.config.value import Word
from momentum_trio.net.netblock import Netblock

from . import checks, marks
from .measure import DURATION, is_address, shown_seconds
from .member_acts import act_of
from .said import Said, nearest, shown
from .scenario import (
    AT_A_MANAGER,
    CONFIGURED,
    FAULTS_MAX,
    MAILS_MAX,
    NAME_FAULTS,
    SPLITS,
    Act,
    Carried,
    DnsAnswer,
    Expect,
    Fault,
    FaultKind,
    Heal,
    HostPlan,
    Leaving,
    LinkPlan,
    Load,
    Mail,
    Members,
    NamePlan,
    Operator,
    Program,
    Swarm,
)
from .scenario_options import (
    FAULT_OPTIONS,
    FAULTS,
    AtOptions,
    ExpectOptions,
    LinkOptions,
    LoadOptions,
    MailOptions,
    MembersOptions,
    NameOptions,
    OperatorOptions,
    SimulationOptions,
    SwarmOptions,
    is_between,
    is_one,
    lasts,
    may_last,
)
from .zone import wrong_records


@dataclass(frozen=True, slots=True)
class Cast:
    """Who there is. hosts: by name. names: every name that stands for hosts. blocks: addresses that are nobody's."""

    hosts: Mapping[str, HostPlan]
    names: tuple[NamePlan, ...] = ()
    blocks: tuple[Netblock, ...] = ()

    def has_name(self, text: str) -> bool:
        """Whether somebody of the world has this name, or nobody on purpose."""
        name = text.lower().removesuffix(".")
        return name == "localhost" or name in self.hosts or any(_covers(plan.name, name) for plan in self.names)

    def has_address(self, text: str) -> bool:
        """Whether somebody of the world has this address, or nobody on purpose."""
        address = ip_address(text)
        if address.is_loopback or any(str(address) in plan.addresses for plan in self.hosts.values()):
            return True
        return any(block.contains(address) for block in self.blocks)

    def is_place(self, target: str) -> bool:
        """Whether *target*, a name or an address, is in the world."""
        return self.has_address(target) if is_address(target) else self.has_name(target)

    def is_target(self, target: str) -> bool:
        """Whether mail can be sent to *target*, a host or an address."""
        return target in self.hosts or (is_address(target) and self.has_address(target))

    def clients(self) -> list[str]:
        """The hosts mail comes from."""
        return [name for name, plan in self.hosts.items() if plan.program is Program.CLIENT]


def _covers(pattern: str, name: str) -> bool:
    """Whether *pattern*, a name or ``*.`` and one, is *name* or has it below."""
    return pattern == name or (pattern.startswith("*.") and name.endswith(pattern[1:]))


class Reader:
    """One reading of the scopes in ``Simulation``."""

    def __init__(self, said: Said, simulation: Scope, cast: Cast) -> None:
        self._said, self._simulation, self._cast = said, simulation, cast
        self._duration = said.value(simulation, SimulationOptions.duration)

    def _hosts_of(
        self, scope: Scope, option: Option[tuple[str, ...]], among: Iterable[str] | None = None
    ) -> tuple[str, ...]:
        """The hosts *option* names, those there are."""
        known = tuple(self._cast.hosts if among is None else among)
        named = self._said.value(scope, option)
        for name in named:
            if name not in known:
                what = "host" if name not in self._cast.hosts else "client"
                self._said.unknown(scope, option, name, what, known)
        return named

    def _within(self, scope: Scope, option: Option[float]) -> float:
        """A time before the end."""
        seconds = self._said.value(scope, option)
        if seconds > self._duration:
            self._too_late(scope, option, seconds)
        return seconds

    def _too_late(self, scope: Scope, option: Option[float], seconds: float) -> None:
        problem = f"{shown_seconds(seconds)} is after the end: duration is {shown_seconds(self._duration)}"
        self._said.wrong_value(scope, option, problem)

    def _once(self, scope: Scope) -> None:
        """Scopes that describe one thing are not said in pieces."""
        for again in scope.openings[1:]:
            self._said.wrong(again, scope.name, f"there is a {shown(scope)} already, at {scope.at}", "names are unique")

    # links and names

    def names(self) -> tuple[NamePlan, ...]:
        """The scopes Name."""
        found = []
        for scope in self._simulation.all("name"):
            name = scope.instance.lower().removesuffix(".")
            if name in self._cast.hosts:
                self._said.wrong(self._said.instance_at(scope), scope.name, f"'{name}' is a host's name already")
            self._once(scope)
            value = self._said.value
            plan = NamePlan(
                name,
                self._hosts_of(scope, NameOptions.hosts),
                value(scope, NameOptions.mx),
                value(scope, NameOptions.records),
                DnsAnswer(value(scope, NameOptions.answer)),
                value(scope, NameOptions.after),
                value(scope, NameOptions.lost),
                value(scope, NameOptions.truncated),
            )
            for option, problem in wrong_records(plan):
                self._said.wrong_value(scope, option, problem)
            found.append(plan)
        return tuple(found)

    def exchangers(self) -> None:
        """Say which names that MX records lead to nobody has."""
        for scope in self._simulation.all("name"):
            for text in self._said.value(scope, NameOptions.mx):
                target = text.split()[-1] if text.split() else ""
                if target != "." and not self._cast.has_name(target):
                    known = [*self._cast.hosts, *(plan.name for plan in self._cast.names)]
                    self._said.unknown(scope, NameOptions.mx, target, "name", known)

    def links(self) -> tuple[LinkPlan, ...]:
        """The scopes Link."""
        found: dict[frozenset[str], tuple[LinkPlan, Scope]] = {}
        for scope in self._simulation.all("link"):
            at = self._said.instance_at(scope)
            ends = scope.instance.split()
            if len(ends) != 2 or ends[0] == ends[1]:
                self._said.wrong(at, scope.name, "a link lies between two hosts", 'write Link "ONE OTHER" { ... }')
                continue
            for end in ends:
                if end not in self._cast.hosts:
                    self._said.wrong(at, scope.name, f"there is no host '{end}'", nearest(end, self._cast.hosts))
            value = self._said.value
            plan = LinkPlan(
                ends[0],
                ends[1],
                value(scope, LinkOptions.latency),
                value(scope, LinkOptions.jitter),
                value(scope, LinkOptions.bandwidth),
                value(scope, LinkOptions.loss),
            )
            other = found.setdefault(frozenset(ends), (plan, scope))[1]
            if other is not scope:
                self._said.wrong(at, scope.name, f"that link is described at {other.at} already")
        return tuple(plan for plan, _ in found.values())

    # mail

    def _place(self, scope: Scope, option: Option[tuple[str, int]]) -> tuple[str, int]:
        place = self._said.required(scope, option, 'write to = "HOST:25"')
        target = place[0]
        if target and not self._cast.is_target(target):
            self._said.unknown(scope, option, target, "host", self._cast.hosts)
        return place

    def _recipients(self, scope: Scope, option: Option[tuple[str, ...]]) -> tuple[str, ...]:
        paths = self._said.required(scope, option, 'write recipients = ( "a@b.example" )')
        if self._said.is_empty(scope, option):
            self._said.wrong_value(scope, option, "expected one forward-path at least")
        return paths

    def loads(self) -> tuple[Load, ...]:
        """The scopes Load."""
        return tuple(self._load(scope) for scope in self._simulation.all("load"))

    def _load(self, scope: Scope) -> Load:
        self._once(scope)
        value = self._said.value
        target, port = self._place(scope, LoadOptions.target)
        paths = self._recipients(scope, LoadOptions.recipients)
        count, counts = value(scope, LoadOptions.count), value(scope, LoadOptions.recipient_count)
        if count > MAILS_MAX:
            self._said.wrong_value(scope, LoadOptions.count, f"expected at most {MAILS_MAX} messages")
        self._said.required(scope, LoadOptions.source, 'write from = "CLIENT"')
        if not counts[0]:
            self._said.wrong_value(scope, LoadOptions.recipient_count, "expected one recipient at least")
        sources = self._hosts_of(scope, LoadOptions.source, self._cast.clients())
        at, sessions = self._within(scope, LoadOptions.at), value(scope, LoadOptions.session_mails)
        if not sessions[0]:
            self._said.wrong_value(scope, LoadOptions.session_mails, "expected one message at least")
        return Load(
            name=scope.instance,
            source=sources,
            target=target,
            port=port,
            count=count,
            at_seconds=at,
            seconds=self._seconds(scope, LoadOptions.seconds, at),
            octets=value(scope, LoadOptions.octets),
            recipients=counts,
            forward_paths=paths,
            reverse_path=value(scope, LoadOptions.sender),
            session_mails=sessions,
            source_addresses=self._addresses(scope, LoadOptions.addresses, sources),
            leaves=value(scope, LoadOptions.leaves),
            notify=value(scope, LoadOptions.notify),
            chunks=value(scope, LoadOptions.chunks),
            carried=Carried(value(scope, LoadOptions.carried)),
            keys=value(scope, LoadOptions.keys),
        )

    def _seconds(self, scope: Scope, option: Option[float], at: float) -> float:
        """How long a load or an operator's work lasts: not beyond the end."""
        seconds, left = self._said.value(scope, option), max(self._duration - at, 0.0)
        if seconds > left and self._said.is_set(scope, option):
            self._too_late(scope, option, at + seconds)
        return min(seconds, left)

    def _addresses(self, scope: Scope, option: Option[tuple[str, ...]], sources: tuple[str, ...]) -> tuple[str, ...]:
        """Addresses that each of *sources* has."""
        addresses = self._said.value(scope, option)
        for source in sources:
            own = self._cast.hosts[source].addresses if source in self._cast.hosts else addresses
            for address in addresses:
                if address not in own:
                    problem = f'Host "{source}" has no address {address}'
                    self._said.wrong_value(scope, option, problem, nearest(address, own), word=address)
        return addresses

    def mails(self) -> tuple[Mail, ...]:
        """The scopes Mail."""
        scopes = self._simulation.all("mail")
        if len(scopes) > MAILS_MAX:
            self._said.wrong(scopes[MAILS_MAX].at, "Mail", f"there are more than {MAILS_MAX} messages")
        return tuple(self._mail(scope) for scope in scopes[:MAILS_MAX])

    def _mail(self, scope: Scope) -> Mail:
        self._once(scope)
        value = self._said.value
        target, port = self._place(scope, MailOptions.target)
        self._said.required(scope, MailOptions.source, 'write from = "CLIENT"')
        sources = self._hosts_of(scope, MailOptions.source, self._cast.clients())
        addresses = self._addresses(scope, MailOptions.address, sources)
        return Mail(
            name=scope.instance,
            at_seconds=self._within(scope, MailOptions.at),
            source=sources[0] if sources else "",
            target=target,
            port=port,
            forward_paths=self._recipients(scope, MailOptions.recipients),
            reverse_path=value(scope, MailOptions.sender),
            octets=value(scope, MailOptions.octets),
            session=value(scope, MailOptions.session),
            source_address=addresses[0] if addresses else "",
            leaves=Leaving(value(scope, MailOptions.leaves)),
            notify=value(scope, MailOptions.notify),
            chunks=value(scope, MailOptions.chunks),
            carried=Carried(value(scope, MailOptions.carried)),
            key=value(scope, MailOptions.key),
        )

    # operators

    def operators(self) -> tuple[Operator, ...]:
        """The scopes Operator."""
        return tuple(self._operator(scope) for scope in self._simulation.all("operator"))

    def _operator(self, scope: Scope) -> Operator:
        self._once(scope)
        value, option = self._said.value, OperatorOptions.host
        self._said.required(scope, option, 'write console = "HOST"')
        nodes, hosts = [*self._nodes(), *self._managers()], value(scope, option)
        for name in hosts:
            if name not in nodes:
                self._said.unknown(scope, option, name, "host that runs the product", nodes)
        count, at = value(scope, OperatorOptions.count), self._within(scope, OperatorOptions.at)
        if count > FAULTS_MAX:
            self._said.wrong_value(scope, OperatorOptions.count, f"expected at most {FAULTS_MAX} conversations")
        acts = self._words_of(scope, OperatorOptions.acts, "act", [act.value for act in Act])
        known = tuple(act for act in Act if act.value in acts)
        at_a_manager = bool(hosts) and hosts[0] in self._managers()
        if not any((act in AT_A_MANAGER) is at_a_manager for act in known):
            where = "manager" if at_a_manager else "node"
            self._said.wrong_value(
                scope, OperatorOptions.acts, f"expected one act at least of an operator of a {where}"
            )
        seconds = self._seconds(scope, OperatorOptions.seconds, at)
        return Operator(scope.instance, hosts[0] if hosts else "", count, at, seconds, known)

    def _nodes(self) -> list[str]:
        return [name for name, plan in self._cast.hosts.items() if plan.program is Program.ECELERITY]

    def _managers(self) -> list[str]:
        return [name for name, plan in self._cast.hosts.items() if plan.program is Program.ECCMGR]

    # members of the bus

    def members(self) -> tuple[Members, ...]:
        """The scopes Members."""
        return tuple(self._members(scope) for scope in self._simulation.all("members"))

    def _members(self, scope: Scope) -> Members:
        self._once(scope)
        value = self._said.value
        self._said.required(scope, MembersOptions.hosts, 'write beside = ( "HOST" )')
        self._said.required(scope, MembersOptions.groups, 'write groups = ( "red" )')
        for option in (MembersOptions.hosts, MembersOptions.groups):
            if self._said.is_empty(scope, option):
                self._said.wrong_value(scope, option, "expected one at least")
        count, at = value(scope, MembersOptions.count), self._within(scope, MembersOptions.at)
        if count > FAULTS_MAX:
            self._said.wrong_value(scope, MembersOptions.count, f"expected at most {FAULTS_MAX} acts")
        hosts = self._hosts_of(scope, MembersOptions.hosts, self._nodes())
        seconds = self._seconds(scope, MembersOptions.seconds, at)
        return Members(scope.instance, hosts, value(scope, MembersOptions.groups), count, at, seconds)

    # faults

    def faults(self) -> tuple[Fault, ...]:
        """The scopes At, in the order of the text."""
        written = [one for scope in self._simulation.all("at") for one in self._said.each(scope)]
        written.sort(key=lambda scope: self._said.order(scope.at))
        if len(written) > FAULTS_MAX:
            self._said.wrong(written[FAULTS_MAX].at, "At", f"there are more than {FAULTS_MAX} faults")
        return tuple(fault for scope in written[:FAULTS_MAX] for fault in self._faults_at(scope))

    def _faults_at(self, scope: Scope) -> Iterator[Fault]:
        """The faults of one At: one, or for several hosts one each."""
        try:
            at = DURATION.parse(Word(scope.instance))
        except ValueError as wrong:
            self._said.wrong(self._said.instance_at(scope), scope.name, str(wrong))
            return
        if at > self._duration:
            problem = f"{shown_seconds(at)} is after the end: duration is {shown_seconds(self._duration)}"
            self._said.wrong(self._said.instance_at(scope), scope.name, problem)
        kinds = [kind for kind, option in FAULT_OPTIONS.items() if self._said.is_set(scope, option)]
        if len(kinds) != 1:
            self._not_one(scope, kinds)
            return
        kind = kinds[0]
        targets = self._targets(scope, kind)
        seconds, amount, text = self._lasting(scope, kind), self._amount(scope, kind), self._text(scope, kind)
        for each in (targets,) if is_one(kind) else ((target,) for target in targets):
            yield Fault(kind, at, each, seconds, amount, text)

    def _not_one(self, scope: Scope, kinds: list[FaultKind]) -> None:
        if kinds:
            second = scope.settings[kinds[1].value]
            self._said.wrong(second.at, second.name, f"{shown(scope)} has {kinds[0].value} already", "write another At")
        elif not any(key not in _BESIDE_KINDS for key in scope.settings):  # an unknown one is said elsewhere
            self._said.wrong(scope.at, scope.name, "nothing breaks here", 'write a fault, such as pause = "HOST"')

    def _targets(self, scope: Scope, kind: FaultKind) -> tuple[str, ...]:
        option = FAULT_OPTIONS[kind]
        among = None
        if (programs := _ONLY_OF.get(kind)) is not None:
            among = [name for name, plan in self._cast.hosts.items() if plan.program in programs]
        targets = self._said.value(scope, option)
        for name in targets:
            if name not in self._cast.hosts:
                self._said.unknown(scope, option, name, "host", self._cast.hosts)
            elif among is not None and name not in among:
                what = "is no nameserver" if kind in NAME_FAULTS else "does not run the product"
                self._said.wrong_value(scope, option, f"'{name}' {what}", word=name)
        if is_between(kind) and (len(targets) != 2 or targets[0] == targets[1]):
            self._said.wrong_value(scope, option, 'expected two hosts, ( "ONE" "OTHER" )')
        elif not targets:
            self._said.wrong_value(scope, option, "expected one host at least")
        return targets

    def _lasting(self, scope: Scope, kind: FaultKind) -> float:
        option = AtOptions.seconds
        if lasts(kind):
            return self._said.required(scope, option, 'write for = "4s"')
        if may_last(kind):
            return self._said.value(scope, option)
        if self._said.is_set(scope, option):
            at, problem = scope.settings[option.key].at, f"{kind.value} happens at once: it has no duration"
            self._said.wrong(at, option.name, problem)
        return 0.0

    def _amount(self, scope: Scope, kind: FaultKind) -> float:
        option, form = AtOptions.amount, FAULTS[kind]
        if form.amount is None:
            if self._said.is_set(scope, option):
                self._said.wrong(scope.settings[option.key].at, option.name, f"{kind.value} has no amount")
            return 0.0
        self._said.required(scope, option, f"of {kind.value}: {form.unit}")
        setting = scope.settings.get(option.key)
        if setting is None:
            return 0.0
        try:
            return float(form.amount.parse(setting.value))
        except ValueError as wrong:
            self._said.wrong_value(scope, option, str(wrong), f"of {kind.value}: {form.unit}")
            return 0.0

    def _text(self, scope: Scope, kind: FaultKind) -> str:
        option = AtOptions.text
        if FAULTS[kind].has_text:
            text = self._said.required(scope, option, f'write text = "{_TEXTS[kind]}"')
            if kind is FaultKind.MEMBER and text:
                try:
                    act_of(text)
                except ValueError as wrong:
                    self._said.wrong_value(scope, option, str(wrong))
            return text
        if self._said.is_set(scope, option):
            self._said.wrong(scope.settings[option.key].at, option.name, f"{kind.value} has no text")
        return ""

    def swarm(self) -> Swarm | None:
        """The scope Swarm."""
        scope = self._simulation.child("swarm")
        if scope is None:
            return None
        value = self._said.value
        kinds = []
        known = {kind.value: kind for kind in FaultKind if not FAULTS[kind].has_text}
        for word in self._said.required(scope, SwarmOptions.kinds, 'write faults = ( "kill" "partition" )'):
            if word in known:
                kinds.append(known[word])
            else:
                self._said.unknown(scope, SwarmOptions.kinds, word, "fault to draw", known)
        count = value(scope, SwarmOptions.count)
        if count[1] > FAULTS_MAX:
            self._said.wrong_value(scope, SwarmOptions.count, f"expected at most {FAULTS_MAX} faults")
        hosts = self._hosts_of(scope, SwarmOptions.hosts)
        return Swarm(
            tuple(kinds), hosts, count, value(scope, SwarmOptions.seconds), self._within(scope, SwarmOptions.at)
        )

    def expect(self) -> Expect:
        """The scope Expect; without one, everything must hold."""
        scope = self._simulation.child("expect")
        if scope is None:
            return Expect()
        value = self._said.value
        heal = Heal(value(scope, ExpectOptions.heal))
        sufficient = self._hosts_of(scope, ExpectOptions.sufficient)
        if heal is Heal.SUFFICIENT and not sufficient:
            self._said.wrong_value(scope, ExpectOptions.heal, "which hosts suffice?", 'write sufficient = ( "HOST" )')
        return Expect(
            self._words_of(scope, ExpectOptions.without, "invariant", [check.name for check in checks.ALL]),
            value(scope, ExpectOptions.drained_within),
            heal,
            sufficient,
            value(scope, ExpectOptions.reported),
            value(scope, ExpectOptions.duplicates),
            self._words_of(scope, ExpectOptions.marks, "mark", sorted(marks.NAMES)),
        )

    def _words_of(
        self, scope: Scope, option: Option[tuple[str, ...]], what: str, known: Collection[str]
    ) -> tuple[str, ...]:
        """Words of *option*, each one of *known*."""
        words = self._said.value(scope, option)
        for word in words:
            if word not in known:
                self._said.unknown(scope, option, word, what, known)
        return words


_BESIDE_KINDS = frozenset(option.key for option in AtOptions.declared)
_TEXTS = {FaultKind.CONSOLE: "config show", FaultKind.MEMBER: "join red"}
_NODES = frozenset({Program.ECELERITY})
_ONLY_OF = {
    FaultKind.CONSOLE: CONFIGURED,
    FaultKind.MEMBER: _NODES,
    FaultKind.BIT_ROT: _NODES,
    **dict.fromkeys(SPLITS, _NODES),
    **dict.fromkeys(NAME_FAULTS, frozenset({Program.NAMESERVER})),
}
