"""The options of ``cluster {}`` that make a node a member, and of the ``Replicate`` scopes in it."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, NUMBER, SECONDS, STRING, integer_between, one_of, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.net.group import GROUP_OCTETS_MAX
from momentum_trio.net.netblock import parse_address

CLUSTER = scopes("cluster")
REPLICATE = scopes("replicate")
NAME_OCTETS_MAX = 48
"""Of a node's name, and of a subcluster's: the names of members have them in them."""
BEATS_PER_SECOND_MAX = 100
MAX_DELAY_SECONDS_MAX = 3_600.0
PENDING_MAX = 100_000

INBOUND_CIDR, OUTBOUND_CIDR = "inbound_cidr", "outbound_cidr"
OUTBOUND_DOMAINS, OUTBOUND_BINDING_DOMAINS = "outbound_domains", "outbound_binding_domains"
COUNTED = (INBOUND_CIDR, OUTBOUND_CIDR, OUTBOUND_DOMAINS, OUTBOUND_BINDING_DOMAINS)
"""Objects that are counts of connections."""
THROTTLES = ("shared_named_throttles", "obtm", "obtc")
METRICS = ("metrics", "eccmgr_metrics")
CONNECT, RECEPTION, REJECTION = "connect", "reception", "rejection"
DELIVERY, TRANSFAIL, PERMFAIL = "delivery", "transfail", "permfail"
SERIES = (CONNECT, DELIVERY, TRANSFAIL, PERMFAIL, RECEPTION, REJECTION)
"""What metrics can be of, by their Parameters."""
OF_SCRIPTS = ("audit_series", "gauge_cache")
"""Parameters of metrics that scripts alone would fill."""
SNAPSHOT = "snapshot"
CACHE = "cache"
TYPES = (*COUNTED, *THROTTLES, *METRICS, CACHE)


def is_name(text: str) -> bool:
    """Whether *text* can be the name of a node or a subcluster: a word of a-z, 0-9, '.', '_' and '-'."""
    allowed = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
    return 0 < len(text) <= NAME_OCTETS_MAX and text[0] not in "._-" and set(text) <= allowed


def _name(value: Value) -> str:
    text = word_of(value, expected := "a word of a-z, 0-9, '.', '_' and '-'")
    if text and not is_name(text):
        lower = "; in lower case" if is_name(text.lower()) else ""
        raise ValueError(f"expected {expected}, of at most {NAME_OCTETS_MAX} characters{lower}")
    return text


def _group(value: Value) -> str:
    text = word_of(value, expected := f"a word of at most {GROUP_OCTETS_MAX} octets")
    if len(text) > GROUP_OCTETS_MAX or not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise ValueError(f"expected {expected}, without '#'")
    return text


def _named_group(value: Value) -> str:
    if not (text := _group(value)):
        raise ValueError("expected a word, the name of a group")
    return text


def _address(value: Value) -> str:
    text = word_of(value, "an address")
    if not text:
        return ""
    address = parse_address(text)
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        what = ", not one of loopback" if address.is_loopback else ""
        raise ValueError(f"expected an address that the other nodes reach{what}")
    return str(address)


def _delay(value: Value) -> float:
    seconds = NUMBER.parse(value)
    if not 0 <= seconds <= MAX_DELAY_SECONDS_MAX:
        raise ValueError(f"expected from 0 to {MAX_DELAY_SECONDS_MAX:g} seconds")
    return seconds


NAME: Kind[str] = Kind("string", _name, quoted)
GROUP: Kind[str] = Kind("string", _named_group, quoted)
GROUP_IF_ANY: Kind[str] = Kind("string", _group, quoted)
NODE_ADDRESS: Kind[str] = Kind("ip-address", _address, quoted)
DELAY: Kind[float] = Kind("number", _delay, str)


class ClusterOptions(Options):
    """A node as a member of its cluster."""

    enabled = Option("Enabled", BOOLEAN, True, CLUSTER, "False: the scope is read, and the node is in no cluster.")
    cluster_group = Option(
        "Cluster_Group", GROUP, "ec_cluster", CLUSTER, "The group in which nodes share what they know.", dynamic=False
    )
    control_group = Option(
        "Control_Group", GROUP, "ec_console", CLUSTER, "The group in which nodes take console commands.", dynamic=False
    )
    log_group = Option(
        "Log_Group",
        GROUP_IF_ANY,
        "",
        CLUSTER,
        "A group that the lines of the paniclog are told as well.",
        dynamic=False,
    )
    nodename = Option(
        "Nodename",
        NAME,
        "",
        CLUSTER,
        "The node's name in the cluster; else EC_NODE_NAME, else the host's name up to its first dot.",
        dynamic=False,
    )
    nodeaddr = Option(
        "Nodeaddr",
        NODE_ADDRESS,
        "",
        CLUSTER,
        "The node's address in the cluster network, never loopback; else what its name resolves to.",
    )
    subcluster = Option(
        "Subcluster", NAME, "", CLUSTER, "The node's subcluster; else EC_SUB_CLUSTER, else 'default'.", dynamic=False
    )
    heartbeat_start_delay = Option(
        "Heartbeat_Start_Delay", SECONDS, 15.0, CLUSTER, "How long after its start a node's heart begins to beat."
    )
    heartbeats_per_sec = Option(
        "Heartbeats_Per_Sec",
        integer_between(1, BEATS_PER_SECOND_MAX),
        1,
        CLUSTER,
        "How often it does. A member that misses ten heartbeats, and 5 seconds, is put out by the others.",
    )


class ReplicateOptions(Options):
    """What a ``replicate`` scope says of one object that nodes share."""

    type = Option("Type", one_of(*TYPES), "", REPLICATE, "What it is, where its name does not say it.")
    kind = Option("Class", one_of(*TYPES), "", REPLICATE, "As Type, which wins.")
    parameters = Option(
        "Parameters",
        STRING,
        "",
        REPLICATE,
        "Of metrics: words with ';' between them: connect, delivery, transfail, permfail, reception, rejection. "
        "audit_series, gauge_cache and snapshot are taken and mean nothing: no script here fills what they stand for.",
    )
    binding_group = Option(
        "Binding_Group",
        STRING,
        "",
        REPLICATE,
        "Of outbound_cidr and outbound_domains: only connections of this binding group count.",
    )
    max_delay = Option("Max_Delay", DELAY, 1.0, REPLICATE, "How long a change waits at most before it is told.")
    max_pending = Option(
        "Max_Pending", integer_between(1, PENDING_MAX), 100, REPLICATE, "As many changes are told without waiting."
    )
