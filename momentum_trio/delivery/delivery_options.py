"""Options of outbound scopes that the queue itself reads."""

from __future__ import annotations

from momentum_trio.config.host_kind import NEXT_HOP
from momentum_trio.config.kind import BOOLEAN, COUNT, INTEGER, SECONDS, THROTTLE, either, one_of
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import GLOBAL, OUTBOUND, scopes
from momentum_trio.config.suspension_options import SuspensionOptions

# MAILDIR and BLACKHOLE are ours: the original delivers locally with modules of its own.
METHOD_WORDS = ("ESMTP", "SMTP", "LMTP", "ECSTREAM", "APN", "GCM", "MM7", "MAILDIR", "BLACKHOLE")
DELIVERY_METHOD = one_of(*METHOD_WORDS)

GATEWAY_METHODS = ("ESMTP", "SMTP", "LMTP", "ECSTREAM")
"""Those that hand mail to another host, which ``Gateway`` can name."""


RETRIES_MAX = either(one_of("auto", "none"), COUNT)


class DeliveryOptions(SuspensionOptions):
    """How, whether and how long mail of a scope is tried."""

    method = Option("Delivery_Method", DELIVERY_METHOD, "ESMTP", OUTBOUND, "How mail of the scope is delivered.")
    gateway = Option(
        "Gateway",
        NEXT_HOP,
        None,
        OUTBOUND,
        "The host that mail of the scope goes to, with :PORT behind it if need be. It becomes the routing domain: the"
        " options of the conversation with it are those of its own Domain.",
    )
    retry_interval = Option(
        "Retry_Interval", SECONDS, 1200.0, OUTBOUND, "Wait before the first retry; doubles each time."
    )
    retry_interval_max = Option("Max_Retry_Interval", SECONDS, 43200.0, OUTBOUND, "The longest wait between retries.")
    expiration = Option("Message_Expiration", SECONDS, 86400.0, OUTBOUND, "Age at which undelivered mail is given up.")
    retries_max = Option(
        "Max_Retries",
        RETRIES_MAX,
        "auto",
        OUTBOUND,
        "Retries before a message is given up. auto: as many as fit into Message_Expiration; none: no limit but that.",
    )
    never_retry = Option("Never_Retry", BOOLEAN, False, OUTBOUND, "Give up at the first failure of any kind.")
    never_attempts_expired = Option(
        "Never_Attempt_Expired_Messages",
        BOOLEAN,
        False,
        OUTBOUND,
        "Give up a message that has expired when its turn comes, without the usual last attempt.",
    )


class DelayNoticeOptions(Options):
    """Whether and when a sender is told that his mail is late (RFC 3464, action delayed)."""

    enable = Option("Generate_Delay_DSN", BOOLEAN, False, OUTBOUND, "Tell senders of mail that is still tried.")
    notice_interval = Option(
        "Delay_DSN_Retry_Interval", SECONDS, 3600.0, OUTBOUND, "Age at which they are told first; doubles each time."
    )
    notice_interval_max = Option(
        "Delay_DSN_Max_Retry_Interval",
        SECONDS,
        43200.0,
        OUTBOUND,
        "The longest time between two such reports; 0 sets no longest.",
    )


NO_LIMIT = -1
"""What a limit on connections is where there is none."""


class ConnectionOptions(Options):
    """How many connections a domain gets, how fast, and for how long."""

    connections_max = Option(
        "Max_Outbound_Connections",
        INTEGER,
        32,
        OUTBOUND,
        "Connections to one domain in one binding; below 0 there is no limit.",
    )
    scope_connections_max = Option(
        "Scope_Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        OUTBOUND,
        "Connections of all that falls back to the scope that sets it, together; below 0 there is no limit.",
    )
    binding_connections_max = Option(
        "Server_Max_Outbound_Connections",
        INTEGER,
        20_000,
        GLOBAL | scopes("binding", "binding_group"),
        "Outbound connections in all; set in a binding or its group: those of one binding.",
    )
    allocation = Option(
        "Connection_Allocation_Aggressiveness",
        one_of("normal", "high"),
        "normal",
        OUTBOUND,
        "How fast the connections to a domain grow with its active queue, up to Max_Outbound_Connections.",
    )
    messages_throttle = Option(
        "Outbound_Throttle_Messages",
        THROTTLE,
        None,
        OUTBOUND,
        "Messages tried in a time, N or N/SECONDS, by all that falls back to the scope that sets it, together.",
    )
    connections_throttle = Option(
        "Outbound_Throttle_Connections",
        THROTTLE,
        None,
        OUTBOUND,
        "Connections begun in a time, N or N/SECONDS, by all that falls back to the scope that sets it, together.",
    )
    deliveries_max = Option(
        "Max_Deliveries_Per_Connection",
        COUNT,
        0,
        OUTBOUND,
        "Messages delivered over one connection before it is closed; 0 sets no limit.",
    )
    failures_max = Option(
        "MX_Failures_To_Delay",
        COUNT,
        50,
        GLOBAL | scopes("domain"),
        "Failures to reach a domain, one after the other, after which all its mail is delayed; 0: not for that.",
    )
    failing_seconds_max = Option(
        "Connect_Timeout_To_Delay",
        SECONDS,
        900.0,
        OUTBOUND,
        "Time of failing to reach a domain after which all its mail is delayed.",
    )
    sweep_spread = Option(
        "Delayed_Binding_Domain_Fuzz",
        COUNT,
        0,
        GLOBAL | scopes("binding", "binding_group"),
        "Seconds over which the next attempts of mail that was delayed all at once are spread.",
    )


class ClusterLimitOptions(Options):
    """Limits that hold over all nodes of a cluster together, beside those of each node."""

    connections_max = Option(
        "Cluster_Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        GLOBAL | scopes("binding", "domain"),
        "Connections of all nodes to one domain, from all bindings; set in a binding: from that one. Below 0 there is"
        " no limit.",
    )
    binding_connections_max = Option(
        "Cluster_Server_Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        GLOBAL | scopes("binding", "binding_group"),
        "Outbound connections of all nodes; set in a binding or its group: those of one binding. Below 0 there is no"
        " limit.",
    )
    scope_connections_max = Option(
        "Cluster_Scope_Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        OUTBOUND,
        "Connections of all nodes of all that falls back to the scope that sets it, together; below 0 there is no"
        " limit.",
    )
    messages_throttle = Option(
        "Cluster_Outbound_Throttle_Messages",
        THROTTLE,
        None,
        GLOBAL | scopes("binding_group", "domain"),
        "Messages tried by all nodes in a time, N or N/SECONDS, by all that falls back to the scope that sets it.",
    )
    connections_throttle = Option(
        "Cluster_Outbound_Throttle_Connections",
        THROTTLE,
        None,
        GLOBAL | scopes("binding_group", "domain"),
        "Connections begun by all nodes in a time, N or N/SECONDS, by all that falls back to the scope that sets it.",
    )


class ClusterHostLimitOptions(Options):
    """The same of Host scopes: they hold only where they stand."""

    connections_max = Option(
        "Cluster_Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        scopes("host"),
        "Connections of all nodes to one host, from all bindings; below 0 there is no limit.",
    )
    scope_connections_max = Option(
        "Cluster_Scope_Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        scopes("host"),
        "Connections of all nodes to the hosts of the scope, from all bindings together; below 0 there is no limit.",
    )


class HostLimitOptions(Options):
    """Limits of Host scopes: they hold only where they stand, nothing falls back (spec: config-language, 7.1)."""

    connections_max = Option(
        "Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        scopes("host"),
        "Connections to one host in one binding; below 0 there is no limit.",
    )
    scope_connections_max = Option(
        "Scope_Max_Outbound_Connections",
        INTEGER,
        NO_LIMIT,
        scopes("host"),
        "Connections to the hosts of the scope from all bindings together; below 0 there is no limit.",
    )


class ServerOptions(Options):
    """Limits of the whole host."""

    reserve = Option(
        "Server_Reserve_Outbound_Connections",
        COUNT,
        200,
        GLOBAL,
        "Connections above Server_Max_Outbound_Connections, for domains that have none.",
    )
    residents_max = Option(
        "Max_Resident_Messages",
        COUNT,
        32_768,
        GLOBAL,
        "Messages whose envelope is held in memory until they are tried; 0 sets no limit.",
    )


class ResidentOptions(Options):
    """What of a domain's queue is held in memory."""

    lane_max = Option(
        "Max_Resident_Active_Queue",
        INTEGER,
        250,
        OUTBOUND,
        "Messages at the front of a domain's active queue whose envelope is held in memory; below 0 there is no limit.",
    )
