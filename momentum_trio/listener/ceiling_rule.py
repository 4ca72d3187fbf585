"""Which ceilings hold for one connection, and whose sessions each counts together."""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.config.option import Option
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


def cluster_ceilings_of(listener: str, service: str, chain: Chain) -> list[tuple[Option[int], Key, int]]:
    """The limits that hold over all nodes for a connection along *chain*: the option, what it counts, and the most."""
    options, of_listener = CeilingOptions.resolve(chain), CeilingOptions.cluster_listener_sessions_max
    ceilings = (
        (of_listener, listener_key(listener, chain, of_listener), options.cluster_listener_sessions_max),
        (
            CeilingOptions.cluster_service_sessions_max,
            ("service_sessions", service),
            options.cluster_service_sessions_max,
        ),
    )
    return [(option, key, limit) for option, key, limit in ceilings if limit]


def listener_key(listener: str, chain: Chain, option: Option[int] = CeilingOptions.listener_sessions_max) -> Key:
    """Which sessions *option*, Listener_Sessions, counts together: those of the scope that sets it.

    Set nowhere or in the listener: all of the listener. In a Listen, or in a Peer: those alone. In a pathway: those
    that use it. The path holds no generation, so counts survive a new one.
    """
    owner = chain.owner(option.key, option.scopes)
    path: list[str] = []
    if owner is not None and owner.kind != listener:
        within = chain.scopes[chain.scopes.index(owner) + 1 :] if owner.kind == "peer" else ()
        path = [owner.kind, owner.instance, *(scope.instance for scope in within if scope.kind == "listen")]
    return ("listener_sessions", listener, *path)
