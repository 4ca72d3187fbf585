"""What a configuration means by the name of a binding: ``name``, ``group/name``, or ``group/`` for all of a group.

A Binding of the file level is in the group ``default``. The binding ``default`` of that group needs no scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from momentum_trio.config.chain import AnsweringScope


class Binding(NamedTuple):
    """A binding with its group, as envelopes and records name it."""

    group: str
    name: str


DEFAULT = Binding("default", "default")
MEANS_DEFAULT = frozenset(("", "default", "default/default"))


class Nested(AnsweringScope, Protocol):
    """A scope with those inside it."""

    @property
    def children(self) -> Sequence[Nested]: ...


def bindings_of(root: Nested, words: str) -> tuple[Binding, ...]:
    """What *words* mean below *root*, the file level; several only for a whole group, which comes in its order.

    A name alone means the Binding of the file level, else that of the first group that has it.
    Raises ValueError, which says what there is not.
    """
    group, slash, name = words.rpartition("/")
    if not slash:
        return (_alone(root, name),)
    within = [Binding(group, each) for each in _bindings_in(_group(root, group))]
    if not name:
        if not within:
            raise ValueError(f"there is no Binding in a Binding_Group '{group}'")
        return tuple(within)
    if Binding(group, name) not in (*within, DEFAULT):
        raise ValueError(f"there is no Binding '{name}' in a Binding_Group '{group}'")
    return (Binding(group, name),)


def _alone(root: Nested, name: str) -> Binding:
    if name == DEFAULT.name or name in _bindings_in(root):
        return Binding(DEFAULT.group, name)
    for scope in root.children:
        if scope.kind == "binding_group" and name in _bindings_in(scope):
            return Binding(scope.instance, name)
    raise ValueError(f"there is no Binding '{name}'")


def _group(root: Nested, name: str) -> Nested | None:
    return next((scope for scope in root.children if scope.kind == "binding_group" and scope.instance == name), None)


def _bindings_in(container: Nested | None) -> list[str]:
    return [] if container is None else [scope.instance for scope in container.children if scope.kind == "binding"]
