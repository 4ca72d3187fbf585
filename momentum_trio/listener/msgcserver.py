"""msgcserver_listener: the port of the message bus, for the servers of other nodes and for clients.

The protocol is in ``protocol/msgc`` (docs/protocols/msgc.md), who is let in is for ``msgc/server.py`` to say; here is
what the node knows of each connection: its end, and the refusals.
"""

from __future__ import annotations

from momentum_trio.listener.cluster_refusal import last_word, rejected
from momentum_trio.listener.kind import Connection, ListenerKind, Plane, Services
from momentum_trio.msgc.line import Line
from momentum_trio.protocol.msgc.frame import Code

MODULE = "msgc"
_ORDERLY = frozenset((Code.CLOSING, Code.REPLACED, Code.DUPLICATE, Code.EXPELLED))
_WHYS = {Code.CLOSING: "drain", Code.IDLE: "idle", Code.STUCK: "stuck"}


async def converse(connection: Connection, services: Services) -> None:
    """One connection of the bus, server's or client's, until it is over. Raises: a fault of the bus's core."""
    if services.bus is None:
        connection.why = "refused"
        await connection.socket.send(last_word(Code.CLOSING, "no server of the bus runs here"))
        return

    def begun(line: Line) -> None:
        connection.on_drain = lambda: line.end(Code.CLOSING, "the node drains")
        if connection.draining.is_set():
            connection.on_drain()

    try:
        closed = await services.bus.converse(connection.socket, connection.peer_address, connection, begun)
    finally:
        connection.on_drain = None
    if not closed.by_peer:
        connection.why = _WHYS.get(closed.code, "refused")
        if closed.code not in _ORDERLY:
            rejected(services.machine, connection, MODULE, KIND.protocol, closed.code, closed.why)


KIND = ListenerKind(
    "msgcserver_listener",
    "MSGC",
    Plane.CONTROL,
    converse,
    refusal=last_word(Code.FULL, "there are too many connections"),
    gone=last_word(Code.CLOSING, "this Listen is not in the configuration any more"),
)
