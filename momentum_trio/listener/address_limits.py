"""How many sessions, and how often, one client's address may begin: asked before there is a task for him."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.client_key import client_key
from momentum_trio.limits.contract import Key, SharedState
from momentum_trio.limits.rate import rate_of
from momentum_trio.listener.kind import Connection, Services
from momentum_trio.listener.listen_options import CeilingOptions
from momentum_trio.listener.proxied import introduced
from momentum_trio.mail.reply import Reply
from momentum_trio.net.netblock import Address
from momentum_trio.protocol.smtp import replies


def sessions_key(service: str, chain: Chain, address: Address) -> Key | None:
    """What counts the sessions of *address*; None: nobody asks how many there are."""
    if not CeilingOptions.resolve(chain).sessions_per_address_max:
        return None
    return ("address_sessions", service, client_key(address))


def too_many(limits: SharedState, service: str, tree: ConfigTree, chain: Chain, address: Address) -> Reply | None:
    """Why whoever is at *address* may not begin a session now; None: he may, and it counts for the rate."""
    key = sessions_key(service, chain, address)
    if key is not None and limits.gauge(key) >= CeilingOptions.resolve(chain).sessions_per_address_max:
        return replies.TOO_MANY_SESSIONS
    rate = rate_of(tree, chain, CeilingOptions.session_rate_per_address, client_key(address))
    if rate is None or limits.throttle(rate.key, rate.events_per_second, rate.burst).admitted:
        return None
    return replies.SESSIONS_TOO_FAST


@contextmanager
def counted(connection: Connection, limits: SharedState, service: str) -> Iterator[Reply | None]:
    """The session of a client that a proxy has brought counts for his own address; why he may not have it, if so."""
    tree, address = connection.generations.current.tree, connection.peer_address
    chain = tree.chain_for(connection.listener, connection.listen, address)
    refusal = too_many(limits, service, tree, chain, address)
    key = None if refusal else sessions_key(service, chain, address)
    if key is not None:
        limits.gauge_add(key, limits.node, 1)
    try:
        yield refusal
    finally:
        if key is not None:
            limits.gauge_add(key, limits.node, -1)


async def with_client(
    connection: Connection, services: Services, service: str, talk: Callable[[Reply | None], Awaitable[None]]
) -> None:
    """``await talk(refusal)`` once it is known who has connected; nothing where that does not come to be known.

    refusal: what the client behind a proxy is told, who is one too many of his address; None: he is not.
    """
    if not await introduced(connection, services.machine):
        return
    if connection.proxied is None:
        await talk(None)
        return
    with counted(connection, services.limits, service) as refusal:
        await talk(refusal)
