"""Options of listening sockets and of how many conversations they may hold (spec/listeners.md section 1)."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, COUNT, MODE, THROTTLE, integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import GLOBAL, INBOUND_MAIL, SOCKETS, scopes

BACKLOG_MAX = 65535
ACCEPT_TASKS_MAX = 16
BUFFER = integer_between(0, 2**31 - 1, "size-bytes", "octets")  # setsockopt(2) takes an int

_TUNABLE = SOCKETS - scopes("msgcserver_listener")  # which has Enable, File_Mode and Accept_Queue_Backlog alone


class ListenOptions(Options):
    """What one Listen is bound and tuned with."""

    enable = Option(
        "Enable",
        BOOLEAN,
        True,
        SOCKETS,
        "Whether it is bound. At run time it opens or closes just that socket.",
    )
    file_mode = Option("File_Mode", MODE, 0o660, SOCKETS, "Mode of a Unix socket.")
    backlog = Option(
        "Listen_Backlog",
        integer_between(0, BACKLOG_MAX),
        500,
        _TUNABLE,
        "Connections the kernel keeps waiting until they are accepted; listen(2).",
    )
    send_buffer_octets = Option(
        "TCP_Send_Buffer_Size",
        BUFFER,
        0,
        _TUNABLE,
        "SO_SNDBUF, if set and not 0; otherwise the kernel's choice (the manual's 4096 would cripple large messages).",
    )
    receive_buffer_octets = Option(
        "TCP_Recv_Buffer_Size",
        BUFFER,
        0,
        _TUNABLE,
        "SO_RCVBUF, if set and not 0; otherwise the kernel's choice (the manual's 4096 would cripple large messages).",
    )
    disable_nagle = Option(
        "Disable_Nagle_Algorithm",
        BOOLEAN,
        True,
        _TUNABLE | GLOBAL,
        "TCP_NODELAY. On unless switched off: replies leave in one send, and Nagle would hold some for 40 ms.",
    )
    concurrency = Option(
        "Concurrency",
        integer_between(0, 10_000),
        0,
        _TUNABLE | scopes("eventloop", "threadpool"),
        f"Tasks that accept from the socket, at most {ACCEPT_TASKS_MAX}; 0 is one. One is enough but for storms.",
    )
    accept_queue_backlog = Option(
        "Accept_Queue_Backlog",
        COUNT,
        0,
        SOCKETS,
        "Stored only: an accepted connection has its session at once, there is no queue between the two.",
    )
    events_per_iter = Option(
        "Events_Per_Iter",
        COUNT,
        0,
        _TUNABLE,
        "Stored only: each accepting task takes one connection a turn; Concurrency says how many tasks there are.",
    )


class CeilingOptions(Options):
    """How many sessions there may be at once; asked for each connection before it has a task."""

    listener_sessions_max = Option(
        "Listener_Sessions",
        COUNT,
        0,
        INBOUND_MAIL,
        "Sessions at once, counted for the scope that sets it; 0 is no limit. One more is answered 421.",
    )
    service_sessions_max = Option(
        "Service_Sessions",
        COUNT,
        0,
        INBOUND_MAIL,
        "Sessions at once over all listeners of the same service; 0 is no limit. One more is answered 421.",
    )
    cluster_listener_sessions_max = Option(
        "Cluster_Listener_Sessions",
        COUNT,
        0,
        INBOUND_MAIL,
        "As Listener_Sessions, over all nodes of the cluster together; 0 is no limit. One more is answered 421.",
        ours=True,
    )
    cluster_service_sessions_max = Option(
        "Cluster_Service_Sessions",
        COUNT,
        0,
        INBOUND_MAIL,
        "As Service_Sessions, over all nodes of the cluster together; 0 is no limit. One more is answered 421.",
        ours=True,
    )
    sessions_per_address_max = Option(
        "Max_Sessions_Per_Address",
        COUNT,
        0,
        INBOUND_MAIL,
        "Sessions at once of one address, of IPv6 one /64; 0 is no limit. One more is answered 421. Not of Unix peers.",
        ours=True,
    )
    session_rate_per_address = Option(
        "Session_Rate_Per_Address",
        THROTTLE,
        None,
        INBOUND_MAIL,
        "Sessions that one address, of IPv6 one /64, may begin: N or N/W, N in W seconds. One more is answered 421.",
        ours=True,
    )
