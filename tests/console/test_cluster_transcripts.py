"""``cluster …`` as an operator sees it: layouts are those that the manual prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from console_host import console_host
from floating_addresses import PlainFloating
from transcript import exchanges

from momentum_trio.console.broadcast import Broadcasting
from momentum_trio.console.clustered import ClusterInfo, MemberRow, SharedRow, SharedView
from momentum_trio.console.floating import Floating
from momentum_trio.node.tables import COMMANDS
from momentum_trio.protocol.cluster.eccluster import LogFacts, Reader
from momentum_trio.protocol.series.answer import SeriesAnswer

CIDR, GAUGES = SharedRow("inbound_cidr", "cidrtree", True), SharedRow("outbound_domains", "gauge table", True)
COUNTS: dict[str, dict[str, Mapping[str, int]]] = {
    "inbound_cidr": {
        "global": {"10.0.0.103": 3, "10.0.0.180": 7, "10.0.0.181": 2, "2001:db8::1": 1, "no address": 9},
        "relay-0-1": {"10.0.0.180": 4, "10.0.0.181": 1},
    },
    "outbound_domains": {"global": {"yahoo.com": 65, "aol.com": 10}, "relay-0-1": {}},
}
PUBLISHED = [LogFacts("mainlog", bytes(8), 20480, (Reader("master", 0, 0xA43A), Reader("mgr1", 0, 0)))]


@dataclass
class PlainCluster:
    """What a test says of it."""

    nodename: str = "labrat-1"
    nodeaddr: str = "10.80.116.201:4802"
    connected: bool = True
    jobs: set[int] = field(default_factory=lambda: {7})
    resets: int = 0
    floating: Floating = field(default_factory=PlainFloating)

    @property
    def broadcasting(self) -> Broadcasting:
        raise AssertionError("a manager's alone")

    def info(self) -> ClusterInfo:
        if not self.connected:
            return ClusterInfo(4809, (), "ec_console", "ec_cluster", "ec_log", "", False)
        connections = ("m:#ec0-22787#labrat-1", "s:#ec1-22787#labrat-1")
        return ClusterInfo(4809, connections, "ec_console", "ec_cluster", "", "labrat-4", True)

    def members(self) -> Sequence[MemberRow]:
        groups = ("ec_console", "ec_sc_default", "ec_cluster")
        rows = [
            MemberRow("#ec0-20768#pono", "pono", "default", "Momentum", "1.0.0", "10.79.0.20:4802", groups, True),
            MemberRow("#barca#barca", "", "", "Manager", "1.0.0", "0.0.0.0:0", ("ec_cluster",), False),
        ]
        return rows if self.connected else []

    def reset(self) -> None:
        self.resets += 1

    def abort(self, job: int) -> bool:
        return job in self.jobs

    def shared(self) -> Sequence[SharedRow]:
        return (CIDR, GAUGES, SharedRow("mycache", "cache", False))

    def shared_view(self, name: str, node: str = "") -> SharedView | str:
        row = next((each for each in (CIDR, GAUGES) if each.name == name), None)
        if row is None:
            return f"There is no shared object '{name}'; there are: inbound_cidr, outbound_domains"
        if node and node != "relay-0-1":
            return f"There is no member '{node}'; there are: relay-0-1"
        return SharedView(row, f"#ec1-12137#{node}" if node else "global", COUNTS[name][node or "global"])

    async def series(self, question: str) -> SeriesAnswer:
        raise AssertionError("a manager's alone")


CONVERSATIONS = {
    "logs": """
> cluster show logs
mainlog
\t[on disk: 20480 bytes]
\t[subscriber: 'master' @ 00000000:0000a43a]
\t[subscriber: 'mgr1' @ 00000000:00000000]
> json cluster show logs
[
  {
    "log": "mainlog",
    "octets": 20480,
    "subscribers": {
      "master": "00000000:0000a43a",
      "mgr1": "00000000:00000000"
    }
  }
]
""",
    "who": """
> cluster info
Daemon: 4809 [m:#ec0-22787#labrat-1,s:#ec1-22787#labrat-1]
Control Group: ec_console
Cluster Group: ec_cluster (labrat-4 is leader)
Logger Group: none
> cluster nodename
labrat-1
> cluster nodeaddr
10.80.116.201:4802
> cluster membership
Private Name: #ec0-20768#pono
Node Name: pono
Subcluster: default
Node Type: Momentum
Version: 1.0.0
Address: 10.79.0.20:4802
Groups: ec_console, ec_sc_default, ec_cluster

Private Name: #barca#barca
Node Name: (Null)
Subcluster: (Null)
Node Type: Manager
Version: 1.0.0
Address: 0.0.0.0:0
Groups: ec_cluster
> cluster help
@HELP@> cluster reset
The node leaves its groups and joins them anew
> cluster abort 7
Job 7 is aborted
! cluster abort 8
There is no job 8
! cluster abort x
usage: cluster abort ID
""",
    "shared": """
> cluster shared list
Currently managed objects:
                  inbound_cidr [lazy, cidrtree w/ snapshots]
              outbound_domains [lazy, gauge table w/ snapshots]
                       mycache [lazy, cache]
> cluster shared show inbound_cidr
lazy, snapped cidrtree 'inbound_cidr', view 'global'
     12                         10.0.0.0/8
     12                         10.0.0.0/24
      3                         10.0.0.103/32
      9                         10.0.0.180/31
      7                         10.0.0.180/32
      2                         10.0.0.181/32
      1                         2000::/8
      1                         2001:db8::1/128
> cluster shared show inbound_cidr from relay-0-1
lazy, snapped cidrtree 'inbound_cidr', view '#ec1-12137#relay-0-1'
      5                         10.0.0.0/8
      5                         10.0.0.180/31
      4                         10.0.0.180/32
      1                         10.0.0.181/32
> cluster shared show outbound_domains
lazy, snapped gauge table 'outbound_domains', view 'global'
                                                     aol.com:           10
                                                   yahoo.com:           65
> cluster shared show outbound_domains FROM relay-0-1
lazy, snapped gauge table 'outbound_domains', view '#ec1-12137#relay-0-1'
! cluster shared show nothing
There is no shared object 'nothing'; there are: inbound_cidr, outbound_domains
! cluster shared show outbound_domains from pono
There is no member 'pono'; there are: relay-0-1
! cluster shared show
usage: cluster shared show OBJECT [from NODE]
> json cluster shared show outbound_domains
{
  "name": "outbound_domains",
  "structure": "gauge table",
  "view": "global",
  "counts": {
    "yahoo.com": 65,
    "aol.com": 10
  }
}
""",
}

CONVERSATIONS["who"] = CONVERSATIONS["who"].replace(
    "@HELP@",
    "".join(f"{command.synopsis}\n\t{command.meaning}\n" for command in COMMANDS if command.words[0] == "cluster"),
)

CUT_OFF = """
> cluster info
Daemon: 4809 [disconnected]
Control Group: ec_console
Cluster Group: ec_cluster (disconnected)
Logger Group: ec_log
> cluster membership
"""

IN_NONE = """
! cluster info
This node is in no cluster: its configuration has no cluster {} that is enabled
! cluster shared list
This node is in no cluster: its configuration has no cluster {} that is enabled
"""


@pytest.mark.parametrize(
    ("conversation", "cluster"),
    [
        *((said, PlainCluster()) for said in CONVERSATIONS.values()),
        (CUT_OFF, PlainCluster(connected=False)),
        (IN_NONE, None),
    ],
    ids=[*CONVERSATIONS, "cut off", "in none"],
)
async def test_transcript(conversation: str, cluster: PlainCluster | None, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        host.administration.cluster, host.administration.published = cluster, PUBLISHED
        console = await host.connect()
        for mark, typed, answer in exchanges(conversation):
            status, text = await console.ask(typed)
            assert text == answer, typed
            assert status == {">": "ok", "!": "error"}[mark], typed


async def test_help_lists_the_commands_of_the_cluster(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        _, text = await host.ask("cluster help")
        assert text.startswith("cluster abort ID\n\tAbort the job of that number.\n")
        assert "\ncluster shared show OBJECT [from NODE]\n\t" in text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cluster shared show ", ("inbound_cidr", "mycache", "outbound_domains")),
        ("cluster shared show inbound_cidr ", ("from",)),
        ("cluster shared show inbound_cidr from ", ("pono",)),
    ],
)
async def test_completions(line: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        host.administration.cluster = PlainCluster()
        console = await host.connect()
        assert (await console.complete(line))[1] == expected
