"""How many connections to milters a node has: they take descriptors beside the sessions for which they are open."""

from __future__ import annotations

from momentum_trio.limits.contract import Key, SharedState


def key_of(limits: SharedState) -> Key:
    """The gauge of this node's own."""
    return ("milter_connections", limits.node)
