"""``cluster …``: the node among others (spec/console.md section 10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from momentum_trio.console.clustered import Clustered, MemberRow, SharedRow, SharedView
from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.net.netblock import Address, parse_address
from momentum_trio.node.commands.count import MASK_MAX, networks
from momentum_trio.node.commands.help import help_of

IN_NO_CLUSTER = "This node is in no cluster: its configuration has no cluster {} that is enabled"
SHARED_SHORTEST = 8
"""The widest network that a cidrtree is shown by."""
NONE, NULL = "none", "(Null)"
CIDR_TREE = "cidrtree"


def _asked(answer: Callable[[Clustered, Request], Answer]) -> Callable[[Request], Awaitable[Answer]]:
    """What *answer* answers where there is a cluster."""

    async def run(request: Request) -> Answer:
        cluster = request.administration.cluster
        if cluster is None:
            return failure(IN_NO_CLUSTER)
        return answer(cluster, request)

    return run


def _abort(cluster: Clustered, request: Request) -> Answer:
    if not (request.rest.isascii() and request.rest.isdigit() and len(request.rest) <= 18):
        return failure(f"usage: {ABORT.synopsis}")
    if not cluster.abort(int(request.rest)):
        return failure(f"There is no job {request.rest}")
    return Answer(f"Job {request.rest} is aborted", {"aborted": int(request.rest)})


def _info(cluster: Clustered, request: Request) -> Answer:
    info = cluster.info()
    leader = f"{info.leader} is leader" if info.leader else "disconnected"
    lines = (
        f"Daemon: {info.port} [{','.join(info.connections) or 'disconnected'}]",
        f"Control Group: {info.control_group}",
        f"Cluster Group: {info.cluster_group} ({leader})",
        f"Logger Group: {info.log_group or NONE}",
    )
    data: Data = {
        "port": info.port,
        "connections": info.connections,
        "control_group": info.control_group,
        "cluster_group": info.cluster_group,
        "log_group": info.log_group,
        "leader": info.leader,
        "primary": info.is_primary,
    }
    return Answer("\n".join(lines), data)


def _membership(cluster: Clustered, request: Request) -> Answer:
    rows = cluster.members()
    return Answer("\n\n".join("\n".join(_member_lines(row)) for row in rows), members_data(rows))


def _member_lines(row: MemberRow) -> Iterator[str]:
    yield f"Private Name: {row.private_name}"
    yield f"Node Name: {row.nodename or NULL}"
    yield f"Subcluster: {row.subcluster or NULL}"
    yield f"Node Type: {row.type or NULL}"
    yield f"Version: {row.version or NULL}"
    yield f"Address: {row.address}"
    yield f"Groups: {', '.join(row.groups)}"


def members_data(rows: Sequence[MemberRow]) -> Data:
    """*rows* as values."""
    return [_member(row) for row in rows]


def _member(row: MemberRow) -> Data:
    return {
        "private_name": row.private_name,
        "nodename": row.nodename,
        "subcluster": row.subcluster,
        "type": row.type,
        "version": row.version,
        "address": row.address,
        "groups": row.groups,
        "leader": row.is_leader,
    }


def _nodename(cluster: Clustered, request: Request) -> Answer:
    return Answer(cluster.nodename, {"nodename": cluster.nodename})


def _nodeaddr(cluster: Clustered, request: Request) -> Answer:
    return Answer(cluster.nodeaddr, {"nodeaddr": cluster.nodeaddr})


def _reset(cluster: Clustered, request: Request) -> Answer:
    cluster.reset()
    return Answer("The node leaves its groups and joins them anew", {"reset": True})


def _shared_list(cluster: Clustered, request: Request) -> Answer:
    rows = cluster.shared()
    lines = ["Currently managed objects:", *(f"{row.name:>30} [lazy, {_described(row)}]" for row in rows)]
    data: Data = [
        {"name": row.name, "structure": row.structure, "lazy": True, "snapshots": row.has_snapshots} for row in rows
    ]
    return Answer("\n".join(lines), data)


def _described(row: SharedRow) -> str:
    return f"{row.structure} w/ snapshots" if row.has_snapshots else row.structure


def _shared_show(cluster: Clustered, request: Request) -> Answer:
    match request.rest.split():
        case [name]:
            view = cluster.shared_view(name)
        case [name, word, node] if word.lower() == "from":
            view = cluster.shared_view(name, node.lower())
        case _:
            return failure(f"usage: {SHARED_SHOW.synopsis}")
    if isinstance(view, str):
        return failure(view)
    row = view.row
    snapped = "snapped " if row.has_snapshots else ""
    head = f"lazy, {snapped}{row.structure} '{row.name}', view '{view.view}'"
    data: Data = {"name": row.name, "structure": row.structure, "view": view.view, "counts": dict(view.counts)}
    return Answer("\n".join([head, *_rows(view)]), data)


def _rows(view: SharedView) -> Iterator[str]:
    if view.row.structure == CIDR_TREE:
        for block, count in networks(_by_address(view.counts), SHARED_SHORTEST, MASK_MAX):
            yield f"{count:7d}{'':25}{block}"
    else:
        for name, count in sorted(view.counts.items()):
            yield f"{name:>60}:{count:13d}"


def _by_address(counts: Mapping[str, int]) -> dict[Address, int]:
    """*counts* by address. Other nodes say them: what is none is left out."""
    found: dict[Address, int] = {}
    for text, count in counts.items():
        try:
            address = parse_address(text)
        except ValueError:
            continue
        found[address] = found.get(address, 0) + count
    return found


def _objects(request: Request) -> Sequence[str]:
    """Objects, then ``from``, then nodes."""
    cluster, said = request.administration.cluster, request.rest.split()
    if cluster is None:
        return ()
    if len(said) == 0:
        return [row.name for row in cluster.shared()]
    if len(said) == 1:
        return ("from",)
    return [row.nodename for row in cluster.members() if row.nodename] if len(said) == 2 else ()


ABORT = Command(("cluster", "abort"), "Abort the job of that number.", _asked(_abort), arguments="ID")
HELP = help_of("cluster", "List the commands of the cluster.")
INFO = Command(("cluster", "info"), "Show how this node is connected to its cluster.", _asked(_info))
MEMBERSHIP = Command(
    ("cluster", "membership"),
    "Show who is in the cluster, the leader first.",
    _asked(_membership),
    help="Nothing is shown while this node is cut off from the bus.",
)
NODEADDR = Command(("cluster", "nodeaddr"), "Show where others reach this node.", _asked(_nodeaddr))
NODENAME = Command(("cluster", "nodename"), "Show the name of this node in its cluster.", _asked(_nodename))
RESET = Command(
    ("cluster", "reset"),
    "Leave all groups of the cluster and join them anew.",
    _asked(_reset),
    help="Ownership of floating addresses is negotiated anew.",
)
SHARED_LIST = Command(("cluster", "shared", "list"), "List what the nodes share.", _asked(_shared_list))
SHARED_SHOW = Command(
    ("cluster", "shared", "show"),
    "Show what is shared: the sum over all nodes, or what one counts.",
    _asked(_shared_show),
    arguments="OBJECT [from NODE]",
    candidates=_objects,
)
