"""Control_Listener: the console's edge, on Unix sockets and TCP (SECURITY.md, control socket)."""

from __future__ import annotations

from functools import partial

from momentum_trio.console.authentication import Authentication
from momentum_trio.console.authority import Admitted, Demanded, Peer, Terms, entry
from momentum_trio.console.command import Operator
from momentum_trio.console.session import Session, banner
from momentum_trio.limits.guesses import Guesses
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.control_terms import terms_of
from momentum_trio.listener.control_tls import wire
from momentum_trio.listener.kind import Connection, ListenerKind, Plane, Services
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Wire
from momentum_trio.protocol.console.frame import Banner, Farewell, encode
from momentum_trio.protocol.console.server import Server


async def converse(connection: Connection, services: Services) -> None:
    """Be a console to this client. Raises: a fault of ours in a command."""
    assert services.handshakes is not None
    if (over := await wire(connection, services.handshakes)) is None:
        connection.why = "fault"
        return
    session = await _session(connection, over, services)
    connection.on_drain = session.drain
    if connection.draining.is_set():
        session.drain()
    try:
        await session.converse()
    finally:
        connection.on_drain = None
        connection.why = session.why


async def _session(connection: Connection, over: Wire, services: Services) -> Session:
    assert services.console is not None
    machine, dispatch, terms = services.machine, services.console, HeldTerms(connection)
    held, administration = terms(), dispatch.administration
    peer = Peer(
        connection.peer_address,
        is_unix=connection.is_unix,
        is_private=over is not connection.socket,
        user=await _user(connection, machine),
    )
    let_in = entry(held, peer)
    user = let_in.user if isinstance(let_in, Admitted) else peer.user
    guesses = Guesses(services.limits, KIND.service, connection.peer_address)
    mechanisms = let_in.mechanisms if isinstance(let_in, Demanded) else ()
    said = banner(administration.product, administration.version, administration.hostname, user, held, mechanisms)
    return Session(
        wire=over,
        server=Server(said),
        operator=Operator(user, str(connection.listen), "" if connection.is_unix else connection.peer),
        peer=peer,
        authentication=_authentication(machine, said, held, guesses),
        dispatch=dispatch,
        terms=terms,
        machine=machine,
        traffic=connection,
    )


def _authentication(machine: Machine, said: Banner, held: Terms, guesses: Guesses) -> Authentication | None:
    """What a client to whom the banner names mechanisms has to do."""
    offered = {name: back_end for name, back_end in held.back_ends if name in said.mechanisms}
    return Authentication(machine, said.node, offered, guesses) if offered else None


class HeldTerms:
    """The terms that hold for a connection when it is called. Once no Listen would take it any more, those that held
    last: those of the listener alone could be laxer.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held = Terms(always_deny=True)

    def __call__(self) -> Terms:
        """As they are now."""
        if (chain := self._connection.chain_now()) is not None:
            self._held = terms_of(ControlOptions.resolve(chain))
        return self._held


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
    gone=encode(Farewell("this Listen is not in the configuration any more", broken=True)),
)
