"""Options of floating addresses (DuraVIP): which there are, where they are brought up, and how nodes agree on them."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, SECONDS, SECONDS_MAX, STRING, integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes

_SERVICES = scopes("binding", "listen")
_CLUSTER = scopes("cluster")
_TOPOLOGY = scopes("topology")

PREFIX_MAX = 128
BATCH_MAX = 10_240


class FloatingOptions(Options):
    """Whether the address of a binding or a Listen moves between the nodes of the cluster."""

    enable = Option(
        "Enable_Duravip",
        BOOLEAN,
        False,
        _SERVICES,
        "Let one node of the cluster have this address at a time; all services of the address go with it.",
    )
    preference = Option(
        "Duravip_Preference",
        STRING,
        "",
        _SERVICES,
        "The node that has the address while it is up. Nodes that name different ones prefer nobody.",
    )
    follow = Option(
        "Duravip_Follow",
        STRING,
        "",
        scopes("listen"),
        "A binding, by its name or its address: the address of this Listen goes where that one goes.",
    )


class TopologyOptions(Options):
    """Where the addresses of a block are brought up."""

    interface = Option(
        "Interface", STRING, "", _TOPOLOGY, "The network interface that addresses of the block are put on."
    )
    prefix = Option(
        "Cidrmask",
        integer_between(0, PREFIX_MAX),
        32,
        _TOPOLOGY,
        "Bits of the mask that addresses are put up with. 32, the host itself, is 128 for an IPv6 address.",
    )


class DuravipOptions(Options):
    """How the nodes agree on who has which address."""

    check_seconds = Option(
        "If_Check_Interval",
        integer_between(1, SECONDS_MAX, "time-seconds", "seconds"),
        30,
        _CLUSTER,
        "How often what is up is compared with what should be.",
    )
    missing_seconds = Option(
        "If_Down_Limit",
        SECONDS,
        4.0,
        _CLUSTER,
        "How long an address of ours must have been missing before that comparison brings it up again.",
    )
    mature_seconds = Option(
        "View_Mature_Time",
        SECONDS,
        5.0,
        _CLUSTER,
        "How long the membership must not have changed before addresses are given out anew or move back.",
    )
    balance_seconds = Option(
        "View_Balance_Interval", SECONDS, 10.0, _CLUSTER, "How often addresses move to nodes that have fewer."
    )
    balance_moves = Option(
        "Duravip_Balance_Set_Size",
        integer_between(1, BATCH_MAX),
        1,
        _CLUSTER,
        "How many addresses such a balancing moves at most. That of the node that asks for it holds for all.",
    )
    announce_seconds = Option(
        "View_Broadcast_Interval", SECONDS, 0.0, _CLUSTER, "How often each node announces itself unasked; 0: never."
    )
    announce_to_all = Option(
        "ARP_All_Hosts",
        BOOLEAN,
        True,
        _CLUSTER,
        "Tell everybody on the network that an address has come up here; otherwise only hosts this one has talked to.",
    )
    primary_only = Option(
        "Duravip_Primary_Only",
        BOOLEAN,
        False,
        _CLUSTER,
        "Have no floating address where less than the majority of the configured servers is together.",
        ours=True,
    )
