"""Floating addresses (DuraVIP) as a configuration has them: each with its services, preference and place; and what is
wrong with them (spec: cluster, section 6). Pure.

An address that one service enables floats for all services at it. A Listen that follows a binding makes its own
address float, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from momentum_trio.config.binding import Binding, bindings_of
from momentum_trio.config.chain import AnsweringScope
from momentum_trio.config.error import ConfigError
from momentum_trio.config.floating_options import FloatingOptions, TopologyOptions
from momentum_trio.config.option import Option
from momentum_trio.config.scope import LISTENERS
from momentum_trio.config.value import Position, Word
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.net.netblock import Netblock, NetblockTable, parse_address

if TYPE_CHECKING:
    from momentum_trio.config.merged import Scope
    from momentum_trio.config.tree import ConfigTree

T = TypeVar("T")

FLOATING_MAX = 10_240
"""Addresses of one configuration (the original's limit of aliases)."""
BINDINGS_MAX = 100
"""Bindings at one floating address."""

MULTIVIP = "multivip"
"""What a binding at an address is called."""

_KINDS = tuple(sorted(LISTENERS))
_ENABLE, _PREFERENCE, _FOLLOW = FloatingOptions.enable, FloatingOptions.preference, FloatingOptions.follow


@dataclass(frozen=True, slots=True)
class FloatingAddress:
    """One address, as this configuration has it.

    services: what is at it, in order: ``multivip`` for bindings, ``ESMTP:25`` for a Listen. bindings: those that send
    from it. preference: a node, or empty. follows: the address whose owner has this one too, or empty. interface,
    prefix: where and how it is brought up.
    """

    address: str
    services: tuple[str, ...]
    bindings: tuple[Binding, ...]
    preference: str
    follows: str
    interface: str
    prefix: int


@dataclass(slots=True)
class _Found:
    """What stands in the text about one address. at: where it is said that it floats; the first place."""

    at: Position
    option: str
    services: set[str] = field(default_factory=set)
    bindings: list[Binding] = field(default_factory=list)
    preferences: dict[str, Position] = field(default_factory=dict)
    follows: dict[str, Position] = field(default_factory=dict)


def floating(tree: ConfigTree) -> Mapping[str, FloatingAddress]:
    """The floating addresses of *tree*, which is good, by their text."""
    return _Reading(tree).addresses()


def problems(tree: ConfigTree) -> list[ConfigError]:
    """What is wrong with the floating addresses of *tree*; what is wrong with single values is said elsewhere."""
    reading = _Reading(tree)
    reading.addresses()
    return reading.errors


class _Reading:
    """One reading of one tree."""

    def __init__(self, tree: ConfigTree) -> None:
        self._root, self._tree = tree.root, tree
        self.errors: list[ConfigError] = []
        self._found: dict[str, _Found] = {}

    def addresses(self) -> dict[str, FloatingAddress]:
        if not any(_names(scope) for scope in self._services()):
            return {}
        self._enabled()
        self._following()
        self._at_them()
        self._bounds()
        blocks = self._topology()
        made = (self._address(text, found, blocks) for text, found in self._found.items())
        return {address.address: address for address in made if address is not None}

    def _services(self) -> Iterator[Scope]:
        for kind in _KINDS:
            yield from self._tree.listens(kind)
        for _, scope in self._bindings():
            yield scope

    def _bindings(self) -> Iterator[tuple[Binding, Scope]]:
        for scope in self._root.all("binding"):
            yield Binding("default", scope.instance), scope
        for group in self._root.all("binding_group"):
            for scope in group.all("binding"):
                yield Binding(group.instance, scope.instance), scope

    # who makes an address float

    def _enabled(self) -> None:
        for kind in _KINDS:
            for scope in self._tree.listens(kind):
                self._of_listen(scope)
        for binding, scope in self._bindings():
            if _value(scope, _ENABLE, default=False):
                at = scope.settings[_ENABLE.key].at
                text = self._sends_from(binding)
                if text:
                    self._found.setdefault(text, _Found(at, _ENABLE.name))
                else:
                    self._wrong(at, _ENABLE, f"Binding '{binding.name}' has no address of its own", "set Bind_Address")

    def _of_listen(self, scope: Scope) -> None:
        enabled = _value(scope, _ENABLE, default=False)
        follow = scope.settings.get(_FOLLOW.key)
        if follow is not None and _value(scope, _FOLLOW, default=""):
            for option in (_ENABLE, _PREFERENCE) if enabled else (_PREFERENCE,):
                if option.key in scope.settings:
                    problem = f"a Listen that follows a binding has no {option.name}"
                    self._wrong(follow.at, _FOLLOW, problem, f"{option.name} stands at {scope.settings[option.key].at}")
        if enabled and _address_of(scope) is None:
            self._wrong(scope.settings[_ENABLE.key].at, _ENABLE, f"{scope.key} is no single address", "name one")
        elif enabled:
            self._found.setdefault(_address_of(scope) or "", _Found(scope.settings[_ENABLE.key].at, _ENABLE.name))

    def _following(self) -> None:
        for kind in _KINDS:
            for scope in self._tree.listens(kind):
                whom = _value(scope, _FOLLOW, default="")
                if whom:
                    self._follow(scope, whom)

    def _follow(self, scope: Scope, whom: str) -> None:
        at, own = scope.settings[_FOLLOW.key].at, _address_of(scope)
        leader = self._followed(whom, at)
        if own is None:
            self._wrong(at, _FOLLOW, f"{scope.key} is no single address", "name one")
        elif leader is None:
            return
        elif leader == own:
            self._wrong(at, _FOLLOW, f"{own} cannot follow itself", "give the Listen and the binding different ones")
        elif own in self._found and not self._found[own].follows:
            self._wrong(at, _FOLLOW, f"{own} floats for itself", f"{_ENABLE.name} stands at {self._found[own].at}")
        else:
            self._found.setdefault(own, _Found(at, _FOLLOW.name)).follows.setdefault(leader, at)

    def _followed(self, whom: str, at: Position) -> str | None:
        """The address of binding *whom*; None, and said, when it has none that floats for itself."""
        try:
            leader = str(parse_address(whom))
        except ValueError:
            try:
                leader = self._sends_from(bindings_of(self._root, whom)[0]) or ""
            except ValueError as wrong:
                self._wrong(at, _FOLLOW, str(wrong), "name a Binding or its address")
                return None
        found = self._found.get(leader)
        if found is None or found.follows:
            self._wrong(at, _FOLLOW, f"'{whom}' does not float for itself", f"set {_ENABLE.name} there")
            return None
        if not any(self._sends_from(binding) == leader for binding, _ in self._bindings()):
            self._wrong(at, _FOLLOW, f"'{whom}' is no Binding", "a Listen follows a binding")
            return None
        return leader

    # what is at these addresses

    def _at_them(self) -> None:
        """All services at an address go with it; each of them may name the node that is preferred."""
        for kind in _KINDS:
            for scope in self._tree.listens(kind):
                found = self._found.get(_address_of(scope) or "")
                if found is not None:
                    found.services.add(f"{self._tree.schema.scope_name(kind).partition('_')[0]}:{scope.endpoint.port}")
                    self._prefers(scope, found)
        for binding, scope in self._bindings():
            found = self._found.get(self._sends_from(binding) or "")
            if found is not None:
                found.services.add(MULTIVIP)
                found.bindings.append(binding)
                self._prefers(scope, found)

    def _prefers(self, scope: Scope, found: _Found) -> None:
        if node := _value(scope, _PREFERENCE, default=""):
            found.preferences.setdefault(node, scope.settings[_PREFERENCE.key].at)

    def _bounds(self) -> None:
        if len(self._found) > FLOATING_MAX:
            last = list(self._found.values())[FLOATING_MAX]
            self.errors.append(ConfigError(last.at, last.option, f"more than {FLOATING_MAX} addresses float"))
        own = _word(self._root.child("cluster"), "nodeaddr")
        for text, found in self._found.items():
            if len(found.bindings) > BINDINGS_MAX:
                self.errors.append(ConfigError(found.at, found.option, f"more than {BINDINGS_MAX} bindings at {text}"))
            if text == own:
                problem = f"{text} is this node's own address (Nodeaddr), which cannot move"
                self.errors.append(ConfigError(found.at, found.option, problem))

    def _topology(self) -> NetblockTable[Scope]:
        cluster = self._root.child("cluster")
        entries = []
        for scope in () if cluster is None else cluster.all("topology"):
            try:
                entries.append((Netblock.parse(scope.instance), scope))
            except ValueError as wrong:
                self.errors.append(ConfigError(scope.at, scope.name, str(wrong), 'write Topology "10.1.1.0/24" {'))
        return NetblockTable(entries)

    def _address(self, text: str, found: _Found, blocks: NetblockTable[Scope]) -> FloatingAddress | None:
        for choices, option in ((found.preferences, _PREFERENCE), (found.follows, _FOLLOW)):
            if len(choices) > 1:
                (one, _), (other, at) = list(choices.items())[:2]
                self._wrong(at, option, f"'{other}' for {text}, which has '{one}' too", "one address, one node")
        where = blocks.most_specific(address := parse_address(text))
        interface = _value(where, TopologyOptions.interface, default="") if where is not None else ""
        if not interface:
            hint = 'write cluster { Topology "BLOCK" { interface = "..." } }'
            problem = f"no Topology says which interface {text} is put on"
            self.errors.append(ConfigError(found.at, found.option, problem, hint))
            return None
        assert where is not None
        prefix = _value(where, TopologyOptions.prefix, default=32)
        prefix = address.max_prefixlen if prefix == 32 else prefix
        if prefix > address.max_prefixlen:
            setting = where.settings[TopologyOptions.prefix.key]
            self._wrong(setting.at, TopologyOptions.prefix, f"{text} has no more than {address.max_prefixlen} bits", "")
            return None
        return FloatingAddress(
            text,
            tuple(sorted(found.services)),
            tuple(found.bindings),
            next(iter(found.preferences), ""),
            next(iter(found.follows), ""),
            interface,
            prefix,
        )

    # values

    def _sends_from(self, binding: Binding) -> str | None:
        """The address that *binding* sends from, or falls back to."""
        chain = self._tree.chain_outbound(binding.group, binding.name, "")
        setting = chain.find("bind_address", frozenset(("binding", "binding_group", "global")))
        if setting is None or not isinstance(setting.value, Word):
            return None
        try:
            return str(parse_address(setting.value.text))
        except ValueError:
            return None

    def _wrong(self, at: Position, option: Option[T], problem: str, hint: str) -> None:
        self.errors.append(ConfigError(at, option.name, problem, hint))


def _names(scope: AnsweringScope) -> bool:
    return _ENABLE.key in scope.settings or _FOLLOW.key in scope.settings


def _value(scope: AnsweringScope, option: Option[T], *, default: T) -> T:
    """What *scope* itself sets; *default* also for what is no value, which is said elsewhere."""
    setting = scope.settings.get(option.key)
    try:
        return default if setting is None else option.kind.parse(setting.value)
    except ValueError:
        return default


def _word(scope: AnsweringScope | None, key: str) -> str:
    setting = None if scope is None else scope.settings.get(key)
    return setting.value.text if setting is not None and isinstance(setting.value, Word) else ""


def _address_of(listen: Scope) -> str | None:
    """The one address that *listen* is at; None when it is none, or many."""
    try:
        return address_of(listen.endpoint)
    except ValueError:
        return None


def address_of(endpoint: Endpoint) -> str | None:
    """The one address of *endpoint*; None for a wildcard or a path."""
    if endpoint.family is Family.UNIX or endpoint.is_wildcard:
        return None
    return str(parse_address(endpoint.address))
