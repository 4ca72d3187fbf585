"""Control_Listener: the console's edge. Unix sockets, and TCP from loopback (SECURITY.md, control socket)."""

from __future__ import annotations

import math
from functools import partial

from momentum_trio.console.authority import Terms, refusal
from momentum_trio.console.command import Operator
from momentum_trio.console.session import Session, banner
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.kind import Connection, ListenerKind, Plane, Services
from momentum_trio.machine import Machine
from momentum_trio.protocol.console.frame import Farewell, encode
from momentum_trio.protocol.console.server import Server

PRODUCT = "ecelerity"
"""The program a console is told it speaks to, as the manual has it in the banner."""


async def converse(connection: Connection, services: Services) -> None:
    """Be a console to this client. Raises: a fault of ours in a command."""
    assert services.console is not None
    terms = partial(_terms, connection)
    held = terms()
    user = await _user(connection, services.machine)
    administration = services.console.administration
    session = Session(
        socket=connection.socket,
        server=Server(banner(PRODUCT, administration.version, administration.hostname, user, held)),
        operator=Operator(user, str(connection.listen), "" if connection.is_unix else connection.peer),
        refusal=refusal(held, connection.peer_address, is_unix=connection.is_unix),
        identified=connection.is_unix,
        dispatch=services.console,
        terms=terms,
        machine=services.machine,
        traffic=connection,
    )
    connection.on_drain = session.drain
    if connection.draining.is_set():
        session.drain()
    try:
        await session.converse()
    finally:
        connection.on_drain = None
        connection.why = session.why


def _terms(connection: Connection) -> Terms:
    """The options that hold for this peer now."""
    tree = connection.generations.current.tree
    options = ControlOptions.resolve(tree.chain_for(connection.listener, connection.listen, connection.peer_address))
    return Terms(
        options.timeout or math.inf, options.enable_authentication, options.enable_authorization, options.always_deny
    )


async def _user(connection: Connection, machine: Machine) -> str:
    """The login name of a Unix peer's process; the name service may block, so a worker asks it."""
    if connection.peer_uid is None:
        return ""
    return await machine.work.run(partial(machine.process.user_name, connection.peer_uid))


KIND = ListenerKind(
    "Control_Listener",
    "Control",
    Plane.CONTROL,
    converse,
    refusal=encode(Farewell("there are too many sessions", broken=True)),
)
