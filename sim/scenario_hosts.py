"""The hosts of a scenario file, and the files their disks hold."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Mapping
from ipaddress import ip_address

from momentum_trio.config.include import ErrorOfReading, NoConfiguration
from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option
from momentum_trio.config.schema import Schema

from .measure import is_address
from .production import HostTree, Production, Reading, load
from .said import Said
from .scenario import CONFIGURED, HOSTS_MAX, Behaviour, HostPlan, Program, SinkPlan, Turn, Way
from .scenario_options import EXTENSIONS, BehaviourOptions, FileOptions, HostOptions

_name = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?").fullmatch
_reply = re.compile(r"[2345][0-9]{2} [ -~]{1,500}").fullmatch


class HostReader:
    """Reads the scopes Host. folder: of the scenario file, which relative paths begin at. schema: the product's."""

    def __init__(self, said: Said, folder: str, reading: Reading, schema: Schema) -> None:
        self._said, self._folder, self._reading, self._schema = said, folder, reading, schema

    def hosts(self, simulation: Scope) -> dict[str, tuple[HostPlan, Scope]]:
        """Every Host, by name. The files a configuration names are not among its files yet."""
        scopes = simulation.all("host")
        if len(scopes) > HOSTS_MAX:
            self._said.wrong(scopes[HOSTS_MAX].at, "Host", f"there are more than {HOSTS_MAX} hosts")
        found = {scope.key: (self._host(scope), scope) for scope in scopes[:HOSTS_MAX]}
        self._same_address([scope for _, scope in found.values()])
        return found

    def _host(self, scope: Scope) -> HostPlan:
        value = self._said.value
        if not _name(scope.key) or is_address(scope.key):
            problem = "expected a host name of letters, digits, '-' and '.'"
            self._said.wrong(self._said.instance_at(scope), scope.name, problem)
        addresses = self._said.required(scope, HostOptions.addresses, 'write addresses = ( "10.0.0.1" )')
        if self._said.is_empty(scope, HostOptions.addresses):
            self._said.wrong_value(scope, HostOptions.addresses, "expected one address at least")
        program = Program(value(scope, HostOptions.program))
        self._users(scope)
        files, sources = self._files(scope)
        return HostPlan(
            name=scope.key,
            addresses=addresses,
            program=program,
            config=self._config_at(scope, program, files),
            config_source=self._source(scope, HostOptions.config),
            root=self._source(scope, HostOptions.root),
            files=tuple(files.items()),
            file_sources=tuple(sources.items()),
            users=value(scope, HostOptions.users),
            environment=value(scope, HostOptions.environment),
            clock_skew_seconds=value(scope, HostOptions.clock_skew),
            clock_rate=value(scope, HostOptions.clock_rate),
            sink=self._sink(scope, program),
        )

    def _sink(self, scope: Scope, program: Program) -> SinkPlan:
        """How a sink is; the same as ever for what is none."""
        if program is not Program.SINK:
            for option in (HostOptions.ports, HostOptions.offers, HostOptions.lmtp, HostOptions.backlog):
                if self._said.is_set(scope, option):
                    self._said.wrong(scope.settings[option.key].at, option.name, f"a {program.value} is no sink")
            for member in scope.all("behaviour"):
                self._said.wrong(member.at, member.name, f"a {program.value} is no sink")
            return SinkPlan()
        offers = self._said.value(scope, HostOptions.offers)
        for word in offers:
            if word not in EXTENSIONS:
                self._said.unknown(scope, HostOptions.offers, word, "extension", EXTENSIONS)
        behaviours = tuple(self._behaviour(member) for member in scope.all("behaviour"))
        ports, lmtp = self._said.value(scope, HostOptions.ports), self._said.value(scope, HostOptions.lmtp)
        return SinkPlan(ports, offers, lmtp, behaviours, self._said.value(scope, HostOptions.backlog))

    def _behaviour(self, scope: Scope) -> Behaviour:
        value, reply = self._said.value, self._said.value(scope, BehaviourOptions.reply)
        if reply and not _reply(reply):
            self._said.wrong_value(
                scope, BehaviourOptions.reply, 'expected a code and a text: "550 5.1.1 no such user"'
            )
        return Behaviour(
            scope.instance,
            Turn(value(scope, BehaviourOptions.turn)),
            Way(value(scope, BehaviourOptions.way)),
            reply,
            value(scope, BehaviourOptions.after),
            value(scope, BehaviourOptions.recipients),
            value(scope, BehaviourOptions.share),
            value(scope, BehaviourOptions.times),
            value(scope, BehaviourOptions.mails),
        )

    def _config_at(self, scope: Scope, program: Program, files: Mapping[str, bytes]) -> str:
        """Where the configuration lies on the host; empty for a program that has none."""
        at = self._said.value(scope, HostOptions.config_at)
        if program not in CONFIGURED:
            for option in (HostOptions.config, HostOptions.config_at):
                if self._said.is_set(scope, option):
                    setting = scope.settings[option.key]
                    self._said.wrong(setting.at, option.name, f"a {program.value} reads no configuration")
            return ""
        if not at.startswith("/") or at.endswith("/"):
            self._said.wrong_value(scope, HostOptions.config_at, "expected the path of a file, from / on")
        if not self._said.value(scope, HostOptions.config) and at not in files:
            hint = 'write config = "ecelerity.conf", or program = client'
            self._said.wrong(scope.at, HostOptions.config.name, f'Host "{scope.instance}" needs it', hint)
        return at

    def _users(self, scope: Scope) -> None:
        taken = {0: "root"}
        for name, uid in self._said.value(scope, HostOptions.users):
            if uid in taken:
                self._said.wrong_value(scope, HostOptions.users, f"{uid} is {taken[uid]}'s number already", word=name)
            taken[uid] = name

    def _same_address(self, scopes: list[Scope]) -> None:
        taken: dict[str, Scope] = {}
        for scope in scopes:
            for address in self._said.value(scope, HostOptions.addresses):
                other = taken.setdefault(address, scope)
                if other is not scope and not ip_address(address).is_loopback:
                    problem = f'{address} is an address of Host "{other.instance}" already, at {other.at}'
                    self._said.wrong_value(scope, HostOptions.addresses, problem, word=address)

    # files

    def _source(self, scope: Scope, option: Option[str]) -> str:
        """The real path *option* names, as it is written in the main scenario file: relative to its folder."""
        source = self._said.value(scope, option)
        setting = scope.settings.get(option.key)
        if not source or setting is None or source.startswith("/"):
            return source
        folder = posixpath.dirname(setting.at.file)
        if folder == self._folder:
            return source
        return posixpath.relpath(posixpath.join(folder, source), self._folder or ".")

    def real(self, source: str) -> str:
        """The path in the real tree that *source* names; empty when it is."""
        return posixpath.normpath(posixpath.join(self._folder, source)) if source else ""

    def _files(self, scope: Scope) -> tuple[dict[str, bytes], dict[str, str]]:
        """The files that stand in the scenario, by path on the host, and for those copied their sources."""
        files: dict[str, bytes] = {}
        sources: dict[str, str] = {}
        for member in scope.all("file"):
            path = member.instance
            if not path.startswith("/") or posixpath.normpath(path) != path or path == "/":
                problem = "expected the path of a file, from / on"
                self._said.wrong(self._said.instance_at(member), member.name, problem)
                continue
            given = [option for option in FileOptions.declared if self._said.is_set(member, option)]
            if len(given) != 1:
                self._said.wrong(member.at, member.name, "expected one of from, text and base64")
                continue
            files[path] = self._octets(member, given[0])
            if given[0] is FileOptions.source:
                sources[path] = self._source(member, FileOptions.source)
        return files, sources

    def _octets(self, member: Scope, given: Option[str]) -> bytes:
        text = self._said.value(member, given)
        if given is FileOptions.text:
            return text.encode()
        if given is FileOptions.base64:
            try:
                return base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                self._said.wrong_value(member, given, "expected base64")
                return b""
        found = self._reading(path := self.real(self._source(member, FileOptions.source)))
        if isinstance(found, bytes):
            return found
        problem = found.problem if isinstance(found, ErrorOfReading) else "a directory, not a file"
        self._said.wrong_value(member, given, f"'{path}': {problem}")
        return b""

    def production(self, plan: HostPlan, scope: Scope) -> Production | None:
        """The configuration of a host that runs the product; None when there is none, which is said."""
        config = self.real(plan.config_source)
        files = HostTree(plan.name, plan.config, config, self.real(plan.root), dict(plan.files), self._reading)
        try:
            return load(files, dict(plan.environment), self._schema)
        except NoConfiguration as wrong:
            said = wrong.errors[0].problem
            self._said.wrong_value(scope, HostOptions.config, f"'{config or plan.config}': {said}")
            return None
