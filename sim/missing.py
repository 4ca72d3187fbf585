"""What a production configuration takes for granted and the simulated world lacks: each with its place, and with what
to add to the scenario. To be told so at load is better than a timeout an hour into a swarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from urllib.parse import urlsplit

from momentum_trio.config.check import LISTENER_KINDS
from momentum_trio.config.error import ConfigError
from momentum_trio.config.floating import floating
from momentum_trio.config.include import DirectoryListing, ErrorOfReading
from momentum_trio.config.kind import quoted
from momentum_trio.config.merged import Scope
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Dictionary, Position, Setting, Value, Word
from momentum_trio.listener.listen_options import ListenOptions
from momentum_trio.net.endpoint import Family

from .measure import IDS, is_address, show_words
from .production import HostTree, Production
from .said import instance_at, value_at
from .scenario import HostPlan, Program
from .scenario_scopes import Cast

FIRST_UID = 1000
FILES_OF_FOLDER_MAX = 1000


class Missing(Enum):
    """What kind of thing is lacking; the value says it of one, ``%s``."""

    ADDRESS = "the host has no address %s"
    USER = "the host has no user '%s'"
    GROUP = "the host has no group '%s'"
    FILE = "there is no file '%s'"
    NAME = "nobody in this world is called '%s'"
    REMOTE = "nobody in this world has the address %s"
    INCLUDE = "'%s' is on the network: nothing is fetched from there"


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is lacking. at: where the configuration asks for it. line: what to add."""

    missing: Missing
    what: str
    host: str
    at: Position
    option: str
    line: str

    def error(self) -> ConfigError:
        """The same as an error of the configuration."""
        return ConfigError(self.at, self.option, self.missing.value % self.what, self.line)


def lacks(production: Production, plan: HostPlan, cast: Cast) -> list[Lack]:
    """What *production*, the configuration of *plan*, needs and the world of *cast* does not have.

    Files it names are taken from the real tree where they are there (``production.files``).
    """
    line = "save it beside the file that includes it, and include the copy"
    found = [Lack(Missing.INCLUDE, file, plan.name, at, "include", line) for at, file in production.fetched]
    if production.tree is not None:
        found += _Search(production.tree, production.files, plan, cast).all()
    return found


class _Search:
    """The search through one configuration."""

    def __init__(self, tree: ConfigTree, files: HostTree, plan: HostPlan, cast: Cast) -> None:
        self._tree, self._files, self._plan, self._cast = tree, files, plan, cast
        # what there will be once what was said so far is added
        self._addresses = {name: other.addresses for name, other in cast.hosts.items()}
        self._floating = floating(tree)
        self._users = plan.users
        self._names: list[str] = []
        self._look: Mapping[str, Callable[[Scope, Setting], Iterator[Lack]]] = {
            **dict.fromkeys(_REMOTES, self._remotes),
            **dict.fromkeys(_LOCALS, self._locals),
            **dict.fromkeys(_FILES, self._named_files),
            "authdigestmd5parameters": self._digests,
        }

    def all(self) -> Iterator[Lack]:
        yield from self._listens()
        yield from self._scope(self._tree.root)

    def _lack(self, missing: Missing, what: str, at: Position, option: str, line: str) -> Lack:
        at = Position(self._files.real_name(at.file), at.line, at.column)
        return Lack(missing, what, self._plan.name, at, option, line)

    def _to_host(self, statement: str) -> str:
        return f'add to Host "{self._plan.name}": {statement}'

    # addresses of its own

    def _listens(self) -> Iterator[Lack]:
        for kind in LISTENER_KINDS:
            for scope in self._tree.listens(kind):
                endpoint = scope.endpoint
                enabled = ListenOptions.resolve(self._tree.chain_for(kind, endpoint, None)).enable
                if enabled and endpoint.family is not Family.UNIX and not endpoint.is_wildcard:
                    yield from self._local(endpoint.address, instance_at(self._tree, scope), "Listen")

    def _local(self, address: str, at: Position, option: str) -> Iterator[Lack]:
        here = ip_address(address).is_loopback or address in self._addresses[self._plan.name]
        if not here and address not in self._floating:
            line = self._to_host(self._with_address(self._plan.name, address))
            yield self._lack(Missing.ADDRESS, address, at, option, line)

    def _with_address(self, host: str, address: str) -> str:
        self._addresses[host] += (address,)
        return f"addresses = {show_words(self._addresses[host])}"

    # options

    def _scope(self, scope: Scope) -> Iterator[Lack]:
        schema = self._tree.schema
        for key, setting in scope.settings.items():
            entry = schema.options.get((scope.kind, key))
            if entry is None or entry.is_out_of_scope:
                continue
            if scope.kind == "security":
                yield from self._security(setting, key)
            elif key in self._look:
                yield from self._look[key](scope, setting)
        for member in scope.children:
            of_member = schema.scopes.get(member.kind)
            if of_member is not None and not of_member.is_opaque and not of_member.is_out_of_scope:
                yield from self._scope(member)

    def _security(self, setting: Setting, key: str) -> Iterator[Lack]:
        missing = {"user": Missing.USER, "group": Missing.GROUP, "supplemental_groups": Missing.GROUP}.get(key)
        if missing is None:
            return
        for name in _texts(setting.value):
            if name and not name.isdigit() and name not in ("root", *(user for user, _ in self._users)):
                uid = max((FIRST_UID - 1, *(uid for _, uid in self._users))) + 1
                self._users += ((name, uid),)
                line = self._to_host(f"users = {IDS.show(self._users)}")
                yield self._lack(missing, name, self._at(setting, name), setting.name, line)

    def _locals(self, scope: Scope, setting: Setting) -> Iterator[Lack]:
        for text in _texts(setting.value):
            bare = text.removeprefix("[").removesuffix("]")
            if is_address(bare) and not ip_address(bare).is_unspecified:
                yield from self._local(str(ip_address(bare)), self._at(setting, text), setting.name)

    # other hosts

    def _remotes(self, scope: Scope, setting: Setting) -> Iterator[Lack]:
        for text in _texts(setting.value):
            target = host_of(text).lower()
            if not target or target.startswith("__") or self._cast.is_place(target):
                continue
            at, who = self._at(setting, text), self._somebody()
            if not is_address(target):
                if target not in self._names:
                    self._names.append(target)
                    line = f'add to Simulation: Name {quoted(target)} {{ is = "{who}" }}'
                    yield self._lack(Missing.NAME, target, at, setting.name, line)
            elif not any((address := str(ip_address(target))) in own for own in self._addresses.values()):
                line = f'add to Host "{who}": {self._with_address(who, address)}'
                line += f", or to Simulation: unreachable = {quoted(address)}"
                yield self._lack(Missing.REMOTE, address, at, setting.name, line)

    def _somebody(self) -> str:
        """A host that may stand for one outside: a sink, if there is one."""
        hosts = self._cast.hosts.values()
        sinks = [plan.name for plan in hosts if plan.program is Program.SINK]
        others = [plan.name for plan in hosts if plan.name != self._plan.name]
        return (*sinks, *others, self._plan.name)[0]

    # files

    def _named_files(self, scope: Scope, setting: Setting) -> Iterator[Lack]:
        if isinstance(setting.value, Word) and setting.value.text:
            yield from self._file(setting, setting.value.text, setting.value.text)

    def _digests(self, scope: Scope, setting: Setting) -> Iterator[Lack]:
        uris = (text for text in _texts(setting.value) if text.startswith("digest://"))
        for uri in uris:
            yield from self._file(setting, uri, uri.removeprefix("digest://"))

    def _file(self, setting: Setting, word: str, path: str) -> Iterator[Lack]:
        if not path.startswith("/"):
            path = self._files.config_at.rpartition("/")[0] + "/" + path
        found = self._files.supply(path)
        if isinstance(found, DirectoryListing):
            for name in sorted(found.names)[:FILES_OF_FOLDER_MAX]:
                self._files.supply(f"{path}/{name}")
        elif isinstance(found, ErrorOfReading):
            line = self._to_host(f"File {quoted(path)} {{ from = {quoted(path.rpartition('/')[2])} }}")
            yield self._lack(Missing.FILE, path, self._at(setting, word), setting.name, line)

    # places

    def _at(self, setting: Setting, word: str) -> Position:
        return value_at(self._tree, setting, word)


def host_of(text: str) -> str:
    """The host in a next hop: ``smtp.example``, ``10.0.0.1:25``, ``[fd00::1]:25``, ``smtp://host?pref=1``."""
    if "://" in text:
        try:
            return urlsplit(text).hostname or ""
        except ValueError:
            return ""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text if text.count(":") > 1 else text.partition(":")[0]


def _texts(value: Value) -> tuple[str, ...]:
    if isinstance(value, Word):
        return (value.text,)
    words = (word for _, word in value.pairs) if isinstance(value, Dictionary) else value.items
    return tuple(word.text for word in words)


_REMOTES = ("gateway", "routes", "peers", "server")
_LOCALS = ("bind_address", "nodeaddr")
_FILES = ("tls_ca", "tls_certificate", "tls_client_ca", "tls_dhparams_file", "tls_key", "resolv_conf")
