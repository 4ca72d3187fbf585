"""Every command there is, on a whole node: over its Unix socket, and over TCP with TLS and DIGEST-MD5.

The exact text of each stands in one of TRANSCRIPTS: the conversations here, and those of tests/console with a node that
says what a test wants to hear.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from simulated_host import CONTROL, MX, Site, write_file
from test_queue_commands import BINDINGS, COUNTS, MESSAGES, QUEUES, WRONG, three_wait
from test_queue_commands import CONFIG as OF_QUEUES

sys.path.insert(0, str(Path(__file__).parents[1] / "console"))
import test_cluster_transcripts
import test_duravip_transcripts
import test_instrument_transcripts
import test_transactions
import test_transcripts
from console_host import CONFIG as OF_CONSOLES
from console_host import administration

from momentum_trio.console.command import Operator
from momentum_trio.console.dispatch import Dispatch
from momentum_trio.log.escaping import field as escaped
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms, Wire
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.record import Failed, Reconfigured
from momentum_trio.node.tables import COMMANDS
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import Challenge, End, Part, ServerFrames, Welcome
from momentum_trio.protocol.sasl.client import client_side
from momentum_trio.protocol.sasl.digest_md5 import digest_of
from sim.certificates import FOLDER, SERVER, SERVER_KEY, install

REALM = "Momentum Console"
PORT = 2025
CONFIG = (
    OF_QUEUES.replace('Control_Listener { Listen "/run/control" {} }', "")
    + f"""
Trace_SMTP_Directory = /var/trace
ec_logger l {{ mainlog = /var/log/mainlog }}
Control_Listener {{
  Listen "{CONTROL}" {{}}
  Listen ":{PORT}" {{
    TLS_Certificate = "{FOLDER}/{SERVER}"
    TLS_Key = "{FOLDER}/{SERVER_KEY}"
    AuthDigestMD5Parameters = [ uri = "digest:///etc/digests" ]
  }}
}}
"""
)
ZONE = "$ORIGIN example.\n$TTL 300\nmx1 A 10.1.0.1\nmx2 A 10.1.0.2\nfar MX 10 mx1\nfar MX 20 mx2\n"
CONVERSATIONS = {
    "counts": COUNTS,
    "messages": MESSAGES,
    "bindings": BINDINGS,
    "queues": QUEUES,
    "wrong": WRONG,
    "files": """
> config writeback
Nothing to write: the files say what holds.
> config set max_retries 5
Max_Retries = 5
> config writeback
Written: /etc/ecelerity.conf
> config reload
Reconfigured.
> write config all.conf
Written: /etc/all.conf
! write config all.conf
/etc/all.conf: there is such a file already
Nothing was written
! config reload none.conf
/etc/none.conf: no such file
Reconfigure failed
> config explain 10.0.0.7 to :25 option idle_time
Idle_Time = 300  (the default: no scope that is asked sets it)
""",
    "traces": """
> trace smtp list
> trace smtp add b1 * one
Registered smtp tracer #1
> trace smtp list
[     1]  binding: b1
           domain: *
             file: /var/trace/one
> trace smtp remove 1
Removed smtp tracer #1
! trace smtp remove 1
There is no smtp tracer #1
""",
    "imports": """
> spool import /var/spool/none
Importing /var/spool/none
> spool import_poll /var/spool/none
/var/spool/none: failed: /var/spool/none is no spool: [Errno 2] No such file or directory: '/var/spool/none/log': \
0 messages taken over, 0 left
! spool import /etc
/etc is not below /var/spool: the console may touch no other files (Spool_Import_Directories)
""",
    "names": """
> dns_cache lookup mx1.example A
Cached result not found, try a submit.
> dns_cache submit mx1.example A
Submitted
> dns_cache lookup mx1.example A
;; QUESTION SECTION:
;mx1.example             IN      A

;; ANSWER SECTION:
mx1.example             294     IN      A       10.1.0.1
> dns_cache refcnts
[  0] mx1.example [294s]
> dig mx1.example
submitted
""",
    "hosts": """
> dig far.example
submitted
> domain far.example
Domain 'far.example' has 2 MXs and a TTL of 294 seconds
  [10 mx1.example TTL:294]
 =>     [10.1.0.1] IPv4 (0.00ms con 0.00ms dlv)
  [20 mx2.example TTL:294]
        [10.1.0.2] IPv4 (0.00ms con 0.00ms dlv)
Queue:
        Active:          0
        Delayed:         0
Deliveries:         0
Failures:           0
Active Connections: 0
""",
    "caches": """
> dig far.example
submitted
> cache list
 dns
 hosts
 keys
 tls

 4 caches listed.
> cache list capacity entries hit-rate
     50000         3   0.00% dns
     20000         2   0.00% hosts
         0         0   0.00% keys
       500         0   0.00% tls

 4 caches listed.
> cache stat hosts
Name          : hosts
Capacity      : 20000
Entries       : 2
Utilization   :   0.01%
Query Rate    : 0 q/s
Loads         : 2
  Hits        : 0
  Misses      : 2
  Pending     : 0
Stores        : 2
Invalidations : 0
  Forced      : 0
  Expired     : 0
  Capacity    : 0
Hit Rate      :   0.00%
Workload (R/W):  50.00%
  Reads       : 2
  Writes      : 2
> cache stats
cache name                      lookups %                  deletions %
                       elts  hit miss pend  total  inserts man ttl lru  total
---------------------- ----- -------------------- -------- ------------------
dns                       3   0 100   0        3        3   0   0   0        0
hosts                     2   0 100   0        2        2   0   0   0        0
keys                      0   0   0   0        0        0   0   0   0        0
tls                       0   0   0   0        0        0   0   0   0        0
> tls show cache
Temp RSA key is uncached.
> tls flush cache
Cache flush request submitted.
""",
    "retry": """
> message retry M1
Message requeued for delivery
""",
}
TRANSCRIPTS = (
    test_transcripts.CONVERSATIONS,
    test_instrument_transcripts.CONVERSATIONS,
    test_cluster_transcripts.CONVERSATIONS,
    test_duravip_transcripts.CONVERSATIONS,
    test_transactions.CONVERSATIONS,
    CONVERSATIONS,
)
"""All that are run over a Unix socket, and over TCP with TLS and DIGEST-MD5 (tests/console/test_console_tls.py)."""

SLOW = ("dig ", "dns_cache submit", "spool import ")
CARRIERS = ("unix", "tls")


async def over(machine: Machine, carrier: str) -> tuple[Wire, trio.socket.SocketType]:
    """A connection to the console, from this host."""
    if carrier == "unix":
        socket = trio.socket.socket(trio.socket.AF_UNIX)
        await socket.connect(CONTROL)
        return socket, socket
    socket = trio.socket.socket()
    await socket.connect((MX, PORT))
    assert machine.tls is not None
    context = await machine.tls.client_context(ClientTlsTerms())
    wire = TlsWire(socket, context)
    await wire.shake()
    return wire, socket


class Session:
    """A client of the console that proves to be ann where it has to."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._client = wire, Client("test")

    async def begin(self) -> tuple[str, ...]:
        await self._next()
        assert self._client.banner is not None
        banner = self._client.banner
        if banner.mechanisms:
            side = client_side("DIGEST-MD5", "ann", "secret", f"console/{banner.node}", "nonce")
            self._client.authenticate("", "DIGEST-MD5")
            while isinstance(event := await self._next(), Challenge):
                self._client.authenticate(base64.b64encode(side.answer(base64.b64decode(event.challenge))).decode())
            assert event == Welcome("ann")
        return banner.mechanisms

    async def ask(self, line: str) -> tuple[str, str]:
        self._client.command(line)
        text = ""
        while isinstance(event := await self._next(), Part):
            text += event.text
        assert isinstance(event, End)
        return ">" if event.status == "ok" else "!", text

    async def _next(self) -> ServerFrames:
        await self._flush()
        while (event := self._client.next_event()) is None:
            self._client.receive(await self._wire.recv(65536))
        await self._flush()
        return event

    async def _flush(self) -> None:
        octets = self._client.octets_to_send()
        while octets:
            octets = octets[await self._wire.send(octets) :]


async def say(machine: Machine, carrier: str, lines: list[str]) -> list[tuple[str, str]]:
    """The mark and the answer of each of *lines*, said in one session."""
    with trio.fail_after(600):
        wire, socket = await over(machine, carrier)
        with socket:
            session = Session(wire)
            assert bool(await session.begin()) is (carrier == "tls")
            said = []
            for line in lines:
                said.append(await session.ask(line))
                await trio.sleep(5.5 if line.startswith(SLOW) else 0)
            await trio.sleep(1)  # what is logged of it is written by then
            return said


def exchanges(conversation: str) -> Iterator[tuple[str, str, str]]:
    """Mark, line and answer of each exchange; whoever types."""
    for typed in re.finditer(
        r"(?m)^(?:ann|bob)?([>!]) (.*)\n((?:(?!(?:ann|bob)?[>!] ).*\n)*)", conversation.lstrip("\n")
    ):
        yield typed[1], typed[2], typed[3]


def about(line: str, ids: list[str]) -> str:
    """*line* with the identifiers that M1, M2, M3 stand for."""
    return re.sub(r"\bM([123])\b", lambda number: ids[int(number[1]) - 1], line)


def on_a_node(carrier: str, lines: list[str], config: str = CONFIG) -> tuple[Site, list[str], list[tuple[str, str]]]:
    """A node with *config*, the identifiers of three messages that wait there, and what is answered to *lines*."""
    site = Site()
    nameserver = site.world.host("ns", "10.0.0.53")
    site.mx.nameservers = ["10.0.0.53"]

    async def main() -> tuple[list[str], list[tuple[str, str]]]:
        install(site.mx.store)
        await site.world.nameserver(nameserver, ZONE)
        await site.mx.call(write_file, "/etc/digests", f"ann:{REALM}:{digest_of('ann', REALM, 'secret')}\n".encode())
        await site.mx.call(write_file, "/var/trace/any", b"")
        await site.configure(config)
        await site.boot()
        ids = await three_wait(site)
        asked = [about(line, ids) for line in lines]
        host = site.mx if carrier == "unix" else site.client
        return ids, await host.call(say, carrier, asked)

    ids, said = site.world.run(main)
    return site, ids, said


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=list(CONVERSATIONS))
def test_transcript(conversation: str, carrier: str) -> None:
    expected = list(exchanges(conversation))
    _, ids, said = on_a_node(carrier, [line for _, line, _ in expected])
    for (mark, line, text), answer in zip(expected, said, strict=True):
        assert answer == (mark, about(text, ids)), line


# -- all of them -------------------------------------------------------------------------------------------------------

NODE = administration(OF_CONSOLES % ("", "/tmp/2025"))
DISPATCH = Dispatch(COMMANDS, NODE)
OPERATOR = Operator("ann", "/tmp/2025", "")


def typed(conversation: str) -> Iterator[str]:
    """The commands that do in *conversation* what they say."""
    for mark, line, _ in exchanges(conversation):
        command = DISPATCH.call(OPERATOR, line).command
        if mark == ">" and command is not None:
            yield command.name


def test_every_command_that_help_lists_has_a_transcript() -> None:
    shown = {name for table in TRANSCRIPTS for conversation in table.values() for name in typed(conversation)}
    assert {command.name for command in COMMANDS} - shown == set()


def test_what_no_role_allows_is_refused_changes_nothing_and_is_in_the_acctlog() -> None:
    """Every command, by somebody who has proved who he is and has a role that allows another line."""
    config = CONFIG.replace("mainlog =", "acctlog = /var/log/accounts mainlog =").replace(
        f'Listen "{CONTROL}"', f'Enable_Authorization = true Listen "{CONTROL}"'
    )
    config += 'Authorization { Role ann { allow = ( "^only this$" ) } }\n'
    lines = [command.name for command in COMMANDS]
    lines += [line for conversation in CONVERSATIONS.values() for _, line, _ in exchanges(conversation)]
    site, ids, said = on_a_node("tls", lines, config)
    assert set(said) == {("!", "Not Authorized for this command\n")}
    store = site.mx.store
    accounts = [line.split("@") for line in store.octets("/var/log/accounts").decode().splitlines()]
    assert [fields[1:3] + fields[4:] for fields in accounts if fields[1] == "Z"] == [
        ["Z", f"*:{PORT}", "ann", "0", escaped(about(line, ids))] for line in lines
    ]
    assert store.octets("/etc/ecelerity.conf") == config.encode()
    assert set(store.files("/etc")) == {"/etc/ecelerity.conf", "/etc/digests", *store.files(FOLDER)}
    assert set(store.files("/var/trace")) == {"/var/trace/any"}
    records = [record for _, record in site.world.records]
    assert not [record for record in records if isinstance(record, Reconfigured)]
    assert not [record for record in records if isinstance(record, Failed) and record.permanent]


# -- every example -----------------------------------------------------------------------------------------------------

EXAMPLES = r"""
Option 'X' is not set in scope ''.
Blackhole = 0
Suspend_Delivery = on
Message_Expiration = 86400
        Message_Expiration = 900
"Message_Expiration" has been unset. Effective value is now:
Relay_Hosts = (
  10.0.0.1
  10.0.0.2
  )
Listen "X" { ... }
Listen "X"
  is at X::Listen:X\:587:
Reconfigure failed
ecelerity version: 1.0.0
Momentum Version: 1.0.0 (64-bit)
[X 30 X 2003 10:31:37] [X] X
RSS:            8658726            8,658,726   1.66%
System RSS:   115417088          115,417,088  22.13%
<AuthzInformation username="X">
  <Roles>
<Roles>
Module: ec_logger:X
  Scope_Name: ec_logger
  Instance_Name: X
  Enabled: enabled
  API: Logger
VALUE       RESET_TIME       SEMANTICS COUNTER
7   2026-01-02@03:04:05    relaxed  X
2 counters listed.
 4 caches listed.
     50000         3   0.00% X
Name          : X
Hit Rate      :   0.00%
Cache flush request submitted.
23: [inbound/esmtp_message_factory] IPv4 192.0.2.7:47741 awaiting rcptto (for 0.264s)  [floating]
5 sessions
Registered smtp tracer #1
[     1]  binding: X
           domain: *
             file: X
Removed smtp tracer #1
Summary Statistics
        Outbound Concurrency:       4
        Inbound Concurrency:      90
        Active Domains:       3
        Active Queue Size:     12
        Delayed Queue Size:      3
        Destaged Queue Size:      0
        Total Queue Size:     15
        DNS A Queries:     10
        DNS MX Queries:      7
        Pending DNS Queries: 0
        Query Rate:   0.25 queries/second
        Successfully Delivered Messages:    120
        Failed Messages:      2
        Rejected Messages:      1
        Received Messages:    137
        Delivery Rate:   1.76 messages/second
        Reception Rate:   1.82 messages/second
        Statistics Last Reset:     75 seconds
statistics cleared.
Summary Statistics For Binding X
Summary Statistics For Binding X in Binding Group X
        Open Connections:       0
        Resident Messages:      0
********************************************
Summary Statistics For Binding Group X
        Incore Messages:      1
IO thread pool: concurrency 5
               Total invocations: 1200
    Observed average concurrency: 1.00
          Thread pool saturation:  0.01%
   Average wallclock time per op: 0.25ms
            Current thread count: 0
  [inactive threads]
Jobs in the IO pool
0 jobs
Domain:                   dead.example  C:  0  A:      0  D:     2  S:     0
                                Total:  C:   0  A:      1  D:     2  S:     0
Domain summary:
Totals: C:   0  A:      1  D:     2  S:     0
Domain 'X' has 2 MXs and a TTL of 300 seconds
  [10 X TTL:300]
 =>     [X] IPv4 (0.00ms con 0.00ms dlv)
Active Connections: 0
Group/Binding                                       Domain      AQ      DQ
[active/X] X Created: 1700000000
  From: <X> To: <X>
X flushed.  2 messages requeued.
X purged, 2 messages failed.
All domains purged.  2 messages failed.
Message: X
Message Type: full message
          Received Via: SMTP 10.0.0.7 (IPv4)
Message requeued for delivery
Rebound 2 messages.
Moved 2 messages from 'X' to 'X'
submitted
Submitted
Cached result not found, try a submit.
[  0] X [213s]
"""
"""Lines that spec/console.md shows, sections 5 to 9; X is a name or a word."""


def shape(line: str) -> str:
    """*line* without its numbers; what is aligned to the right stays as wide as it was."""
    return re.sub(r" *\d+(?:[.,]\d+)*", lambda number: " " * len(number[0]) if number[0][0] == " " else "0", line)


def test_every_example_is_in_a_transcript() -> None:
    answers = {
        shape(line)
        for table in TRANSCRIPTS
        for conversation in table.values()
        for _, _, answer in exchanges(conversation)
        for line in answer.splitlines()
    }
    text = "\n".join(answers)

    def is_shown(example: str) -> bool:
        pattern = r"\S.*?".join(map(re.escape, shape(example).split("X")))
        return re.search(rf"(?m)^{pattern}$", text) is not None

    assert [example for example in EXAMPLES.strip("\n").splitlines() if not is_shown(example)] == []
