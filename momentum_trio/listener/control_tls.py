"""TLS from the first octet on a Control_Listener's TCP sockets, an extension of ours (SECURITY.md, control socket)."""

from __future__ import annotations

import trio

from momentum_trio.listener.control_options import ControlTlsOptions
from momentum_trio.listener.control_terms import speaks_tls
from momentum_trio.listener.kind import Connection
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import TlsTerms, Wire
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.record import Level, Panic

HANDSHAKE_SECONDS = 30.0


def tls_terms(options: ControlTlsOptions) -> TlsTerms | None:
    """What a context for the console is made from; None where there is no TLS."""
    if not speaks_tls(options):
        return None
    return TlsTerms(
        options.certificate, options.key, options.client_ca, options.ciphers, options.protocols, options.verify_mode
    )


async def wire(connection: Connection, machine: Machine) -> Wire | None:
    """What the conversation goes over: the socket, or TLS above it where it is on; None where that comes to nothing.

    The files are read for each connection, so that a renewed certificate acts at once; what is wrong with them the
    paniclog says, and nothing is said in clear instead. A drain ends the handshake.
    """
    tree = connection.generations.current.tree
    chain = tree.chain_for(connection.listener, connection.listen, connection.peer_address)
    terms = None if connection.is_unix else tls_terms(ControlTlsOptions.resolve(chain))
    if terms is None:
        return connection.socket
    with trio.move_on_after(HANDSHAKE_SECONDS) as shaking:
        connection.on_drain = shaking.cancel
        try:
            return await _shaken(connection, machine, terms)
        finally:
            connection.on_drain = None
    return None


async def _shaken(connection: Connection, machine: Machine, terms: TlsTerms) -> Wire | None:
    assert machine.tls is not None, "this machine has no TLS"
    try:
        context = await machine.tls.server_context(terms)
    except (OSError, ValueError) as fault:
        said = f"TLS at {connection.listen}: {terms.certificate}: {fault}: nobody is let in"
        machine.events.publish(Panic(machine.clock.now(), Level.ERROR, said))
        return None
    stream = trio.SSLStream(trio.SocketStream(connection.socket), context, server_side=True, https_compatible=True)
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError:
        return None
    return TlsWire(stream)
