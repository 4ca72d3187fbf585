"""Commands that tell what a node can read off itself, in the layouts of spec/console.md sections 5, 7 and 8."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from console_host import NOW, Host, console_host
from hypothesis import given
from hypothesis import strategies as st
from transcript import exchanges

from momentum_trio.console.instruments import InboundConnection
from momentum_trio.machine.facts import PoolFacts
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.netblock import Address, parse_address, unmapped
from momentum_trio.node.commands.count import networks
from momentum_trio.node.link import Ask, Said
from momentum_trio.node.recent_panics import KEPT_PER_LEVEL, TEXT_MAX, RecentPanics

CONVERSATIONS = {
    "show inbound": """
> show inbound
23: [inbound/esmtp_message_factory] IPv4 192.0.2.7:47741 awaiting rcptto (for 0.264s)  [floating]
24: [inbound/esmtp_message_factory] IPv6 [2001:db8::7]:1 reading body (for 12.000s)  [TLSv1.3]
25: [inbound/esmtp_message_factory] IPv4 192.0.3.1:2 awaiting ehlo/helo (for 0.000s)
31: [inbound/control] Unix /tmp/2025 (for 3600.500s)
""",
    "show inbound as data": """
> json show inbound
[
  {
    "descriptor": 23,
    "service": "SMTP",
    "family": "IPv4",
    "peer": "192.0.2.7:47741",
    "phase": "awaiting rcptto",
    "seconds": 0.264,
    "floating": true,
    "tls": ""
  },
  {
    "descriptor": 24,
    "service": "SMTP",
    "family": "IPv6",
    "peer": "[2001:db8::7]:1",
    "phase": "reading body",
    "seconds": 12.0,
    "floating": false,
    "tls": "TLSv1.3"
  },
  {
    "descriptor": 25,
    "service": "SMTP",
    "family": "IPv4",
    "peer": "192.0.3.1:2",
    "phase": "awaiting ehlo/helo",
    "seconds": 0.0,
    "floating": false,
    "tls": ""
  },
  {
    "descriptor": 31,
    "service": "Control",
    "family": "Unix",
    "peer": "/tmp/2025",
    "phase": "",
    "seconds": 3600.5,
    "floating": false,
    "tls": ""
  }
]
""",
    "count": """
> count SMTP 32
Displaying 'SMTP' from /32 to /32
      1                                 192.0.2.7/32
      1                                 192.0.3.1/32
      1                                 2001:db8::/32
> count SMTP 16-32
Displaying 'SMTP' from /16 to /32
      2                 192.0.0.0/16
      2                        192.0.2.0/23
      1                                 192.0.2.7/32
      1                                 192.0.3.1/32
      1                 2001::/16
      1                                 2001:db8::/32
> count SMTP 192.0.2.0/24
1 sessions
> count SMTP 2001:db8::7
1 sessions
> count inbound_cidr 0.0.0.0/0
3 sessions
> count Control 127.0.0.1
1 sessions
> count ECStream 24
Displaying 'ECStream' from /24 to /24
> count outbound 16-32
      1                 216.200.0.0/16
      1                                 216.200.145.35/32
      2                 217.117.0.0/16
      2                                 217.117.146.233/32
> count outbound/b1 217.117.146.233/32
1 sessions
> count outbound/b2 0.0.0.0/0
0 sessions
! count smtp 32
'smtp' is nothing that is counted; these are: Control, ECCluster, ECStream, SMTP, inbound_cidr, outbound, \
outbound/BINDING
! count SMTP
usage: count TYPE ADDRESS|CIDR|MASK|MASK-MASK
! count SMTP 129
'129' is not an IPv4 or IPv6 address, a mask such as 24, or masks such as 16-32
! count SMTP 32-16
'32-16' is not an IPv4 or IPv6 address, a mask such as 24, or masks such as 16-32
> json count SMTP 16
{
  "type": "SMTP",
  "networks": [
    {
      "network": "192.0.0.0/16",
      "sessions": 2
    },
    {
      "network": "2001::/16",
      "sessions": 1
    }
  ]
}
""",
    "sysinfo": """
> sysinfo
Momentum Version: 0.1.0 (64-bit)
build date: none (CPython 3.11.7)
product name: momentum-trio
Debian GNU/Linux 12
Linux mx1 6.1.0 #1 SMP x86_64
""",
    "paniclog": """
> paniclog
[Tue 14 Nov 2023 22:13:20] [error] the disk: full
    second \\x1B line
[Tue 14 Nov 2023 22:13:20] [notice] better again
> json paniclog
[
  {
    "at": 1700000000.0,
    "level": "ERROR",
    "text": "the disk: full\\nsecond \\u001b line"
  },
  {
    "at": 1700000000.0,
    "level": "NOTICE",
    "text": "better again"
  }
]
""",
    "memory": """
> memory
Python blocks:               123456
Not collected:                 4711
Threads:                          9
Descriptors:                     17
Tasks:                           33
Collections:               110 10 1

RSS:            8658726            8,658,726   1.66%
Peak RSS:       9000000            9,000,000   1.73%
System RSS:   115417088          115,417,088  22.13%
> xml memory
<Memory>
  <resident value="8658726"/>
  <resident_peak value="9000000"/>
  <system_used value="115417088"/>
  <system_total value="521600000"/>
  <blocks value="123456"/>
  <frozen value="4711"/>
  <threads value="9"/>
  <descriptors value="17"/>
  <tasks value="33"/>
</Memory>
""",
    "threads": """
> threads stats
CPU thread pool: concurrency 4
IO thread pool: concurrency 5
               Total invocations: 1200
    Observed average concurrency: 1.00
          Thread pool saturation:  0.01%
   Average wallclock time per op: 0.25ms
            Current thread count: 1
  [inactive threads]
            Current thread count: 4
> threads io queue
Jobs in the IO pool
3 jobs
> threads cpu queue
Jobs in the CPU pool
0 jobs
> json threads cpu queue
{
  "pool": "CPU",
  "jobs": 0
}
""",
    "counter": """
> counter help
counter add COUNTER NUMBER
	Add to a counter.
counter help
	List the commands about counters.
counter increment COUNTER
	Add one to a counter.
counter list
	List the counters.
counter reset COUNTER
	Let a counter count from zero.
counter unlink COUNTER
	Delete a counter.
> counter list
VALUE       RESET_TIME       SEMANTICS COUNTER
0 counters listed.
> counter add /vendor/sample 7
/vendor/sample = 7
> counter increment /vendor/sample
/vendor/sample = 8
> counter add "with blank" -3
with blank = -3
> counter list
VALUE       RESET_TIME       SEMANTICS COUNTER
8   2023-11-14@22:13:20    relaxed  /vendor/sample
-3   2023-11-14@22:13:20    relaxed  with blank
2 counters listed.
> counter reset /vendor/sample
/vendor/sample = 0
> counter unlink "with blank"
with blank unlinked
> json counter list
[
  {
    "counter": "/vendor/sample",
    "value": 0,
    "reset_at": 1700000000.0
  }
]
! counter unlink nothing
There is no counter nothing
! counter reset nothing
There is no counter nothing
! counter add /vendor/sample 9223372036854775808
Counter /vendor/sample would leave the range of 64 bits
! counter add /vendor/sample many
usage: counter add COUNTER NUMBER
! counter increment "open
usage: counter increment COUNTER
""",
    "module list": """
> module list
Module: ec_logger:ec_logger1
  Scope_Name: ec_logger
  Instance_Name: ec_logger1
  Enabled: enabled
  API: Logger
  Name: log/logs.py
  Description: writes mainlog, rejectlog, paniclog and acctlog
Module: bounce_logger
  Scope_Name: bounce_logger
  Enabled: disabled
  API: Logger
  Name: log/bouncelog.py
  Description: writes the bouncelog
""",
    "asked of the mail plane": """
> show outbound
36: shown
> cache list
cache list
> cache list entries WORKLOAD
cache list entries workload
> cache stat dns
cache stat dns
> cache stats dns hosts
cache stats dns hosts
> tls show cache
tls show cache
> tls flush cache
tls flush cache
! cache stat
usage: cache stat CACHE
! cache list xxx
Valid attributes are [capacity,entries,utilization,loads,stores,hits,misses,
 forced,expired,lru,hit-rate,workload,query-rate]
""",
}
MORE = "bounce_logger { enabled = false }\n"
OUTBOUND = [
    {"binding": "default", "family": "IPv4", "address": "216.200.145.35"},
    {"binding": "b1", "family": "IPv4", "address": "217.117.146.233"},
    {"binding": "default", "family": "IPv4", "address": "217.117.146.233"},
]


def inbound(
    descriptor: int, service: str, peer: str, phase: str, seconds: float, *, floating: bool = False, tls: str = ""
) -> InboundConnection:
    address = parse_address("127.0.0.1" if "/" in peer else peer.rpartition(":")[0])
    return InboundConnection(descriptor, service, address, peer, phase, seconds, floating, tls)


async def mail(asked: Ask) -> Said:
    if asked.command == "show outbound":
        return Said("36: shown", OUTBOUND)
    return Said(" ".join([asked.command, *asked.words]))


def prepare(host: Host) -> None:
    instruments, host.administration.mail = host.administration.instruments, mail
    instruments.connections = [
        inbound(23, "SMTP", "192.0.2.7:47741", "awaiting rcptto", 0.264, floating=True),
        inbound(24, "SMTP", "[2001:db8::7]:1", "reading body", 12.0, tls="TLSv1.3"),
        inbound(25, "SMTP", "192.0.3.1:2", "awaiting ehlo/helo", 0.0),
        inbound(31, "Control", "/tmp/2025", "", 3600.5),
    ]
    instruments.said = [
        Panic(NOW, Level.ERROR, "the disk: full\nsecond \x1b line"),
        Panic(NOW, Level.NOTICE, "better again"),
    ]
    instruments.workers = [
        PoolFacts("CPU", 4, 0, 0, 0, 0, 0.0, 600.0),
        PoolFacts("IO", 5, 1, 3, 1200, 1200, 0.3, 600.0),
    ]


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=list(CONVERSATIONS))
async def test_transcript(conversation: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", more=MORE) as host:
        prepare(host)
        console = await host.connect()
        for mark, typed, answer in exchanges(conversation):
            status, text = await console.ask(typed)
            assert text == answer, typed
            assert status == {">": "ok", "!": "error"}[mark], typed


@pytest.mark.parametrize(
    "line",
    ["show inbound", "count SMTP 24", "sysinfo", "paniclog", "memory", "threads stats", "counter list", "module list"],
)
async def test_every_one_has_a_form_as_data(line: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", more=MORE) as host:
        prepare(host)
        status, text = await host.ask(line, "json")
        assert status == "ok"
        assert json.loads(text) is not None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("count EC", ("ECCluster", "ECStream")),
        ("count SMTP ", ()),
        ("cache stat k", ("keys",)),
        ("cache list entr", ("entries",)),
        ("counter reset /v", ("/vendor/sample",)),
        ("threads ", ("cpu", "io", "stats")),
        ("show ", ("inbound", "outbound")),
    ],
)
async def test_completions(line: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        host.administration.instruments.counters.add("/vendor/sample", 1)
        console = await host.connect()
        assert (await console.complete(line))[1] == expected


addresses = st.lists(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=4, network="10.0.0.0/28"), st.ip_addresses(v=6)).map(unmapped),
    max_size=12,
)


@given(addresses, st.integers(0, 128), st.integers(0, 128))
def test_networks_are_a_tree(counted: Sequence[Address], one: int, other: int) -> None:
    """Each network counts its own addresses; each level holds all; one between the masks has two parts at least."""
    shortest, longest = sorted((one, other))
    rows = list(networks(Counter(counted), shortest, longest))
    for version, bits in ((4, 32), (6, 128)):
        mine = [(block, count) for block, count in rows if block.version == version]
        addressed = [address for address in counted if address.version == version]
        for mask in {min(shortest, bits), min(longest, bits)}:
            assert sum(count for block, count in mine if block.prefix == mask) == len(addressed)
        for index, (block, count) in enumerate(mine):
            assert count == sum(map(block.contains, addressed))
            if min(shortest, bits) < block.prefix < min(longest, bits):
                below = [other for other, _ in mine[index + 1 :] if block.covers(other)]
                assert len({other.network >> (bits - block.prefix - 1) for other in below}) == 2
            assert not any(earlier.covers(block) is False and block.covers(earlier) for earlier, _ in mine[:index])


def test_the_paniclog_in_memory_is_bounded() -> None:
    recent = RecentPanics()
    for number in range(100):
        recent.take(Panic(float(number), Level.ERROR if number % 2 else Level.NOTICE, f"{number} " + "x" * 5000))
    kept = recent.all()
    assert [int(panic.at) for panic in kept] == list(range(80, 100))
    assert len(kept) == 2 * KEPT_PER_LEVEL
    assert all(len(panic.text) <= TEXT_MAX + 4 for panic in kept)
