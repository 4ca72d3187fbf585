"""What the conntrol scopes of a configuration say (the conntrol module)."""

from __future__ import annotations

from momentum_trio.config.enabled import first_enabled
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.conntrol_options import ConntrolOptions


class Conntrol:
    """What the first conntrol scope of a configuration that is enabled says, looked up once for each."""

    def __init__(self) -> None:
        self._of: tuple[ConfigTree, ConntrolOptions | None] | None = None

    def options(self, tree: ConfigTree) -> ConntrolOptions | None:
        """Those of *tree*; None: it has no such scope that is enabled."""
        if self._of is None or self._of[0] is not tree:
            chain = first_enabled(tree.root, "conntrol", ConntrolOptions.resolve)
            self._of = (tree, None if chain is None else ConntrolOptions.resolve(chain))
        return self._of[1]

    def opening(self, tree: ConfigTree) -> str:
        """What stands in front of the greeting: ``220-TEXT``, or nothing."""
        options = self.options(tree)
        return "" if options is None else options.banner
