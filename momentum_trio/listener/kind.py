"""What a listener is: a row of ``node/tables.LISTENERS``, and what its conversations are handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.dispatch import Dispatch
from momentum_trio.console.facade import Administration
from momentum_trio.events.hub import Hub
from momentum_trio.limits.contract import SharedState
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.limits.guesses import Guesses
from momentum_trio.limits.turnstile import Turnstile
from momentum_trio.listener.conntrol import Conntrol
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.http_proofs import Proofs
from momentum_trio.listener.node_to_node import NodeToNode
from momentum_trio.listener.smtp_authentication import Dialogues
from momentum_trio.machine import Machine
from momentum_trio.metrics.metric import Family
from momentum_trio.metrics.tally import Tally
from momentum_trio.msgc.server import BusServer
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.protocol.proxy.header import Header
from momentum_trio.protocol.rehearsal.notes import Notes
from momentum_trio.reception.door import Door
from momentum_trio.reception.policy.plugin import Plugin
from momentum_trio.stored.stored import Stored


class Plane(Enum):
    """Which half of the node a listener's conversations belong to (DESIGN.md, walk 6)."""

    CONTROL = "control"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Generation:
    """One configuration, whole and checked. number counts from 1. plugins: the policy that it names, loaded."""

    number: int
    tree: ConfigTree
    plugins: tuple[Plugin, ...] = ()


class Generations:
    """The generation that holds now. A session compares ``current.number`` with that of its own options."""

    __slots__ = ("_changed", "current")

    def __init__(self, current: Generation) -> None:
        self.current = current
        self._changed = trio.Event()

    def advance(self, tree: ConfigTree, plugins: tuple[Plugin, ...] = ()) -> Generation:
        """Let *tree* hold from now on, and *plugins*, the policy that it names."""
        self.current = Generation(self.current.number + 1, tree, plugins)
        self._changed.set()
        self._changed = trio.Event()
        return self.current

    async def changed(self) -> None:
        """Wait until the next generation holds; several may have come by then."""
        await self._changed.wait()


@dataclass(slots=True)
class Counters:
    """What one Listen counts. sessions: open now; sessions_total: since it was first opened; octets as on the wire."""

    sessions: int = 0
    sessions_total: int = 0
    octets_received: int = 0
    octets_sent: int = 0


@dataclass(frozen=True, slots=True)
class Doing:
    """What a conversation is about. phase: in the manual's words; since: trio's time. floating: a worker has it."""

    phase: str
    since: float
    floating: bool


@dataclass(slots=True, eq=False)
class Connection:
    """One accepted connection. Whoever converses adds to *counters* and sets *why*; closing the socket is not his.

    listen: the endpoint as configured. listener: lower-case scope name. peer_address: unmapped; 127.0.0.1 for a Unix
    peer. peer: ``192.0.2.1:4711``, ``[2001:db8::1]:4711``, or empty for a Unix peer. local: the same of our end, or the
    path. peer_uid: of a Unix peer. draining: set when the node drains: finish the transaction, then 421 and close.
    on_drain: set by the conversation if it wants to be told: called once, synchronously, after *draining* was set.
    doing: set by the conversation if it can say what it is about. began_at: trio's time.
    proxied: what the proxy in front of it said about the client (Proxy_Protocol); *peer_address* and *peer* are his
        then.
    in_clear: false from where TLS begins: nothing may be said beside it. tls: what it came to.
    octets_received, octets_sent: of this connection; accept.py adds them to *counters* when it ends (so a conversation
        counts here and only here). why: for SessionEnded (``quit``, ``closed``, ``idle``, ``drain``, ``fault``).
    """

    socket: trio.socket.SocketType
    listen: Endpoint
    listener: str
    connection_id: str
    peer_address: IPv4Address | IPv6Address
    peer: str
    local: str
    is_unix: bool
    peer_uid: int | None
    generations: Generations
    counters: Counters
    draining: trio.Event
    why: str = "closed"
    octets_received: int = 0
    octets_sent: int = 0
    on_drain: Callable[[], None] | None = None
    doing: Callable[[], Doing] | None = None
    began_at: float = field(default_factory=trio.current_time)
    proxied: Header | None = None
    in_clear: bool = True
    tls: TlsFacts | None = None

    def listen_now(self) -> Endpoint | None:
        """The Listen that speaks for it in the generation that holds; None where none would take it any more."""
        return self.generations.current.tree.listen_for(self.listener, self.listen, self.local)

    def chain_now(self) -> Chain | None:
        """Who answers for it in the generation that holds; None where no Listen would take it any more."""
        listen = self.listen_now()
        tree = self.generations.current.tree
        return None if listen is None else tree.chain_for(self.listener, listen, self.peer_address)


class TakesNotes(Protocol):
    """Who records conversations (``recorder.Recorder``)."""

    def begin(self, connection: Connection, chain: Chain) -> Notes | None:
        """The notes to be taken of *connection*, which begins now and whose options are *chain*'s; None: no notes."""
        ...

    def end(self, connection: Connection, notes: Notes) -> None:
        """*connection*, of which *notes* were taken, is over."""
        ...


@dataclass(slots=True)
class Services:
    """What conversations may use beside their connection. A part that belongs to the other plane is None.

    tally: what records have added up to; never reset (the console subtracts).
    conntrol: what is said before a greeting. turnstile: the lines of those who come too soon.
    deadlines: of conversations, which strike while somebody runs them. handshakes: with clients over TLS.
    dialogues: makes those of AUTH of one session, given how often may be guessed and our name (mail plane).
    door: reception's Door (mail plane).
    recorder: of sessions (mail plane). proofs: what those of HTTP are judged by (mail plane). administration: the
    console's view of the node; console: what answers a console line (control plane; HTTP reads and acts by them too).
    events: what happens, for those who follow it. measure: what metrics of the node have come to. bus: the server of
    the message bus, while the node has one (control plane). node_to_node: what other nodes may ask (mail plane).
    stored: templates and recipient lists (mail plane).
    """

    machine: Machine
    limits: SharedState
    tally: Tally = field(default_factory=Tally)
    deadlines: Deadlines = field(default_factory=Deadlines)
    handshakes: Handshakes | None = None
    dialogues: Callable[[Guesses, str], Dialogues] | None = None
    door: Door | None = None
    recorder: TakesNotes | None = None
    proofs: Proofs | None = None
    administration: Administration | None = None
    console: Dispatch | None = None
    events: Hub | None = None
    measure: Callable[[], Awaitable[Sequence[Family]]] | None = None
    bus: BusServer | None = None
    node_to_node: NodeToNode | None = None
    stored: Stored | None = None
    conntrol: Conntrol = field(default_factory=Conntrol)
    turnstile: Turnstile = field(init=False)

    def __post_init__(self) -> None:
        self.turnstile = Turnstile(self.limits)


Converse = Callable[[Connection, Services], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ListenerKind:
    """A listener as ``node/tables.py`` lists it.

    scope: ``ESMTP_Listener``. service: ``SMTP``, case-sensitive where it is an argument.
    converse: returns when the conversation is over, or raises; the socket is closed by accept.py either way.
    refusal: octets said to a connection that is over a ceiling, before it is closed; empty: closed in silence.
    fault: octets said when our own code failed, before the connection is closed.
    gone: octets said to a connection that waited in the queue of a Listen that is not in the configuration any more.
    """

    scope: str
    service: str
    plane: Plane
    converse: Converse
    refusal: bytes = b""
    fault: bytes = b""
    gone: bytes = b""

    @property
    def key(self) -> str:
        """The scope's name in lower case, as trees and chains know it."""
        return self.scope.lower()

    @property
    def protocol(self) -> str:
        """What its records call what is spoken there: ``esmtp``."""
        return self.key.removesuffix("_listener")

    @property
    def speaks_replies(self) -> bool:
        """Whether a reply of SMTP is understood by its clients: *refusal* is one."""
        return self.refusal[:3].isdigit()
