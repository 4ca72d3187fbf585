"""Connections that come through a proxy: what it says of them before anything else (Proxy_Protocol)."""

from __future__ import annotations

import trio

from momentum_trio.listener.kind import Connection
from momentum_trio.listener.proxy_options import ProxyOptions
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Wire
from momentum_trio.mail.record import Rejected
from momentum_trio.net.endpoint import endpoint_text
from momentum_trio.net.netblock import Address
from momentum_trio.protocol.proxy.header import Header, Malformed, Reader
from momentum_trio.protocol.smtp.phase import Phase

HEADER_SECONDS = 10.0
"""A proxy has its header ready before it connects."""
MODULE = "proxy"
PATHWAY = "default"  # of a client that has none yet
NO_HEADER = 421


async def introduced(connection: Connection, machine: Machine) -> bool:
    """Whether it is known who has connected; where a proxy is expected, *connection* says then what it said.

    False: that was no header, or came too late. The rejectlog has it; whoever it was is told nothing.
    """
    chain = connection.generations.current.tree.chain_for(
        connection.listener, connection.listen, connection.peer_address
    )
    if not ProxyOptions.resolve(chain).expected:
        return True
    said = await _header(connection, machine.wire(connection.socket))
    if isinstance(said, Header) and said.client is not None and not may_claim(connection, said.client.address):
        said = Malformed(f"a client at {said.client.address}, which is not the proxy's to know")
    if isinstance(said, Malformed):
        connection.why = MODULE
        machine.events.publish(_rejected(connection, machine.clock.now(), said.why))
        return False
    connection.proxied = said
    if said.client is not None:
        connection.peer_address, connection.peer = said.client.address, endpoint_text(*said.client)
    return True


def may_claim(connection: Connection, address: Address) -> bool:
    """Whether the peer of *connection* can know a client at *address*: one on loopback only if he is there himself."""
    return not address.is_loopback or connection.is_unix or connection.peer_address.is_loopback


async def _header(connection: Connection, wire: Wire) -> Header | Malformed:
    reader = Reader()
    with trio.move_on_after(HEADER_SECONDS):
        while reader.wanted:
            try:
                octets = await wire.recv(reader.wanted)
            except OSError:
                octets = b""
            connection.octets_received += len(octets)
            reader.receive(octets)
    return reader.outcome or Malformed(f"nothing whole within {HEADER_SECONDS:g} seconds")


def _rejected(connection: Connection, now: float, why: str) -> Rejected:
    return Rejected(
        now,
        connection.peer,
        connection.local,
        connection.connection_id,
        PATHWAY,
        PATHWAY,
        Phase.JUST_CONNECTED.words,
        NO_HEADER,
        MODULE,
        f"4.7.0 no header of the PROXY protocol: {why}",
        protocol=connection.listener.removesuffix("_listener"),
    )
