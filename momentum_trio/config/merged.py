"""Scopes as they hold: every body of one scope merged, and copies of them with one thing changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from momentum_trio.config.instance import instance_key
from momentum_trio.config.value import Position, Setting
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import Netblock

ScopePath = tuple[tuple[str, str], ...]  # (lower-case kind, instance) from the file level inwards; () is the file level


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A scope with all that was said in it, wherever it was opened.

    kind: lower-case name, ``global`` for the file level. name: canonical. instance: as first written, else empty.
    key: the instance's canonical spelling, by which it is found. settings: by lower-case option name.
    members: the scopes in it by (kind, key), in the order in which they were first opened. at: where it was first
    opened;
    openings: every such place.
    """

    kind: str
    name: str
    instance: str
    key: str
    settings: Mapping[str, Setting]
    members: Mapping[tuple[str, str], Scope]
    openings: tuple[Position, ...]

    @property
    def at(self) -> Position:
        return self.openings[0]

    @property
    def children(self) -> tuple[Scope, ...]:
        """The scopes in it, in order."""
        return tuple(self.members.values())

    @property
    def endpoint(self) -> Endpoint:
        """Where a Listen scope listens."""
        assert self.kind == "listen"
        return Endpoint.parse(self.key)

    @property
    def netblock(self) -> Netblock:
        """Whom a Peer scope is about."""
        assert self.kind == "peer"
        return Netblock.parse(self.key)

    def child(self, kind: str, instance: str = "") -> Scope | None:
        """The scope *kind* (any case) in it whose instance is *instance*, however that is spelt; None when there is
        none.
        """
        kind = kind.lower()
        found = self.members.get((kind, instance))
        if found is None and instance:
            try:
                found = self.members.get((kind, instance_key(kind, instance)))
            except ValueError:
                return None
        return found

    def all(self, kind: str) -> tuple[Scope, ...]:
        """Every scope *kind* (any case) in it, in order."""
        kind = kind.lower()
        return tuple(member for (of_kind, _), member in self.members.items() if of_kind == kind)

    def walk(self) -> Iterator[Scope]:
        """The scope, then every one in it at any depth, in order."""
        yield self
        for member in self.members.values():
            yield from member.walk()

    def with_setting(self, path: ScopePath, key: str, setting: Setting, names: Mapping[str, str]) -> Scope:
        """A copy in which *setting* stands at *path*; scopes that are not there are made. names: canonical, by kind.

        Raises ValueError when an instance of the path names nothing.
        """
        if not path:
            return replace(self, settings={**self.settings, key: setting})
        (kind, instance), *inner = path
        member = self.child(kind, instance)
        if member is None:
            of_key = instance_key(kind, instance) if instance else ""
            member = Scope(kind, names.get(kind, kind), instance, of_key, {}, {}, (setting.at,))
        changed = member.with_setting(tuple(inner), key, setting, names)
        return replace(self, members={**self.members, (kind, member.key): changed})

    def without_setting(self, path: ScopePath, key: str) -> Scope:
        """A copy in which option *key* is not set at *path*."""
        if not path:
            return replace(self, settings={name: held for name, held in self.settings.items() if name != key})
        member = self.child(*path[0])
        if member is None:
            return self
        return replace(self, members={**self.members, (member.kind, member.key): member.without_setting(path[1:], key)})

    def without_scope(self, path: ScopePath) -> Scope:
        """A copy without the scope at *path*, which is not the file level."""
        member = self.child(*path[0])
        if member is None:
            return self
        if len(path) == 1:
            rest = {at: held for at, held in self.members.items() if held is not member}
            return replace(self, members=rest)
        return replace(self, members={**self.members, (member.kind, member.key): member.without_scope(path[1:])})
