"""Who read which option: the code that decides is given options that take note of it.

So an explanation has no list of its own of what a rule depends on: a check that reads another option tomorrow is
explained by it tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from momentum_trio.config.chain import AnsweringScope, Chain
from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option, Options
from momentum_trio.config.tree import ConfigTree
from momentum_trio.node.schema import GROUPS

O = TypeVar("O", bound=Options)  # noqa: E741 (as T of any type)


@dataclass(frozen=True, slots=True)
class Read:
    """An option that was read. chain: the scopes that were asked for it."""

    option: Option[Any]
    chain: Chain


class Witness:
    """Stands in for a tree: whoever resolves options along a chain of its is observed.

    reads: what was read, in order.
    """

    def __init__(self, tree: ConfigTree) -> None:
        self.tree = tree
        self.reads: list[Read] = []

    @property
    def root(self) -> Scope:
        """The file level."""
        return self.tree.root

    def since(self, mark: int) -> tuple[Read, ...]:
        """What was read after *mark* things were, each once."""
        return tuple({id(read.option): read for read in reversed(self.reads[mark:])}.values())[::-1]

    def watched(self, chain: Chain) -> Chain:
        """*chain*, observed. It is a chain of its own: nobody else resolves along it."""
        observed = Chain(chain.scopes)
        for group in GROUPS:
            observed.resolved[group] = self.options(group.resolve(chain), chain)
        return observed

    def options(self, options: O, chain: Chain) -> O:
        """*options*, resolved along *chain*, observed."""
        return noting(options, lambda option: self.reads.append(Read(option, chain)))

    # what is asked of a tree

    def chain_global(self) -> Chain:
        """As a tree's."""
        return self.watched(self.tree.chain_global())

    def chain_scope(self, kind: str, instance: str = "") -> Chain:
        """As a tree's."""
        return self.watched(self.tree.chain_scope(kind, instance))

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        """As a tree's."""
        return self.watched(self.tree.chain_outbound(binding_group, binding, domain))

    def chain_host(self, binding_group: str, binding: str, host: str) -> Chain:
        """As a tree's."""
        return self.watched(self.tree.chain_host(binding_group, binding, host))

    def path_of(self, scope: AnsweringScope) -> tuple[str, ...]:
        """As a tree's."""
        return self.tree.path_of(scope)


def noting(options: O, note: Callable[[Option[Any]], object]) -> O:
    """A copy of *options* that tells *note* of every option that is read."""
    group = type(options)
    by_attribute = {option.attribute: option for option in group.declared}

    def read(self: Options, name: str) -> object:
        if (option := by_attribute.get(name)) is not None:
            note(option)
        return object.__getattribute__(self, name)

    copy = type(group.__name__, (group,), {"__getattribute__": read})()
    vars(copy).update(vars(options))
    return cast("O", copy)
