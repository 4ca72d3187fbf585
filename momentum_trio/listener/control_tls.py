"""TLS from the first octet on a Control_Listener's TCP sockets, an extension of ours (SECURITY.md, control socket)."""

from __future__ import annotations

import trio

from momentum_trio.listener.handshake import Handshakes, Secured, Who
from momentum_trio.listener.kind import Connection
from momentum_trio.listener.tls_terms import OF_CONSOLE, tls_terms
from momentum_trio.machine.contract import Wire
from momentum_trio.net.tls_terms import TlsTerms


async def wire(connection: Connection, handshakes: Handshakes) -> Wire | None:
    """What the conversation goes over: the socket, or TLS above it where it is on; None where that comes to nothing.

    A renewed certificate acts soon; where the files do not serve nothing is said in clear instead. A drain ends the
    handshake.
    """
    tree = connection.generations.current.tree
    chain = tree.chain_for(connection.listener, connection.listen, connection.peer_address)
    terms = None if connection.is_unix else tls_terms(chain, OF_CONSOLE)
    if terms is None:
        return connection.socket
    with trio.CancelScope() as shaking:
        connection.on_drain = shaking.cancel
        try:
            return await _shaken(connection, handshakes, terms)
        finally:
            connection.on_drain = None
    return None


async def _shaken(connection: Connection, handshakes: Handshakes, terms: TlsTerms) -> Wire | None:
    connection.in_clear = False
    who = Who(str(connection.listen), str(connection.peer_address))
    context = await handshakes.context(who, terms)
    made = None if context is None else await handshakes.shake(who, connection.socket, context)
    if not isinstance(made, Secured):
        return None
    connection.tls = made.facts
    return made.wire
