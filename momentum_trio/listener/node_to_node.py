"""What ECCluster connections may use: the node's durable logs, and who takes mail that moves here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from momentum_trio.cluster.log_service import LogService
from momentum_trio.protocol.msgc.frame import Code
from momentum_trio.reception.transfer import Transfers


@dataclass(slots=True)
class NodeToNode:
    """Of one node. refused: connections that were ended for what came, by why."""

    logs: LogService
    transfers: Transfers
    refused: Counter[Code] = field(default_factory=Counter)
