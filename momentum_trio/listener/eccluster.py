"""ECCluster_Listener: what nodes say to each other without ordering: logs, and mail that moves (docs/cluster.md).

The protocol is in ``protocol/cluster`` (docs/protocols/eccluster.md); here is who is let in, and what answers.
"""

from __future__ import annotations

from ipaddress import ip_address

import trio

from momentum_trio.cluster.channel import BUFFER_OCTETS, Broken, Channel, hello
from momentum_trio.cluster.cluster_options import ClusterOptions
from momentum_trio.cluster.identity import NoIdentity, identity
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.cluster_refusal import last_word, rejected
from momentum_trio.listener.eccluster_moves import MovesIn
from momentum_trio.listener.kind import Connection, ListenerKind, Plane, Services
from momentum_trio.listener.node_to_node import NodeToNode
from momentum_trio.machine import Machine
from momentum_trio.msgc.dial import tune
from momentum_trio.msgc.msgc_options import BusSecretOptions, MsgcServerOptions
from momentum_trio.msgc.secret import secrets_of
from momentum_trio.protocol.cluster.eccluster import (
    PREFACE,
    VERSION,
    Answer,
    Asked,
    Begun,
    Checkpoint,
    ListLogs,
    Mail,
    Ready,
    Replay,
    Said,
    Server,
    Service,
    parts,
)
from momentum_trio.protocol.msgc.frame import Code, RemoteProtocolError
from momentum_trio.protocol.msgc.link import Link

_WHYS = {Code.CLOSING: "closed", Code.IDLE: "idle", Code.STUCK: "stuck"}


async def converse(connection: Connection, services: Services) -> None:
    """One connection of another node, until it is over. Cancellation: a message that is not in custody is not kept."""
    assert services.node_to_node is not None
    session = Session(connection, services.machine, services.node_to_node)
    try:
        await session.run()
    except Broken as broken:
        connection.why = _WHYS.get(broken.code, "refused")
        if not broken.by_peer and broken.code is not Code.CLOSING:
            services.node_to_node.refused[broken.code] += 1
            rejected(services.machine, connection, "eccluster", KIND.protocol, broken.code, broken.why)
    finally:
        connection.on_drain = None


class Session:
    """One connection's."""

    def __init__(self, connection: Connection, machine: Machine, nodes: NodeToNode) -> None:
        self._connection, self._machine, self._nodes = connection, machine, nodes
        self._core = Server()
        self._moves: MovesIn | None = None
        self._waiting = trio.CancelScope()

    async def run(self) -> None:
        """Raises Broken when it is over."""
        tree = self._connection.generations.current.tree
        who = identity(
            ClusterOptions.resolve(tree.chain_scope("cluster")),
            self._machine.process.environment,
            self._machine.process.hostname,
        )
        if isinstance(who, NoIdentity):
            raise Broken(Code.NOT_ALLOWED, who.why, by_peer=False)
        tune(self._connection.socket, BUFFER_OCTETS)
        secrets = await self._secrets(tree)
        link = Link.called(hello(self._machine, who.nodename, secrets), secrets, PREFACE)
        channel = Channel(self._machine.wire(self._connection.socket), link, self._connection)
        if not secrets and not self._is_of_the_cluster(tree):
            await self._end(channel, Code.NOT_ALLOWED, "only loopback and the addresses of Peers are let in")
        theirs = await channel.opened()
        await channel.welcome()
        self._connection.on_drain = self._drain
        try:
            await self._serve(channel, who.nodename, theirs.name)
        finally:
            if self._moves is not None:
                await self._moves.end()

    async def _secrets(self, tree: ConfigTree) -> tuple[bytes, ...]:
        try:
            return await secrets_of(self._machine, BusSecretOptions.resolve(tree.chain_global()))
        except OSError as fault:
            raise Broken(Code.UNPROVED, f"Cluster_Secret: {fault}", by_peer=False) from None

    def _is_of_the_cluster(self, tree: ConfigTree) -> bool:
        address = self._connection.peer_address
        places = dict(MsgcServerOptions.resolve(tree.chain_scope("msgc_server")).peers).values()
        return address.is_loopback or any(ip_address(place.host) == address for place in places)

    async def _serve(self, channel: Channel, name: str, their_name: str) -> None:
        while True:
            octets = await self._next(channel)
            try:
                for asked in self._core.take(octets):
                    await channel.send(await self._answer(channel, asked, name, their_name))
            except RemoteProtocolError as error:
                await self._end(channel, error.code, error.why)

    async def _next(self, channel: Channel) -> bytes:
        """The next array of messages; between two questions the node may drain."""
        while True:
            is_resting = self._moves is None or self._moves.is_between_messages
            with trio.CancelScope() as self._waiting:
                if self._connection.draining.is_set() and is_resting:
                    self._waiting.cancel()
                return await channel.receive()
            await self._end(channel, Code.CLOSING, "the node drains")

    def _drain(self) -> None:
        if self._moves is None or self._moves.is_between_messages:
            self._waiting.cancel()

    async def _answer(self, channel: Channel, asked: Begun | Asked, name: str, their_name: str) -> list[Answer]:
        """Raises RemoteProtocolError."""
        match asked:
            case Begun(Service.MOVE):
                address = str(self._connection.peer_address)
                self._moves = MovesIn(self._nodes.transfers, name, their_name, self._connection.connection_id, address)
                await channel.send([Ready(VERSION)])
                return [Said(part) for part in parts(self._moves.octets_to_send())]
            case Begun():
                return [Ready(VERSION)]
            case ListLogs() | Replay() | Checkpoint():
                return await self._nodes.logs.answer(asked)
            case Mail(octets):
                assert self._moves is not None
                said = await self._moves.take(octets)
                return [Said(part) for part in parts(said)] if said else []
            case _:
                raise RemoteProtocolError("there is no such service")

    async def _end(self, channel: Channel, code: Code, why: str) -> None:
        """Always raises Broken, after the other end was told."""
        await channel.refuse(code, why)
        raise Broken(code, why, by_peer=False)


KIND = ListenerKind(
    "ECCluster_Listener",
    "ECCluster",
    Plane.MAIL,
    converse,
    refusal=last_word(Code.FULL, "there are too many connections"),
    gone=last_word(Code.CLOSING, "this Listen is not in the configuration any more"),
)
