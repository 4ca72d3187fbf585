"""The configuration as it holds: merged scopes, and the chains of scopes that answer for an option.

A tree is one generation. It never changes; an edit makes another (transaction.py). What it remembers of chains and
tables is only a memory of what it would work out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from momentum_trio.config.assignment import CONSOLE, value_of
from momentum_trio.config.chain import AnsweringScope, Chain
from momentum_trio.config.check import check, check_setting, unknown_option
from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.instance import destination_key, pattern_of
from momentum_trio.config.merge import Targets
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.pattern import PatternSet
from momentum_trio.config.schema import OptionEntry, Schema
from momentum_trio.config.show import (
    IN_SCOPE,
    default_lines,
    echo_text,
    scope_head,
    scope_lines,
    setting_text,
    value_lines,
)
from momentum_trio.config.syntax import Document
from momentum_trio.config.value import Position, Setting, Word
from momentum_trio.net.endpoint import Endpoint, accepting
from momentum_trio.net.netblock import Address, Netblock, NetblockTable

__all__ = ["CHAINS_MAX", "CONSOLE", "ConfigTree", "File", "Scope", "ScopePath"]

_NEVER_FALLS_BACK = frozenset((("host", "max_outbound_connections"),))  # section 7.1, exceptions

DEFAULT_PATHWAY = "default"
"""The pathway of sessions that nobody chose one for, and the group of pathways that stand in none (listeners.md,
section 8). Both are there without their scopes."""
_WITH_PATHWAYS = frozenset(("ecstream_listener", "esmtp_listener", "http_listener"))

CHAINS_MAX = 16384  # remembered per generation (the default of Match_Cache_Size)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the configuration. is_writable: whether a change may be written back to it (section 11)."""

    path: str
    document: Document
    is_writable: bool


class _Destinations:
    """The Domain or Host scopes of one container: exact names first, then patterns in the order of declaration."""

    __slots__ = ("_container", "_kind", "_patterns", "_scopes")

    def __init__(self, container: Scope, kind: str) -> None:
        self._container, self._kind = container, kind
        self._scopes = [scope for scope in container.all(kind) if pattern_of(scope.key) is not None]
        self._patterns = PatternSet([pattern_of(scope.key) or "" for scope in self._scopes])

    def answering(self, key: str) -> Iterator[Scope]:
        exact = self._container.members.get((self._kind, key))
        if exact is not None:
            yield exact
        if self._scopes and pattern_of(key) is None:
            for number in self._patterns.matching(key):
                yield self._scopes[number]


@dataclass(slots=True)
class _Memory:
    """What one tree has worked out already. Keys hold ids of scopes, which live as long as the tree."""

    chains: dict[tuple[object, ...], Chain] = field(default_factory=dict)
    shared: dict[tuple[int, ...], Chain] = field(default_factory=dict)
    peers: dict[int, NetblockTable[Scope]] = field(default_factory=dict)
    destinations: dict[tuple[int, str], _Destinations] = field(default_factory=dict)
    pathways: dict[str, tuple[Scope, ...]] = field(default_factory=dict)
    paths: dict[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ConfigTree:
    """One generation of the configuration.

    files: every file read, by path, the main one first. targets: by file and offset, the files an include stands for.
    local_changes: where Local_Changes_File was looked for; empty when there is none.
    warnings: what is not wrong but worth saying; text_warnings: those of them that are about the text as such, and no
    change of the tree can make or remove.
    overridden: of a tree not checked yet, the settings that later ones took the place of, by the id of their scope.
    """

    root: Scope
    schema: Schema
    main: str
    files: Mapping[str, File]
    text_warnings: tuple[ConfigError, ...] = ()
    warnings: tuple[ConfigError, ...] = ()
    overridden: Mapping[int, tuple[Setting, ...]] = field(default_factory=dict, repr=False)
    targets: Targets = field(default_factory=dict, repr=False)
    local_changes: str = ""
    _memory: _Memory = field(default_factory=_Memory, repr=False)

    def sources(self) -> dict[str, str]:
        """The text of every file, by path."""
        return {path: file.document.source.text for path, file in self.files.items()}

    def judged(self, warnings: Sequence[ConfigError]) -> ConfigTree:
        """The tree once it was checked and found good, with the *warnings* of that."""
        return replace(self, warnings=tuple(warnings), overridden={}, _memory=_Memory())

    def listens(self, listener: str) -> tuple[Scope, ...]:
        """The Listen scopes of scope *listener*, in order."""
        scope = self.root.child(listener)
        return () if scope is None else scope.all("listen")

    def listen_for(self, listener: str, listen: Endpoint, local: str) -> Endpoint | None:
        """Which Listen speaks for a connection accepted at *listen*, *local* being the address the client reached.

        That Listen while it stands in the tree, enabled or not; else the one that has that address; None if none has.
        """
        outer = self.root.child(listener)
        if outer is None or ("listen", str(listen)) in outer.members:
            return None if outer is None else listen
        return accepting([scope.endpoint for scope in self.listens(listener)], Endpoint.parse(local))

    def scope(self, path: ScopePath) -> Scope | None:
        """The scope at *path*; None when it is not there."""
        found: Scope | None = self.root
        for kind, instance in path:
            if found is None:
                return None
            found = found.child(kind, instance)
        return found

    # chains

    def chain_global(self) -> Chain:
        """The file level alone."""
        return self._shared((self.root,))

    def chain_scope(self, kind: str, instance: str = "") -> Chain:
        """The scope *kind* of the file level, such as ``ec_logger``, then the file level."""
        scope = self.root.child(kind, instance)
        return self._shared((self.root,) if scope is None else (scope, self.root))

    def chain_for(
        self, listener: str, listen: Endpoint | None, peer: Address | None, pathway: str | None = None
    ) -> Chain:
        """Who answers for a connection from *peer* to *listen* of scope *listener*: the order of section 7.2.

        peer: a Unix peer is given as 127.0.0.1; None matches no Peer. pathway: chosen for one message; None takes the
        one that the configuration chooses.
        """
        return self._inbound((listener.lower(), listen, peer, pathway))

    def _inbound(self, key: tuple[str, Endpoint | None, Address | None, str | None]) -> Chain:
        known = self._memory.chains.get(key)
        if known is None:
            listener, listen, peer, pathway = key
            scopes = self._listener_scopes(listener, listen, peer)
            if pathway is None:
                pathway = _pathway_of(listener, scopes)
            known = self._remember(key, (*scopes, *self._pathway_scopes(pathway), self.root))
        return known

    def _listener_scopes(self, listener: str, listen: Endpoint | None, peer: Address | None) -> list[Scope]:
        """Peers of the Listen, the Listen, peers of the listener, the listener: places 1 to 4."""
        outer = self.root.child(listener)
        inner = None if outer is None or listen is None else outer.members.get(("listen", str(listen)))
        scopes: list[Scope] = []
        for container in (inner, outer):
            if container is not None:
                if peer is not None:
                    scopes += self._peers(container).matches(peer)
                scopes.append(container)
        return scopes

    def _peers(self, container: Scope) -> NetblockTable[Scope]:
        table = self._memory.peers.get(id(container))
        if table is None:
            table = NetblockTable((scope.netblock, scope) for scope in container.all("peer"))
            self._memory.peers[id(container)] = table
        return table

    def _pathway_scopes(self, pathway: str) -> tuple[Scope, ...]:
        """Pathway of a group, global Pathway, the groups: places 5 to 7. Empty: there is no pathway."""
        if not pathway:
            return ()
        known = self._memory.pathways.get(pathway)
        if known is None:
            every = self.root.all("pathway_group")
            groups = [group for group in every if ("pathway", pathway) in group.members]
            groups = groups or [group for group in every if group.key == DEFAULT_PATHWAY]
            alone = self.root.members.get(("pathway", pathway))
            within = (group.members["pathway", pathway] for group in groups if ("pathway", pathway) in group.members)
            known = (*within, *(() if alone is None else (alone,)), *groups)
            if known:
                self._memory.pathways[pathway] = known
        return known

    def pathways(self) -> set[str]:
        """The names of all pathways; there always is the default one."""
        containers = (self.root, *self.root.all("pathway_group"))
        return {DEFAULT_PATHWAY, *(scope.key for container in containers for scope in container.all("pathway"))}

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        """Who answers for mail to *domain* through *binding* of *binding_group*: the order of section 7.1."""
        try:  # a domain out of a message is a name, never a pattern
            destination = destination_key(domain) if domain and not domain.startswith("/") else ""
        except ValueError:
            destination = domain.lower()
        return self._outbound((binding_group, binding, destination))

    def _outbound(self, key: tuple[str, str, str]) -> Chain:
        known = self._memory.chains.get(key)
        if known is None:
            binding_group, binding, destination = key
            group = self.root.members.get(("binding_group", binding_group))
            grouped = None if group is None else group.members.get(("binding", binding))
            alone = self.root.members.get(("binding", binding))
            scopes: list[Scope] = []
            for container in (grouped, alone, group):
                scopes += self._destinations(container, destination)
            scopes += [scope for scope in (grouped, alone, group) if scope is not None]
            scopes += self._destinations(self.root, destination)
            known = self._remember(key, (*scopes, self.root))
        return known

    def chain_host(self, binding_group: str, binding: str, host: str) -> Chain:
        """The Host scopes that answer for connections to *host*, as MX names it; nothing else does (section 7.1).

        binding_group>binding>host, binding>host, binding_group>host, host.
        """
        try:
            destination = destination_key(host) if host and not host.startswith("/") else ""
        except ValueError:
            destination = host.lower()
        key = ("host", binding_group, binding, destination)
        known = self._memory.chains.get(key)
        if known is None:
            group = self.root.members.get(("binding_group", binding_group))
            grouped = None if group is None else group.members.get(("binding", binding))
            alone = self.root.members.get(("binding", binding))
            containers = (grouped, alone, group, self.root)
            scopes = (scope for within in containers for scope in self._destinations(within, destination, "host"))
            known = self._remember(key, tuple(scopes))
        return known

    def path_of(self, scope: AnsweringScope) -> tuple[str, ...]:
        """Where *scope*, one of this tree, stands, in the words of a path: the same in every generation."""
        paths = self._memory.paths
        if not paths:
            paths.update(_paths(self.root, ()))
        return paths[id(scope)]

    def _destinations(self, container: Scope | None, destination: str, kind: str = "domain") -> Iterator[Scope]:
        if container is None or not destination:
            return iter(())
        known = self._memory.destinations.get((id(container), kind))
        if known is None:
            known = self._memory.destinations[id(container), kind] = _Destinations(container, kind)
        return known.answering(destination)

    def chain_path(self, path: ScopePath) -> Chain:
        """Who answers in the scope at *path*, there or not: what ``config eval`` asks.

        A Peer answers before the wider ones around it, a Domain before the patterns it matches.
        """
        kinds = [kind for kind, _ in path]
        if kinds and kinds[0].endswith("_listener"):
            return self._shared(self._path_of_listener(path))
        if kinds and kinds[0] in ("binding_group", "binding", "domain"):
            named = dict(path)
            group, binding, domain = (named.get(kind, "") for kind in ("binding_group", "binding", "domain"))
            if pattern_of(domain) is not None:  # a regex domain, named as an ordinary string
                return self._outbound((group, binding, domain))
            return self.chain_outbound(group, binding, domain)
        if kinds and kinds[-1] == "pathway":
            return self._shared((*self._pathway_scopes(path[-1][1]), self.root))
        found = [self.scope(path[:depth]) for depth in range(len(path), -1, -1)]
        return self._shared(tuple(scope for scope in found if scope is not None))

    def _path_of_listener(self, path: ScopePath) -> tuple[Scope, ...]:
        scopes: list[Scope] = []
        listener, peer = path[0][0], None
        if path[-1][0] == "peer":
            peer = _netblock(path[-1][1])
            path = path[:-1]
        for depth in range(len(path), 0, -1):
            container = self.scope(path[:depth])
            if container is None:
                continue
            if peer is not None:
                around = (scope for scope in self._peers(container).matches(peer.address))
                scopes += [scope for scope in around if scope.netblock.covers(peer)]
            scopes.append(container)
        return (*scopes, *self._pathway_scopes(_pathway_of(listener, scopes)), self.root)

    # what the console asks and changes (spec: console, section 6)

    def get(self, path: ScopePath, option: str) -> Setting | None:
        """What the scope at *path* itself sets; None when it does not, or is not there. Raises ConfigErrors: no such
        option.
        """
        self.entry(path, option)
        scope = self.scope(path)
        return None if scope is None else scope.settings.get(option.lower())

    def effective(self, path: ScopePath, option: str) -> tuple[Setting, Scope] | None:
        """The setting that holds in the scope at *path*, and the scope it stands in; None when the default holds."""
        entry = self.entry(path, option)
        chain = self.chain_path(path)
        if path and (path[-1][0], entry.key) in _NEVER_FALLS_BACK:
            chain = self._shared(tuple(filter(None, (self.scope(path),))))
        owner = chain.owner(entry.key, entry.scopes)
        if owner is None:
            return None
        assert isinstance(owner, Scope)
        return owner.settings[entry.key], owner

    def get_text(self, path: ScopePath, option: str) -> str:
        """The answer to ``config get``."""
        entry = self.entry(path, option)
        setting = self.get(path, option)
        if setting is None:
            return f"Option '{entry.name}' is not set in scope '{self.path_text(path)}'."
        return setting_text(entry.name, value_lines(setting.value, entry), _indent(path))

    def eval(self, path: ScopePath, option: str) -> str:
        """The answer to ``config eval``: ``Name = value`` of what holds, the default where nothing is set."""
        entry = self.entry(path, option)
        if (found := self.effective(path, option)) is not None:
            return setting_text(entry.name, value_lines(found[0].value, entry), _indent(path))
        default = entry.default_at(path)
        lines = [] if default is None else default_lines(default, entry)
        if not lines:
            return f"Option '{entry.name}' is not set in scope '{self.path_text(path)}'."
        return setting_text(entry.name, lines, _indent(path))

    def set(self, path: ScopePath, option: str, value_text: str, number: int = 1) -> ConfigTree:
        """A new tree in which *option* has the value *value_text*, in file syntax, at *path*; this one does not change.

        A leading ``=`` is allowed. number: of the change in its transaction, the line of its place.
        Raises ConfigErrors: no such scope or option, a value it does not take, a tree that is wrong.
        """
        entry = self.entry(path, option)
        if entry.option is not None and entry.option.file_only:
            raise _refused(
                entry.name, "it is set in the configuration's files alone: it names code, or whom data is sent to"
            )
        value = value_of(entry.name, value_text, is_secret=entry.is_secret)
        setting = Setting(entry.name, value, Position(CONSOLE, number, 1))
        names = {kind: self.schema.scope_name(kind) for kind, _ in path}
        try:
            changed = self._with_root(self.root.with_setting(path, entry.key, setting, names))
        except ValueError as wrong:
            raise _refused(self.path_text(path), str(wrong)) from None
        if errors := check_setting(changed, path, setting):
            raise ConfigErrors(errors)
        return changed

    def emptied(self) -> ConfigTree:
        """A tree of the same files in which nothing is set: what ``config begin from scratch`` begins with."""
        return self._with_root(replace(self.root, settings={}, members={}))

    def echo(self, path: ScopePath, option: str) -> str:
        """The answer to ``config set``: the spelling given."""
        setting = self.get(path, option)
        assert setting is not None
        entry = self.entry(path, option)
        return echo_text(entry.name, setting.value, entry, _indent(path))

    def unset(self, path: ScopePath, option: str | None) -> ConfigTree:
        """A new tree in which *option*, or with None the whole scope, is not set at *path*; this one if it is not.

        Raises ConfigErrors: the file level cannot be cleared; no such option; what is left would be wrong.
        """
        if option is not None:
            if self.get(path, option) is None:
                return self
            return self._with_root(self.root.without_setting(path, self.entry(path, option).key))
        if not path:
            raise _refused("Global", "the global scope cannot be unset")
        if self.scope(path) is None:
            raise _refused(self.path_text(path), "there is no such scope")
        changed = self._with_root(self.root.without_scope(path))
        if errors := [error for error in check(changed) if not error.warning]:
            raise ConfigErrors(errors, self.sources())
        return changed

    def unset_text(self, path: ScopePath, option: str) -> str:
        """The answer to ``config unset`` by the tree that resulted."""
        entry = self.entry(path, option)
        return f'"{entry.name}" has been unset. Effective value is now:\n{self.eval(path, option)}'

    def show(self, path: ScopePath = (), recurse: bool = False) -> str:
        """What is in the scope at *path*: its options, and the scopes in it as ``Name { ... }``.

        recurse: the scope as a whole, with all in it. Raises ConfigErrors when there is no such scope.
        """
        scope = self.scope(path)
        if scope is None:
            raise _refused(self.path_text(path), "there is no such scope")
        lines = list(scope_lines(scope, self.schema, recurse=recurse))
        if path and recurse:
            lines = [f"{scope_head(scope)} {{", *("  " + line for line in lines), "}"]
        return "\n".join(lines)

    def entry(self, path: ScopePath, option: str) -> OptionEntry:
        """What is known of *option* (any case) at *path*. Raises ConfigErrors with the nearest right name."""
        kinds = ("global", *(kind for kind, _ in path))
        found = self.schema.option(kinds, option.lower())
        if found is None:
            raise ConfigErrors([unknown_option(self.schema, kinds, Position(CONSOLE, 1, 1), option)])
        return found

    def path_text(self, path: ScopePath) -> str:
        """*path* for people: ``Esmtp_Listener Listen :25``; empty for the file level."""
        words = (word for kind, instance in path for word in (self.schema.scope_name(kind), instance) if word)
        return " ".join(words)

    def _with_root(self, root: Scope) -> ConfigTree:
        return replace(self, root=root, overridden={}, _memory=_Memory())

    # memory

    def _remember(self, key: tuple[object, ...], scopes: tuple[Scope, ...]) -> Chain:
        if len(self._memory.chains) >= CHAINS_MAX:
            self._memory.chains.clear()
        chain = self._memory.chains[key] = self._shared(scopes)
        return chain

    def _shared(self, scopes: tuple[Scope, ...]) -> Chain:
        """The one chain of *scopes*: options resolved along it are resolved once for all who share it."""
        key = tuple(map(id, scopes))
        chain = self._memory.shared.get(key)
        if chain is None:
            if len(self._memory.shared) >= CHAINS_MAX:
                self._memory.shared.clear()
            chain = self._memory.shared[key] = Chain(scopes)
        return chain


def _paths(scope: Scope, path: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Every scope in *scope* by its id, with the words that lead to it."""
    yield id(scope), path or (scope.kind,)
    for (kind, key), member in scope.members.items():
        yield from _paths(member, (*path, kind, key))


def _pathway_of(listener: str, scopes: list[Scope]) -> str:
    """The pathway that *scopes*, the most specific first, choose; empty where *listener* knows none."""
    if listener not in _WITH_PATHWAYS:
        return ""
    settings = (setting for scope in scopes if (setting := scope.settings.get("pathway")))
    value = next((setting.value for setting in settings), None)
    return (value.text if isinstance(value, Word) else "") or DEFAULT_PATHWAY


def _netblock(text: str) -> Netblock | None:
    try:
        return Netblock.parse(text)
    except ValueError:
        return None


def _indent(path: ScopePath) -> str:
    return IN_SCOPE if path else ""


def _refused(option: str, problem: str, hint: str = "") -> ConfigErrors:
    return ConfigErrors([ConfigError(Position(CONSOLE, 1, 1), option, problem, hint)])
