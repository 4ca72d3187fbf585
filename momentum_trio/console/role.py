"""Roles: who belongs to which, and which commands each allows (spec/console.md section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from momentum_trio.config.merged import Scope
from momentum_trio.config.pattern import Pattern
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Setting
from momentum_trio.console.role_options import RoleOptions

_FORM_PREFIXES = ("json", "xml")


@dataclass(frozen=True, slots=True)
class Grant:
    """What allows a line: the Role, the first of its patterns that is found in it, and the option that has it."""

    role: str
    pattern: str
    setting: Setting


def granting(tree: ConfigTree, names: Iterable[str], line: str) -> Grant | None:
    """What allows *line* to somebody who has the roles *names*: of the first whose Role has a pattern found in it.

    None when none has: then nothing allows it. Looked for is in the whole line, a ``json`` or ``xml`` in front taken
    off, in the order in which things are said.
    """
    asked = _judged(line)
    for name in names:
        scope = role_of(tree, name)
        if scope is None or RoleOptions.allow.key not in scope.settings:
            continue
        setting = scope.settings[RoleOptions.allow.key]
        for pattern in RoleOptions.allow.kind.parse(setting.value):
            if Pattern(pattern).found_in(asked) is not None:
                return Grant(name, pattern, setting)
    return None


def allowing(tree: ConfigTree, names: Iterable[str], line: str) -> str | None:
    """The role by which *line* is allowed to somebody who has *names*, as ``granting`` has it."""
    grant = granting(tree, names, line)
    return None if grant is None else grant.role


def role_of(tree: ConfigTree, name: str) -> Scope | None:
    """The Role *name*, where one is defined."""
    authorization = tree.root.child("authorization")
    return None if authorization is None else authorization.members.get(("role", name))


def defined(tree: ConfigTree) -> tuple[str, ...]:
    """The names of all Roles, in order."""
    authorization = tree.root.child("authorization")
    return () if authorization is None else tuple(scope.key for scope in authorization.all("role"))


def memberships(text: str, user: str) -> tuple[str, ...]:
    """The groups that *user* is in, in the order of *text*.

    Its lines are ``group:user,user`` or ``group:unused:user,user``; those that are empty, begin with ``#``, or have
    another number of fields say nothing.
    """
    groups = dict.fromkeys(
        fields[0].strip()
        for line in text.split("\n")
        if not line.startswith("#") and len(fields := line.split(":")) in (2, 3) and user in _members(fields[-1])
    )
    return tuple(group for group in groups if group) if user else ()


def _members(field: str) -> set[str]:
    return {name.strip() for name in field.split(",")}


def _judged(line: str) -> str:
    first, *rest = line.strip().split(maxsplit=1) or [""]
    judged = rest[0] if rest and first.lower() in _FORM_PREFIXES else line.strip()
    return judged.encode("utf-8", "replace").decode()  # what is no text cannot reach RE2
