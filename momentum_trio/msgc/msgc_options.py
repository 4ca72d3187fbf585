"""The options of the message bus: of its server, and of a client's connection to it."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, SECONDS, integer_between, quoted, show_list, word_of, words_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import GLOBAL, scopes
from momentum_trio.config.value import Dictionary, Value
from momentum_trio.net.host_port import HostPort
from momentum_trio.net.netblock import parse_address
from momentum_trio.protocol.msgc.frame import BATCH_MESSAGES_MAX
from momentum_trio.protocol.msgc.handshake import NAME_OCTETS_MAX, SECRET_OCTETS_MIN, is_name

PORT = 4809
PEERS_MAX = 64
BACKLOG_MAX = 1_000_000
FILE = "file://"

SERVER = scopes("msgc_server")
CLIENT = scopes("msgc_client")
BOTH = SERVER | CLIENT
_SECONDS = integer_between(1, 86_400, SECONDS.name, "seconds")


def _peers(value: Value) -> tuple[tuple[str, HostPort], ...]:
    if not isinstance(value, Dictionary):
        raise ValueError('expected a dictionary [ name = "ADDRESS" ... ]')
    if len(value.pairs) > PEERS_MAX:
        raise ValueError(f"expected at most {PEERS_MAX} peers")
    found: dict[str, HostPort] = {}
    for name, word in value.pairs:
        if not is_name(name.lower()):
            raise ValueError(f"'{name}' is no name: expected at most {NAME_OCTETS_MAX} of a-z, 0-9, '.', '_' and '-'")
        if name in found:
            raise ValueError(f"'{name}' is there twice")
        place = HostPort.parse(word.text)
        found[name] = place._replace(host=str(parse_address(place.host)))
    return tuple(found.items())


def _show_peers(peers: tuple[tuple[str, HostPort], ...]) -> str:
    return "[\n" + "".join(f"  {name} = {quoted(str(place))}\n" for name, place in peers) + "]"


def _servers(value: Value) -> tuple[HostPort, ...]:
    if not (texts := words_of(value, "a list of HOST:PORT")):
        raise ValueError("expected at least one HOST:PORT")
    return tuple(HostPort.parse(text) for text in texts)


def _address(value: Value) -> str:
    text = word_of(value, "an address")
    return str(parse_address(text)) if text else ""


def _secret(value: Value) -> str:
    text = word_of(value, expected := f"{FILE}/PATH, or at least {SECRET_OCTETS_MIN} octets")
    is_file = text.startswith(FILE)
    if text and (not text.startswith(f"{FILE}/") if is_file else len(text.encode()) < SECRET_OCTETS_MIN):
        raise ValueError(f"expected {expected}")
    return text


PEERS: Kind[tuple[tuple[str, HostPort], ...]] = Kind("dictionary", _peers, _show_peers)
SERVERS: Kind[tuple[HostPort, ...]] = Kind("string-list", _servers, lambda places: show_list(map(str, places)))
ADDRESS: Kind[str] = Kind("ip-address", _address, quoted)
SECRET: Kind[str] = Kind("string", _secret, quoted)


class BusSecretOptions(Options):
    """What who is on the bus proves that he knows."""

    secret = Option(
        "Cluster_Secret",
        SECRET,
        "",
        GLOBAL | BOTH,
        "What servers and clients of the bus share, or the file it is in: each proves to the other that he knows it, "
        "and every frame has a MAC. Without it only loopback and the addresses of Peers are let in, unproved.",
        secret=True,
        ours=True,
        file_only=True,
    )
    secret_previous = Option(
        "Cluster_Secret_Previous",
        SECRET,
        "",
        GLOBAL | BOTH,
        "That which Cluster_Secret takes the place of: both do, until this is taken away.",
        secret=True,
        ours=True,
        file_only=True,
    )


class LineOptions(BusSecretOptions):
    """What each connection of the bus depends on."""

    enabled = Option("enabled", BOOLEAN, True, BOTH, "False: the scope is read, and nothing comes of it.")
    connect_timeout = Option("Connect_Timeout", _SECONDS, 60, BOTH, "How long a connection, and its opening, may take.")
    idle_timeout = Option(
        "Idle_Timeout",
        _SECONDS,
        30,
        BOTH,
        "Silence, or a frame that cannot be sent, for so long ends a connection. Above Keepalive_Interval of the other "
        "end, or quiet ones flap.",
    )
    keepalive_interval = Option(
        "Keepalive_Interval", _SECONDS, 5, BOTH, "A connection on which nothing else was said says NOOP so often."
    )
    reconnect_interval = Option("Reconnect_Interval", _SECONDS, 5, BOTH, "The pause before the next attempt.")
    backlog_max = Option(
        "Max_Backlog",
        integer_between(1, BACKLOG_MAX),
        5000,
        BOTH,
        "Messages that wait to be sent: a server ends a connection that has more of them, and whoever is behind it has "
        "left; a client takes no more (publish fails).",
    )
    messages_per_iter = Option(
        "Messages_Per_Iter",
        integer_between(1, BATCH_MESSAGES_MAX),
        20,
        BOTH,
        "Messages that a client says in one turn: then other connections have theirs. What a server tells goes out in "
        "frames as large as may be, for it has to keep up with all who speak.",
    )
    buffer_octets = Option(
        "Tcpbuf_Size",
        integer_between(4096, 2**30, "size-bytes", "octets"),
        131_072,
        BOTH,
        "SO_SNDBUF and SO_RCVBUF of connections that begin.",
    )


class MsgcServerOptions(LineOptions):
    """The server of the bus on a node."""

    peers = Option(
        "Peers",
        PEERS,
        (),
        SERVER,
        "Every server of the bus, this one too: name, and address, where it is reached at another port than Port with "
        "that. A majority of them is a primary component. A change begins this node's server anew.",
    )
    port = Option(
        "Port",
        integer_between(1, 65535, "port"),
        PORT,
        SERVER,
        "Where the others listen: that of their msgcserver_listener.",
    )
    heartbeat_interval = Option(
        "Heartbeat_Interval",
        integer_between(1, 60, SECONDS.name, "seconds"),
        1,
        SERVER,
        "Servers say so often that they are well. The same on all; a change begins this node's server anew.",
        ours=True,
    )
    heartbeats_missed = Option(
        "Heartbeats_Missed",
        integer_between(2, 1000),
        5,
        SERVER,
        "So many of these missing in a row, though its connection lives, and the others go on without a server. As "
        "Heartbeat_Interval, the same on all.",
        ours=True,
    )


class MsgcClientOptions(LineOptions):
    """A connection of this host to a server of the bus."""

    servers = Option(
        "Server",
        SERVERS,
        (HostPort("127.0.0.1", PORT),),
        CLIENT,
        "Servers of the bus, in the order in which they are tried; the first that takes us is ours until it is gone.",
    )
    bind_address = Option("Bind_Address", ADDRESS, "", CLIENT, "Address of this host that connections come from.")
