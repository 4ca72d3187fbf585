"""The pause before the greeting (the conntrol module), and whether the client could wait."""

from __future__ import annotations

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.conntrol_options import ConntrolOptions
from momentum_trio.machine.contract import Wire


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


async def said_in_pause(wire: Wire, seconds: float, octets_max: int, *, at_once: bool) -> bytes | None:
    """Wait for *seconds*: what the client says meanwhile; empty: he left; None: he waited.

    at_once: return as soon as he has said something. Raises: OSError. Cancellation: what he said may be lost.
    """
    until = trio.current_time() + seconds
    said: bytes | None = None
    with trio.move_on_at(until):
        said = await wire.recv(octets_max)
    if said and not at_once:
        await trio.sleep_until(until)
    return said
