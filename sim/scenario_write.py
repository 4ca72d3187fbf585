"""A concrete scenario as text: what a failing run is saved as. Read again, it is equal."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Iterator
from typing import Any, TypeVar

from momentum_trio.config.kind import quoted
from momentum_trio.config.option import Kind, Option

from .measure import shown_seconds
from .scenario import (
    CONFIGURED,
    Behaviour,
    Expect,
    Fault,
    HostPlan,
    LinkPlan,
    Load,
    Mail,
    Members,
    NamePlan,
    Operator,
    Scenario,
    Swarm,
)
from .scenario_options import (
    FAULT_OPTIONS,
    FAULTS,
    AtOptions,
    BehaviourOptions,
    ExpectOptions,
    FileOptions,
    HostOptions,
    LinkOptions,
    LoadOptions,
    MailOptions,
    MembersOptions,
    NameOptions,
    OperatorOptions,
    SimulationOptions,
    SwarmOptions,
    lasts,
)

T = TypeVar("T")
INDENT = "  "


def write(scenario: Scenario, folder: str | None = None) -> str:
    """*scenario* as text. folder: of the file it will be; paths of other files are written relative to it.

    Without *folder*, that of ``scenario.source``: paths stay as they were. What a host's files were read from is named,
    not copied: read again, they are what is there then.
    """
    own = posixpath.dirname(scenario.source)
    writer = _Writer(own, own if folder is None else folder)
    return "\n".join(("Simulation {", *_indented(writer.simulation(scenario)), "}", ""))


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (INDENT + line if line else "" for line in lines)


def _said(option: Option[T], value: T, *, always: bool = False) -> Iterator[str]:
    """``name = value``, unless it is the default."""
    if always or value != option.default:
        yield f"{option.name} = {option.kind.show(value)}"


def _block(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from _indented(lines)
    yield "}"


def _line(head: str, *parts: Iterator[str]) -> str:
    return f"{head} {{ {' '.join(text for part in parts for text in part)} }}"


class _Writer:
    """One writing. own: the folder that relative paths begin at; folder: the one they shall begin at."""

    def __init__(self, own: str, folder: str) -> None:
        self._own, self._folder = own, folder

    def simulation(self, scenario: Scenario) -> Iterator[str]:
        yield from _said(SimulationOptions.duration, scenario.duration_seconds, always=True)
        yield from _said(SimulationOptions.seed, scenario.seed, always=True)
        yield from _said(SimulationOptions.short, scenario.short_share)
        yield from _said(SimulationOptions.unreachable, scenario.unreachable)
        for plan in scenario.hosts:
            yield ""
            yield from _block(f"Host {quoted(plan.name)}", self._host(plan))
        for part in (
            map(_name, scenario.names),
            map(_link, scenario.links),
            (line for load in scenario.loads for line in _block(f"Load {quoted(load.name)}", _load(load))),
            map(_mail, scenario.mails),
            map(_operator, scenario.operators),
            map(_members, scenario.members),
            map(_fault, scenario.faults),
            () if scenario.swarm is None else _block("Swarm", _swarm(scenario.swarm)),
            () if scenario.expect == Expect() else _block("Expect", _expect(scenario.expect)),
        ):
            lines = list(part)
            yield from ("", *lines) if lines else ()

    def _path(self, source: str) -> str:
        if not source or source.startswith("/") or self._own == self._folder:
            return source
        return posixpath.relpath(posixpath.join(self._own or ".", source), self._folder or ".")

    def _host(self, plan: HostPlan) -> Iterator[str]:
        yield from _said(HostOptions.addresses, plan.addresses, always=True)
        yield from _said(HostOptions.program, plan.program.value)
        yield from _said(HostOptions.config, self._path(plan.config_source))
        if plan.program in CONFIGURED:
            yield from _said(HostOptions.config_at, plan.config)
        yield from _said(HostOptions.root, self._path(plan.root))
        yield from _said(HostOptions.users, plan.users)
        yield from _said(HostOptions.environment, plan.environment)
        yield from _said(HostOptions.clock_skew, plan.clock_skew_seconds)
        yield from _said(HostOptions.clock_rate, plan.clock_rate)
        yield from _said(HostOptions.ports, plan.sink.ports)
        yield from _said(HostOptions.offers, plan.sink.offers)
        yield from _said(HostOptions.lmtp, plan.sink.lmtp)
        yield from _said(HostOptions.backlog, plan.sink.backlog)
        yield from map(_behaviour, plan.sink.behaviours)
        sources = dict(plan.file_sources)
        for path, octets in plan.files:
            if sources.get(path) != "":
                yield _line(f"File {quoted(path)}", self._file(octets, sources.get(path, "")))

    def _file(self, octets: bytes, source: str) -> Iterator[str]:
        if source:
            return _said(FileOptions.source, self._path(source))
        try:
            text = octets.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            return _said(FileOptions.base64, base64.b64encode(octets).decode(), always=True)
        return _said(FileOptions.text, text, always=True)


def _behaviour(behaviour: Behaviour) -> str:
    return _line(
        f"Behaviour {quoted(behaviour.name)}",
        _said(BehaviourOptions.turn, behaviour.turn.value, always=True),
        _said(BehaviourOptions.way, behaviour.way.value),
        _said(BehaviourOptions.reply, behaviour.reply),
        _said(BehaviourOptions.after, behaviour.after_seconds),
        _said(BehaviourOptions.recipients, behaviour.recipients),
        _said(BehaviourOptions.share, behaviour.share),
        _said(BehaviourOptions.times, behaviour.times),
        _said(BehaviourOptions.mails, behaviour.mails),
    )


def _name(plan: NamePlan) -> str:
    return _line(
        f"Name {quoted(plan.name)}",
        _said(NameOptions.hosts, plan.hosts),
        _said(NameOptions.mx, plan.mx),
        _said(NameOptions.records, plan.records),
        _said(NameOptions.answer, plan.answer.value),
        _said(NameOptions.after, plan.after_seconds),
        _said(NameOptions.lost, plan.lost),
        _said(NameOptions.truncated, plan.truncated),
    )


def _link(plan: LinkPlan) -> str:
    return _line(
        f"Link {quoted(f'{plan.one} {plan.other}')}",
        _said(LinkOptions.latency, plan.latency_seconds, always=True),
        _said(LinkOptions.jitter, plan.jitter_seconds),
        _said(LinkOptions.bandwidth, plan.octets_per_second),
        _said(LinkOptions.loss, plan.loss),
    )


def _load(load: Load) -> Iterator[str]:
    yield from _said(LoadOptions.source, load.source, always=True)
    yield from _said(LoadOptions.addresses, load.source_addresses)
    yield from _said(LoadOptions.target, (load.target, load.port), always=True)
    yield from _said(LoadOptions.recipients, load.forward_paths, always=True)
    yield from _said(LoadOptions.sender, load.reverse_path)
    yield from _said(LoadOptions.count, load.count, always=True)
    yield from _said(LoadOptions.at, load.at_seconds)
    yield from _said(LoadOptions.seconds, load.seconds, always=True)
    yield from _said(LoadOptions.octets, load.octets)
    yield from _said(LoadOptions.recipient_count, load.recipients)
    yield from _said(LoadOptions.session_mails, load.session_mails)
    yield from _said(LoadOptions.leaves, load.leaves)
    yield from _said(LoadOptions.notify, load.notify)
    yield from _said(LoadOptions.chunks, load.chunks)
    yield from _said(LoadOptions.carried, load.carried.value)
    yield from _said(LoadOptions.keys, load.keys)


def _mail(mail: Mail) -> str:
    return _line(
        f"Mail {quoted(mail.name)}",
        _said(MailOptions.at, mail.at_seconds, always=True),
        _said(MailOptions.source, (mail.source,), always=True),
        _said(MailOptions.address, (mail.source_address,) if mail.source_address else ()),
        _said(MailOptions.target, (mail.target, mail.port), always=True),
        _said(MailOptions.recipients, mail.forward_paths, always=True),
        _said(MailOptions.sender, mail.reverse_path),
        _said(MailOptions.octets, mail.octets),
        _said(MailOptions.session, mail.session),
        _said(MailOptions.leaves, mail.leaves.value),
        _said(MailOptions.notify, mail.notify),
        _said(MailOptions.chunks, mail.chunks),
        _said(MailOptions.carried, mail.carried.value),
        _said(MailOptions.key, mail.key),
    )


def _operator(operator: Operator) -> str:
    return _line(
        f"Operator {quoted(operator.name)}",
        _said(OperatorOptions.host, (operator.host,), always=True),
        _said(OperatorOptions.count, operator.count, always=True),
        _said(OperatorOptions.at, operator.at_seconds),
        _said(OperatorOptions.seconds, operator.seconds, always=True),
        _said(OperatorOptions.acts, tuple(act.value for act in operator.acts)),
    )


def _members(members: Members) -> str:
    return _line(
        f"Members {quoted(members.name)}",
        _said(MembersOptions.hosts, members.hosts, always=True),
        _said(MembersOptions.groups, members.groups, always=True),
        _said(MembersOptions.count, members.count, always=True),
        _said(MembersOptions.at, members.at_seconds),
        _said(MembersOptions.seconds, members.seconds, always=True),
    )


def _fault(fault: Fault) -> str:
    form = FAULTS[fault.kind]
    amount = "" if form.amount is None else _amount(form.amount, fault.amount)
    return _line(
        f"At {quoted(shown_seconds(fault.at_seconds))}",
        _said(FAULT_OPTIONS[fault.kind], fault.targets, always=True),
        _said(AtOptions.seconds, fault.seconds, always=lasts(fault.kind)),
        iter((f"{AtOptions.amount.name} = {amount}",) if amount else ()),
        _said(AtOptions.text, fault.text, always=form.has_text),
    )


def _amount(kind: Kind[Any], amount: float) -> str:
    """*amount* as its kind shows it; kinds of whole numbers have it as a float."""
    return str(kind.show(int(amount) if amount == int(amount) else amount))


def _swarm(swarm: Swarm) -> Iterator[str]:
    yield from _said(SwarmOptions.kinds, tuple(kind.value for kind in swarm.kinds), always=True)
    yield from _said(SwarmOptions.hosts, swarm.hosts)
    yield from _said(SwarmOptions.count, swarm.count)
    yield from _said(SwarmOptions.seconds, swarm.seconds)
    yield from _said(SwarmOptions.at, swarm.at_seconds)


def _expect(expect: Expect) -> Iterator[str]:
    yield from _said(ExpectOptions.without, expect.without)
    yield from _said(ExpectOptions.drained_within, expect.drained_within_seconds)
    yield from _said(ExpectOptions.heal, expect.heal.value)
    yield from _said(ExpectOptions.sufficient, expect.sufficient)
    yield from _said(ExpectOptions.reported, expect.reported)
    yield from _said(ExpectOptions.duplicates, expect.duplicates)
    yield from _said(ExpectOptions.marks, expect.marks)
