"""Roles: who belongs to which, and which commands each allows (spec/console.md section 3)."""

from __future__ import annotations

from collections.abc import Iterable

from momentum_trio.config.pattern import Pattern
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.role_options import RoleOptions

_FORM_PREFIXES = ("json", "xml")


def allowing(tree: ConfigTree, names: Iterable[str], line: str) -> str | None:
    """The first of *names* whose Role has a pattern found in *line*; None when none has: then nothing allows it.

    Looked for is in the whole line, a ``json`` or ``xml`` in front taken off, in the order in which things are said.
    """
    authorization = tree.root.child("authorization")
    asked = _judged(line)
    for name in names if authorization is not None else ():
        assert authorization is not None
        scope = authorization.members.get(("role", name))
        if scope is None or "allow" not in scope.settings:
            continue
        patterns = RoleOptions.allow.kind.parse(scope.settings["allow"].value)
        if any(Pattern(pattern).found_in(asked) is not None for pattern in patterns):
            return name
    return None


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
