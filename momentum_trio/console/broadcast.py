"""Commands for other nodes, as the console of a cluster's manager gives them, and what came of them (spec/console.md
section 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class ReplyState(Enum):
    """What one node has said to a command. GONE: it left, or the manager did, before it had said all."""

    WAITING = "waiting"
    ANSWERED = "answered"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class NodeReply:
    """One node's, to one command. text: what came of it so far, lines as its console shows them."""

    nodename: str
    subcluster: str
    state: ReplyState
    text: str


class Broadcasting(Protocol):
    """The control cache: what was asked, under its text, and what each node said to it last."""

    def ask(
        self, line: str, who: tuple[str, str, str], nodename: str = "", subcluster: str = ""
    ) -> Sequence[str] | str:
        """Have *line* run by node *nodename*, or by all, of *subcluster*, or of any, and do not wait.

        who: the operator's user, endpoint and peer. Returns the names of the nodes that are there to hear it, or a
        sentence that says why nobody is asked.
        """
        ...

    def replies(self, line: str, nodename: str = "", subcluster: str = "") -> Sequence[NodeReply]:
        """What each node said when it was last asked *line*, by name; of *nodename* or *subcluster* alone."""
        ...

    def flush(self) -> int:
        """Keep nothing of all that; how many commands there were. Who has not answered yet is waited for no more."""
        ...
