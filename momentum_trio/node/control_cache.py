"""The control cache of a cluster's manager: ``console.broadcast.Broadcasting``, out of the questions of the relay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from momentum_trio.cluster.membership import Membership
from momentum_trio.cluster.relay import Relay
from momentum_trio.console.broadcast import NodeReply, ReplyState
from momentum_trio.net.group import node_of
from momentum_trio.protocol.cluster.membership import Announcement, NodeType
from momentum_trio.protocol.cluster.relay import LINE_CHARACTERS_MAX, Outcome, Question, Reply

STATES = {
    Outcome.WAITING: ReplyState.WAITING,
    Outcome.ANSWERED: ReplyState.ANSWERED,
    Outcome.FAILED: ReplyState.FAILED,
    Outcome.GONE: ReplyState.GONE,
}
RAN = (Outcome.ANSWERED, Outcome.FAILED)
NOT_ASKED = "Nobody is asked: this manager is cut off from the bus, or too much waits for it already"


class ControlCache:
    """One life's. It keeps nothing itself but who answers under which member's name, and to whom commands were sent.

    The relay bounds the rest.
    """

    def __init__(self, relay: Relay, membership: Membership) -> None:
        self._relay, self._membership = relay, membership
        self._known: dict[str, Announcement] = {}
        self._sent: dict[int, list[Announcement]] = {}  # by the number of the command

    def ask(
        self, line: str, who: tuple[str, str, str], nodename: str = "", subcluster: str = ""
    ) -> Sequence[str] | str:
        """As ``console.broadcast.Broadcasting`` has it."""
        if len(line) > LINE_CHARACTERS_MAX:
            return f"Nobody is asked: a command is at most {LINE_CHARACTERS_MAX} characters"
        self._learn()
        there = [node for node in self._nodes() if _is_of(node.nodename, node.subcluster, nodename, subcluster)]
        if not there:
            what = f"node '{nodename}'" if nodename else f"node in subcluster '{subcluster}'" if subcluster else "node"
            names = {node.subcluster if subcluster else node.nodename for node in self._nodes()}
            return f"There is no {what}; there are: {', '.join(sorted(names)) or 'none'}"
        question = self._relay.ask(line, "text", who, (nodename,) if nodename else (), subcluster)
        if question is None:
            return NOT_ASKED
        asked = self._relay.questions.asked
        self._sent = {number: nodes for number, nodes in self._sent.items() if number in asked}
        self._sent[question.command.number] = there
        return sorted({node.nodename for node in there})

    def replies(self, line: str, nodename: str = "", subcluster: str = "") -> Sequence[NodeReply]:
        """As ``console.broadcast.Broadcasting`` has it."""
        self._learn()
        found: dict[str, NodeReply] = {}
        for question in reversed(self._relay.questions.asked.values()):
            if question.command.line == line:
                for reply in self._of(question).values():
                    if _is_of(reply.nodename, reply.subcluster, nodename, subcluster):
                        found.setdefault(reply.nodename, reply)
        return [found[name] for name in sorted(found)]

    def flush(self) -> int:
        """As ``console.broadcast.Broadcasting`` has it."""
        return self._relay.flush()

    def _of(self, question: Question) -> dict[str, NodeReply]:
        """By name. A node that came anew has two members for a while, and the younger one stands later in the view."""
        found: dict[str, NodeReply] = {}
        for member, reply in question.replies.items():
            if reply.outcome in RAN or (reply.outcome in STATES and self._is_for(question, member)):
                row = self._row(member, reply)
                found[row.nodename] = row
        unheard = ReplyState.GONE if question.is_told else ReplyState.WAITING
        for node in self._sent.get(question.command.number, ()):
            if node.control not in question.replies:  # it was in no view that heard it, or is in none yet
                found.setdefault(node.nodename, NodeReply(node.nodename, node.subcluster, unheard, ""))
        return found

    def _is_for(self, question: Question, member: str) -> bool:
        """Whether *member* is to run it; managers and other nodes are members too, and decline as soon as they hear."""
        said = self._known.get(member)
        return said is not None and question.command.is_for(said.nodename, said.subcluster)

    def _row(self, member: str, reply: Reply) -> NodeReply:
        said = self._known.get(member)
        name, subcluster = (node_of(member), "") if said is None else (said.nodename, said.subcluster)
        return NodeReply(name, subcluster, STATES[reply.outcome], reply.text)

    def _nodes(self) -> Iterator[Announcement]:
        """Those that take commands."""
        for report in self._membership.reports():
            if report.said is not None and report.said.type is NodeType.MOMENTUM:
                yield report.said

    def _learn(self) -> None:
        """Who has which member in the group of commands; those of whom nothing is kept are forgotten."""
        kept = {member for question in self._relay.questions.asked.values() for member in question.replies}
        kept |= {node.control for nodes in self._sent.values() for node in nodes}
        self._known = {member: said for member, said in self._known.items() if member in kept}
        self._known |= {node.control: node for node in self._nodes()}


def _is_of(name: str, its_subcluster: str, nodename: str, subcluster: str) -> bool:
    return nodename in ("", name) and subcluster in ("", its_subcluster)
