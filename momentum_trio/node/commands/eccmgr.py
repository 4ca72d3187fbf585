"""The console of a cluster's manager: commands for its nodes, and their answers (spec/console.md section 11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from xml.sax.saxutils import escape

from momentum_trio.console.broadcast import NodeReply, ReplyState
from momentum_trio.console.clustered import Clustered, MemberRow
from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.node.commands import cluster

WITHOUT_CLUSTER = "This manager is in no cluster: its configuration has no cluster {} that is enabled"
SAID = {
    ReplyState.WAITING: "has not answered yet",
    ReplyState.ANSWERED: "",
    ReplyState.FAILED: "failed",
    ReplyState.GONE: "left before it had answered",
}


def _asked(answer: Callable[[Clustered, Request], Answer]) -> Callable[[Request], Awaitable[Answer]]:
    """What *answer* answers where there is a cluster."""

    async def run(request: Request) -> Answer:
        there = request.administration.cluster
        return failure(WITHOUT_CLUSTER) if there is None else answer(there, request)

    return run


# For nodes


def _broadcast(there: Clustered, request: Request) -> Answer:
    return _sent(there, request, BROADCAST, request.rest)


def _unicast(there: Clustered, request: Request) -> Answer:
    nodename, line = _first(request.rest)
    return _sent(there, request, UNICAST, line, nodename=nodename)


def _subcluster_broadcast(there: Clustered, request: Request) -> Answer:
    subcluster, line = _first(request.rest)
    return _sent(there, request, SUBCLUSTER_BROADCAST, line, subcluster=subcluster)


def _sent(
    there: Clustered, request: Request, command: Command, line: str, nodename: str = "", subcluster: str = ""
) -> Answer:
    if not line:
        return failure(f"usage: {command.synopsis}")
    who = request.operator
    nodes = there.broadcasting.ask(line, (who.user, who.endpoint, who.peer), nodename, subcluster)
    if isinstance(nodes, str):
        return failure(nodes)
    return Answer(f"Sent to {', '.join(nodes)}", {"sent_to": nodes})


# What they said


def _retrieve(there: Clustered, request: Request) -> Answer:
    return _told(there, RETRIEVE, request.rest)


def _retrieve_node(there: Clustered, request: Request) -> Answer:
    nodename, line = _first(request.rest)
    return _told(there, RETRIEVE_NODE, line, nodename=nodename)


def _subcluster_retrieve(there: Clustered, request: Request) -> Answer:
    subcluster, line = _first(request.rest)
    return _told(there, SUBCLUSTER_RETRIEVE, line, subcluster=subcluster)


def _told(there: Clustered, command: Command, line: str, nodename: str = "", subcluster: str = "") -> Answer:
    if not line:
        return failure(f"usage: {command.synopsis}")
    replies = there.broadcasting.replies(line, nodename, subcluster)
    if not replies:
        return failure("There are no answers to that: it was not asked, or not of them, or is forgotten")
    return Answer("\n".join(text for reply in replies for text in _lines(reply)), [_fields(reply) for reply in replies])


def _lines(reply: NodeReply) -> Iterator[str]:
    yield f"[{reply.nodename}] {SAID[reply.state]}".rstrip()
    if reply.text:
        yield reply.text.removesuffix("\n")


def _fields(reply: NodeReply) -> Data:
    return {
        "node": reply.nodename,
        "subcluster": reply.subcluster,
        "state": reply.state.value,
        "text": reply.text,
    }


def _flush(there: Clustered, request: Request) -> Answer:
    count = there.broadcasting.flush()
    return Answer(f"Forgotten: {count} {'command' if count == 1 else 'commands'} and their answers", {"flushed": count})


# Who is there


def _membership(there: Clustered, request: Request) -> Answer:
    rows = there.members()
    lines = ("<ClusterMembership>", *(line for row in rows for line in _member(row)), "</ClusterMembership>")
    return Answer("\n".join(lines), cluster.members_data(rows))


def _member(row: MemberRow) -> Iterator[str]:
    yield "  <Member>"
    yield f"    <PrivateName>{escape(row.private_name)}</PrivateName>"
    yield f"    <NodeName>{escape(row.nodename or cluster.NULL)}</NodeName>"
    yield f"    <Subcluster>{escape(row.subcluster or cluster.NULL)}</Subcluster>"
    yield f"    <NodeType>{escape(row.type or cluster.NULL)}</NodeType>"
    yield f"    <Version>{escape(row.version or cluster.NULL)}</Version>"
    yield f"    <Address>{escape(row.address)}</Address>"
    yield "    <Groups>"
    for group in row.groups:
        yield f"      <Group>{escape(group)}</Group>"
    yield "    </Groups>"
    yield "  </Member>"


def _first(text: str) -> tuple[str, str]:
    """The first word of *text*, a name in a cluster, which is in lower case, and what follows it."""
    word, *rest = text.split(maxsplit=1) or [""]
    return word.lower(), "".join(rest)


def _nodes(request: Request) -> Sequence[str]:
    return () if request.rest else sorted({row.nodename for row in _rows(request) if row.nodename})


def _subclusters(request: Request) -> Sequence[str]:
    return () if request.rest else sorted({row.subcluster for row in _rows(request) if row.subcluster})


def _rows(request: Request) -> Sequence[MemberRow]:
    there = request.administration.cluster
    return () if there is None else there.members()


LATER = (
    "Nobody waits for their answers: 'retrieve' shows them, by the same words. Several commands may run there at once."
)
NEWEST = "Of a command that was sent more than once each node's newest answer is shown."

BROADCAST = Command(
    ("broadcast",), "Have all nodes run a command.", _asked(_broadcast), arguments="COMMAND", help=LATER
)
FLUSH_CONTROL_CACHE = Command(
    ("flush", "control", "cache"), "Forget the commands that were sent, and their answers.", _asked(_flush)
)
INFO = Command(("info",), "Show how this manager is connected to its cluster.", cluster.INFO.run)
RETRIEVE = Command(
    ("retrieve",), "Show what nodes answered to a command.", _asked(_retrieve), arguments="COMMAND", help=NEWEST
)
RETRIEVE_NODE = Command(
    ("retrieve_node",),
    "Show what one node answered to a command.",
    _asked(_retrieve_node),
    arguments="NODE COMMAND",
    help=NEWEST,
    candidates=_nodes,
)
SHOW_MEMBERSHIP = Command(
    ("show", "cluster", "membership"), "Show who is in the cluster, the leader first, as XML.", _asked(_membership)
)
SUBCLUSTER_BROADCAST = Command(
    ("subcluster", "broadcast"),
    "Have all nodes of a subcluster run a command.",
    _asked(_subcluster_broadcast),
    arguments="SUBCLUSTER COMMAND",
    help=LATER,
    candidates=_subclusters,
)
SUBCLUSTER_RETRIEVE = Command(
    ("subcluster", "retrieve"),
    "Show what nodes of a subcluster answered to a command.",
    _asked(_subcluster_retrieve),
    arguments="SUBCLUSTER COMMAND",
    help=NEWEST,
    candidates=_subclusters,
)
UNICAST = Command(
    ("unicast",),
    "Have one node run a command.",
    _asked(_unicast),
    arguments="NODE COMMAND",
    help=LATER,
    candidates=_nodes,
)
