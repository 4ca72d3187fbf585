"""What two trees differ in: options that are set otherwise, scopes that came or went, patterns that changed places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.config.instance import instance_key, pattern_of
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.value import Setting, same_meaning


@dataclass(frozen=True, slots=True)
class OptionDiffers:
    """One option. path: of its scope, instances as first written; before, after: None where it is not set."""

    path: ScopePath
    option: str
    before: Setting | None
    after: Setting | None


@dataclass(frozen=True, slots=True)
class ScopeGone:
    """A scope that stood in the first tree alone. path: with its own name last."""

    path: ScopePath
    scope: Scope


@dataclass(frozen=True, slots=True)
class ScopeCame:
    """A scope that stands in the second tree alone, with all in it. path: with its own name last."""

    path: ScopePath
    scope: Scope


Difference = OptionDiffers | ScopeGone | ScopeCame


def differences(before: Scope, after: Scope, path: ScopePath = ()) -> Iterator[Difference]:
    """What has to be done to *before*, which stands at *path*, to make *after* of it, in the order of doing it.

    A regex Domain or Host whose place among the others is another one goes and comes: they are tried in that order.
    """
    moved = _moved(before, after)
    for at, scope in before.members.items():
        if at not in after.members or at in moved:
            yield ScopeGone((*path, (scope.kind, scope.instance)), scope)
    for key, setting in before.settings.items():
        if key not in after.settings:
            yield OptionDiffers(path, key, setting, None)
    for key, setting in after.settings.items():
        known = before.settings.get(key)
        if known is not setting and (known is None or not same_meaning(known.value, setting.value)):
            yield OptionDiffers(path, key, known, setting)
    for at, scope in after.members.items():
        inner = (*path, (scope.kind, scope.instance))
        if at not in before.members or at in moved:
            yield ScopeCame(inner, scope)
        elif scope is not before.members[at]:
            yield from differences(before.members[at], scope, inner)


def canonical(path: ScopePath) -> ScopePath:
    """*path* with every instance as its key, the same for all spellings. Raises ValueError: one names nothing."""
    return tuple((kind, instance_key(kind, instance) if instance else "") for kind, instance in path)


def _moved(before: Scope, after: Scope) -> set[tuple[str, str]]:
    """The patterns of both that have to go and come, since others come before them now that did not, or are new."""
    turns = {at: turn for turn, at in enumerate(before.members) if _is_pattern(at)}
    now = [at for at in after.members if _is_pattern(at)]
    last = -1
    for place, at in enumerate(now):
        if turns.get(at, -1) <= last:
            return {at for at in now[place:] if at in turns}
        last = turns[at]
    return set()


def _is_pattern(at: tuple[str, str]) -> bool:
    kind, key = at
    return kind in ("domain", "host") and pattern_of(key) is not None
