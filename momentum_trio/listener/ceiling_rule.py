"""Which ceilings hold for one connection, and whose sessions each counts together."""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.limits.contract import Key
from momentum_trio.listener.listen_options import CeilingOptions


def ceilings_of(listener: str, service: str, chain: Chain) -> tuple[tuple[Key, int], tuple[Key, int]]:
    """What is counted for a connection along *chain*, and the most of each; 0 is no limit.

    listener: lower-case scope name. service: the word of its kind.
    """
    options = CeilingOptions.resolve(chain)
    return (
        (listener_key(listener, chain), options.listener_sessions_max),
        (("service_sessions", service), options.service_sessions_max),
    )


def listener_key(listener: str, chain: Chain) -> Key:
    """Which sessions Listener_Sessions counts together: those of the scope that sets it.

    Set nowhere or in the listener: all of the listener. In a Listen, or in a Peer: those alone. In a pathway: those
    that use it. The path holds no generation, so counts survive a new one.
    """
    option = CeilingOptions.listener_sessions_max
    owner = chain.owner(option.key, option.scopes)
    path: list[str] = []
    if owner is not None and owner.kind != listener:
        within = chain.scopes[chain.scopes.index(owner) + 1 :] if owner.kind == "peer" else ()
        path = [owner.kind, owner.instance, *(scope.instance for scope in within if scope.kind == "listen")]
    return ("listener_sessions", listener, *path)
