"""What the conntrol scope of a configuration says (the conntrol module)."""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.conntrol_options import ConntrolOptions


class Conntrol:
    """What the first conntrol scope of a configuration says, looked up once for each."""

    def __init__(self) -> None:
        self._of: tuple[ConfigTree, ConntrolOptions | None] | None = None

    def options(self, tree: ConfigTree) -> ConntrolOptions | None:
        """Those of *tree*; None: it has no such scope."""
        if self._of is None or self._of[0] is not tree:
            found = tree.root.all("conntrol")
            self._of = (tree, ConntrolOptions.resolve(Chain(found[:1])) if found else None)
        return self._of[1]

    def opening(self, tree: ConfigTree) -> str:
        """What stands in front of the greeting: ``220-TEXT``, or nothing."""
        options = self.options(tree)
        return "" if options is None else options.banner
