"""All metrics there are, as docs/metrics.md tells of them."""

from __future__ import annotations

from momentum_trio.metrics.metric import Kind, Metric

DOMAINS_SHOWN = 20
"""Those routing domains with the most messages have numbers of their own: there may be a million of them."""

_COUNTER, _GAUGE = Kind.COUNTER, Kind.GAUGE

INFO = Metric("momentum_info", _GAUGE, "Always 1; its labels say what runs here.", ("version", "node"))
UPTIME = Metric("momentum_uptime_seconds", _GAUGE, "Since the node started.")
GENERATION = Metric("momentum_configuration_generation", _GAUGE, "Number of the configuration that holds.")

SHARED_STATE_UP = Metric(
    "momentum_shared_state_up", _GAUGE, "Whether limits over all nodes are granted; 0: Shared_State's On_Failure holds."
)
SHARED_STATE_MEMBERS = Metric("momentum_shared_state_members", _GAUGE, "Nodes that share limits, as last known.")

LISTEN_UP = Metric("momentum_listen_up", _GAUGE, "Whether a Listen takes connections.", ("listener", "listen"))
SESSIONS = Metric("momentum_sessions", _GAUGE, "Sessions that are open.", ("listener", "listen"))
SESSIONS_TOTAL = Metric("momentum_sessions_total", _COUNTER, "Sessions that began.", ("listener", "listen"))
RECEIVED_BYTES = Metric("momentum_received_bytes_total", _COUNTER, "Octets that came.", ("listener", "listen"))
SENT_BYTES = Metric("momentum_sent_bytes_total", _COUNTER, "Octets that were sent.", ("listener", "listen"))

RECEPTIONS = Metric("momentum_receptions_total", _COUNTER, "Messages taken into custody.", ("protocol",))
RECEPTION_BYTES = Metric("momentum_reception_bytes_total", _COUNTER, "Octets of their content.", ("protocol",))
REJECTIONS = Metric(
    "momentum_rejections_total", _COUNTER, "Refusals (5xx) and deferrals (4xx) said to clients.", ("phase", "code")
)

DELIVERIES = Metric(
    "momentum_deliveries_total", _COUNTER, "Messages that were delivered; what moved to other nodes is not."
)
MOVED_MESSAGES = Metric("momentum_moved_messages_total", _COUNTER, "Messages that were handed over to other nodes.")
DEFERRALS = Metric("momentum_deferrals_total", _COUNTER, "Attempts that failed for now.")
BOUNCES = Metric("momentum_bounces_total", _COUNTER, "Messages given up, by bounce classification.", ("class",))
QUEUE = Metric(
    "momentum_queue_messages",
    _GAUGE,
    "Messages that wait: active, to be tried now; delayed, until a later attempt.",
    ("binding_group", "binding", "state"),
)
QUEUE_DOMAINS = Metric("momentum_queue_domains", _GAUGE, "Routing domains with messages that wait, or connections.")
QUEUE_DOMAIN = Metric(
    "momentum_queue_domain_messages",
    _GAUGE,
    f"Messages that wait, of the {DOMAINS_SHOWN} routing domains that have the most.",
    ("domain", "state"),
)
CONNECTIONS = Metric("momentum_outbound_connections", _GAUGE, "Connections of delivery.")
DNS_QUESTIONS = Metric("momentum_dns_questions_total", _COUNTER, "Questions asked of nameservers.", ("type",))
DNS_PENDING = Metric("momentum_dns_pending", _GAUGE, "Questions not answered yet.")

SPOOL_BYTES = Metric("momentum_spool_log_bytes", _GAUGE, "Octets of the spool's log.")
SPOOL_LIVE_BYTES = Metric("momentum_spool_live_bytes", _GAUGE, "Octets of it that are in custody.")
SPOOL_BATCHES = Metric("momentum_spool_batches", _GAUGE, "Mail transactions of which something is in custody.")
COMMIT_SECONDS = Metric(
    "momentum_spool_commit_seconds", Kind.HISTOGRAM, "How long groups of records took to be written, and synced."
)

PANICS = Metric("momentum_panics_total", _COUNTER, "Lines for the paniclog.", ("level",))
DESCRIPTORS = Metric("momentum_descriptors", _GAUGE, "Descriptors that are open.")
DESCRIPTORS_MAX = Metric("momentum_descriptors_max", _GAUGE, "Descriptors that may be.")
MEMORY_BYTES = Metric("momentum_resident_memory_bytes", _GAUGE, "Octets of this process in memory.")
THREADS = Metric("momentum_threads", _GAUGE, "Threads.")
TASKS = Metric("momentum_tasks", _GAUGE, "Tasks of trio.")

EVENTS = Metric("momentum_events_total", _COUNTER, "Events of this life.")
EVENT_FOLLOWERS = Metric("momentum_event_followers", _GAUGE, "Who follows them, webhooks too.")
WEBHOOK_WAITING = Metric("momentum_webhook_waiting_events", _GAUGE, "Events not taken yet.", ("webhook",))
WEBHOOK_BYTES = Metric("momentum_webhook_waiting_bytes", _GAUGE, "Octets of its files.", ("webhook",))
WEBHOOK_EVENTS = Metric("momentum_webhook_events_total", _COUNTER, "Events that were taken.", ("webhook",))
WEBHOOK_LOST = Metric("momentum_webhook_lost_events_total", _COUNTER, "Events it was told are lost.", ("webhook",))
WEBHOOK_BATCHES = Metric("momentum_webhook_batches_total", _COUNTER, "Batches that were taken.", ("webhook",))
WEBHOOK_FAILURES = Metric("momentum_webhook_failures_total", _COUNTER, "Attempts for nothing.", ("webhook",))

BUS_CONNECTIONS = Metric("momentum_bus_connections", _GAUGE, "Connections of the server of the message bus.", ("kind",))
BUS_ENDS = Metric("momentum_bus_ends_total", _COUNTER, "Connections to it that it refused or ended, by why.", ("why",))
BUS_SERVERS = Metric("momentum_bus_servers", _GAUGE, "Servers in its view, itself included.")
BUS_PRIMARY = Metric("momentum_bus_primary", _GAUGE, "1: most of the configured servers are in its view.")

ECCLUSTER_ENDS = Metric(
    "momentum_eccluster_refusals_total",
    _COUNTER,
    "Connections of other nodes that were refused or ended, by why.",
    ("why",),
)
LOG_REPLAYED_BYTES = Metric(
    "momentum_log_replayed_bytes_total", _COUNTER, "Octets of durable logs that were sent to who gathers them."
)
LOG_CHECKPOINTS = Metric("momentum_log_checkpoints_total", _COUNTER, "Checkpoints that were kept for who gathers logs.")
MOVES_UNCERTAIN = Metric(
    "momentum_moves_uncertain_total",
    _COUNTER,
    "Messages of which it was not heard at first whether another node has them.",
)

CLUSTER_UP = Metric(
    "momentum_cluster_up",
    _GAUGE,
    "Whether the cluster module is connected to the bus: m for commands, s for the rest.",
    ("connection",),
)
CLUSTER_MEMBERS = Metric("momentum_cluster_members", _GAUGE, "Members of cluster_group; 0 while cut off.")
CLUSTER_LEADER = Metric(
    "momentum_cluster_leader", _GAUGE, "Whether this node is the first in the view of cluster_group."
)
CLUSTER_VIEWS = Metric("momentum_cluster_views_total", _COUNTER, "Views of groups that were shown.", ("connection",))
CLUSTER_UPDATES = Metric(
    "momentum_cluster_updates_total", _COUNTER, "Publications of replicated objects.", ("direction",)
)
CLUSTER_KEYS = Metric("momentum_cluster_shared_keys", _GAUGE, "Keys of a replicated object, of all nodes.", ("object",))
CLUSTER_DROPPED = Metric(
    "momentum_cluster_dropped_total", _COUNTER, "What was told and meant nothing here.", ("connection", "reason")
)
CLUSTER_EXPELLED = Metric("momentum_cluster_expulsions_total", _COUNTER, "Members put out for the lack of heartbeats.")

METRICS: tuple[Metric, ...] = (
    INFO,
    UPTIME,
    GENERATION,
    SHARED_STATE_UP,
    SHARED_STATE_MEMBERS,
    LISTEN_UP,
    SESSIONS,
    SESSIONS_TOTAL,
    RECEIVED_BYTES,
    SENT_BYTES,
    RECEPTIONS,
    RECEPTION_BYTES,
    REJECTIONS,
    DELIVERIES,
    MOVED_MESSAGES,
    DEFERRALS,
    BOUNCES,
    QUEUE,
    QUEUE_DOMAINS,
    QUEUE_DOMAIN,
    CONNECTIONS,
    DNS_QUESTIONS,
    DNS_PENDING,
    SPOOL_BYTES,
    SPOOL_LIVE_BYTES,
    SPOOL_BATCHES,
    COMMIT_SECONDS,
    PANICS,
    DESCRIPTORS,
    DESCRIPTORS_MAX,
    MEMORY_BYTES,
    THREADS,
    TASKS,
    EVENTS,
    EVENT_FOLLOWERS,
    WEBHOOK_WAITING,
    WEBHOOK_BYTES,
    WEBHOOK_EVENTS,
    WEBHOOK_LOST,
    WEBHOOK_BATCHES,
    WEBHOOK_FAILURES,
    BUS_CONNECTIONS,
    BUS_ENDS,
    BUS_SERVERS,
    BUS_PRIMARY,
    ECCLUSTER_ENDS,
    LOG_REPLAYED_BYTES,
    LOG_CHECKPOINTS,
    MOVES_UNCERTAIN,
    CLUSTER_UP,
    CLUSTER_MEMBERS,
    CLUSTER_LEADER,
    CLUSTER_VIEWS,
    CLUSTER_UPDATES,
    CLUSTER_KEYS,
    CLUSTER_DROPPED,
    CLUSTER_EXPELLED,
)
