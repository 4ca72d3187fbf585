"""Which binding takes mail out: what ``Outbound_Binding`` says for the client, until there is policy to choose one.

A group is a round of its bindings, from which those with ``Suspend_Delivery`` are left out while there are others.
Without the option mail goes to the default binding, unless ``Default_Binding = none`` forbids that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Protocol

from momentum_trio.config.binding import DEFAULT, MEANS_DEFAULT, Binding, Nested, bindings_of
from momentum_trio.config.chain import Chain
from momentum_trio.config.suspension_options import SuspensionOptions
from momentum_trio.config.value import Word


class Tree(Protocol):
    """The part of a configuration tree that tells of bindings."""

    @property
    def root(self) -> Nested: ...

    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain:
        """The scopes that answer for mail to *domain*."""
        ...


class Bindings:
    """The bindings of one generation. All mail of one door takes part in the same rounds."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._rounds: dict[str, Iterator[Binding]] = {}

    def choose(self, words: str) -> Binding:
        """The binding that the next message gets by *words*, a good value of Outbound_Binding."""
        if words in MEANS_DEFAULT:
            return DEFAULT
        if words not in self._rounds:
            self._rounds[words] = cycle(self.wanted(words))
        return next(self._rounds[words])

    def wanted(self, words: str) -> Sequence[Binding]:
        """The bindings that messages get in turn by *words*."""
        if words in MEANS_DEFAULT:
            return (DEFAULT,)
        bindings = bindings_of(self._tree.root, words)
        return [each for each in bindings if not self._is_suspended(each)] or bindings

    def _is_suspended(self, binding: Binding) -> bool:
        return SuspensionOptions.resolve(self._tree.chain_outbound(binding.group, binding.name, "")).suspended


def words_in(root: Nested) -> frozenset[str]:
    """All values of Outbound_Binding that hold for some session of ESMTP; the default is ``""``."""
    listeners = [scope for scope in root.children if scope.kind == "esmtp_listener"]
    inherited = {
        _words(listen) or _words(listener)
        for listener in listeners
        for listen in listener.children
        if listen.kind == "listen"
    }
    return frozenset("" if words is None or words in MEANS_DEFAULT else words for words in {*inherited, *_set_in(root)})


def _words(scope: Nested) -> str | None:
    found = scope.settings.get("outbound_binding")
    return found.value.text if found is not None and isinstance(found.value, Word) else None


def _set_in(scope: Nested) -> Iterator[str]:
    """Those that are set in *scope*, or below."""
    if (words := _words(scope)) is not None:
        yield words
    for child in scope.children:
        yield from _set_in(child)
