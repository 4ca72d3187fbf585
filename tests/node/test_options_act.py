"""Every listener option that acts, in every scope it is valid in, set in the file and at the console, with its effect.

The cases are generated from the declarations: an option somebody declares for a listener scope without a probe here (or
without saying that it is stored only) fails ``test_each_declared_option_has_a_probe``.
"""

from __future__ import annotations

import socket as names
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from simulated_host import CLIENT, CONTROL, MX, Site, console, read_folder, read_reply, send_all

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.option import Option
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Stat
from momentum_trio.mail.record import Received, Requested
from momentum_trio.node.mail_plane import spool_terms
from momentum_trio.node.schema import DECLARED
from momentum_trio.spool.spool import SEGMENT_OCTETS_MIN, SpoolTerms
from sim.sockets.stream import StreamSocket

EHLO, MAIL, RCPT = "EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<bob@example.com>"
CONTENT = "From: <ann@client.example>\r\nSubject: x\r\n\r\nbody\r\n."
ELSEWHERE = "RCPT TO:<eve@elsewhere.example>"
SILENCE_SECONDS = 20
SMTP_SOCKET = "/run/smtp"

BASE = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
Binding "other" {{ }}
Pathway "special" {{ Relay_Domains = ( "path.example" ) }}
"""


def last(*lines: str) -> Observe:
    """The code of the reply to the last line."""

    async def observe(site: Site) -> str:
        return (await site.talk(*lines))[-1][:3]

    return observe


async def greeting(site: Site) -> str:
    return (await site.talk())[0]


async def hello(site: Site) -> set[str]:
    return {line[4:] for line in (await site.talk(EHLO))[1].split("\n")[1:]}


async def cut_when_silent(site: Site) -> bool:
    """Whether a silent client is told 421 4.4.2 within SILENCE_SECONDS."""

    async def wait(machine: Machine) -> str:
        with trio.socket.socket() as socket:
            await socket.connect((MX, 25))
            await read_reply(socket)
            with trio.move_on_after(SILENCE_SECONDS):
                return await read_reply(socket)
            return ""

    return (await site.client.call(wait)).startswith("421 4.4.2 ")


async def second_session(site: Site) -> str:
    """What a second session is greeted with while the first is there."""

    async def both(machine: Machine) -> str:
        with trio.socket.socket() as one, trio.socket.socket() as two:
            await one.connect((MX, 25))
            await read_reply(one)
            await two.connect((MX, 25))
            return await read_reply(two)

    return await site.client.call(both)


async def refused_late(site: Site) -> bool:
    """Whether a refusal takes more than five seconds."""
    began = trio.current_time()
    await site.talk(EHLO, MAIL, ELSEWHERE)
    return trio.current_time() - began > 5


async def received_field(site: Site) -> bool:
    """Whether the name received.example stands in the Received field of what arrives."""
    await site.talk(EHLO, MAIL, RCPT, "DATA", CONTENT)

    messages: list[bytes] = []
    with trio.fail_after(60):
        while not messages:
            await site.moment()
            messages = await site.mailbox("bob")
    return b"by received.example " in messages[0]


async def binding(site: Site) -> str:
    """The binding that a message gets."""
    await site.talk(EHLO, MAIL, RCPT, "DATA", CONTENT)
    return next(record.binding for _, record in site.world.records if isinstance(record, Received))


async def recorded(site: Site) -> bool:
    """Whether there is a recording of a session."""
    await site.talk(EHLO, "QUIT")
    await site.moment()
    return b"EHLO" in b"".join(await site.mx.call(read_folder, "/var/record"))


async def reconfigured(site: Site) -> str:
    """What a session whose greeting no longer holds is told at RSET."""

    async def session(machine: Machine) -> str:
        with trio.socket.socket() as socket:
            await socket.connect((MX, 25))
            await read_reply(socket)
            await site.mx.call(console, "config set esmtp_listener banner_hostname other.example")
            await socket.send(b"RSET\r\n")
            return await read_reply(socket)

    return await site.client.call(session)


async def behind_proxy(site: Site) -> str:
    """Whom EHLO names after a proxy has said that it brings 192.0.2.9; or what is said instead."""

    async def session(machine: Machine) -> str:
        with trio.socket.socket() as socket:
            await socket.connect((MX, 25))
            await socket.send(b"PROXY TCP4 192.0.2.9 10.0.0.1 4711 25\r\n")
            await read_reply(socket)
            await socket.send(f"{EHLO}\r\n".encode())
            return (await read_reply(socket)).partition("\n")[0]

    return await site.client.call(session)


async def reachable(site: Site) -> bool:
    async def connect(machine: Machine) -> bool:
        with trio.socket.socket() as socket:
            try:
                await socket.connect((MX, 25))
            except ConnectionRefusedError:
                return False
            return True

    return await site.client.call(connect)


async def socket_mode(site: Site) -> int:
    async def stat(machine: Machine) -> int:
        (facts,) = await machine.disk.perform([Stat(SMTP_SOCKET)])
        mode: int = facts.mode
        return mode

    return await site.mx.call(stat)


def listening(site: Site) -> StreamSocket:
    """The node's listening socket of port 25."""
    sockets = [d for d in site.life.descriptors() if isinstance(d, StreamSocket) and d.family == names.AF_INET]
    (found,) = (s for s in sockets if s.getsockopt(names.SOL_SOCKET, names.SO_ACCEPTCONN) and s.getsockname()[1] == 25)
    return found


def socket_option(level: int, name: int) -> Observe:
    """An option of the listening socket, which those it accepts inherit."""

    async def observe(site: Site) -> int:
        return listening(site).getsockopt(level, name)

    return observe


async def backlog(site: Site) -> int:
    return listening(site).backlog


async def accepting_tasks(site: Site) -> int:
    """How many tasks wait in accept for port 25."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    todo, count = [root], 0
    while todo:
        task = todo.pop()
        count += ":25 accepts" in task.name
        todo += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return count


async def console_cut_when_silent(site: Site) -> bool:
    async def wait(machine: Machine) -> bool:
        with trio.socket.socket(trio.socket.AF_UNIX) as socket:
            await socket.connect(CONTROL)
            await socket.recv(65536)
            with trio.move_on_after(SILENCE_SECONDS):
                return b"farewell" in await socket.recv(65536)
            return False

    return await site.mx.call(wait)


def http_status(head: str) -> Observe:
    """The status of the answer to the request that begins with *head*."""

    async def observe(site: Site) -> str:
        async def ask(machine: Machine) -> str:
            with trio.socket.socket() as socket:
                await socket.connect((MX, 2081))
                await send_all(socket, f"{head}\r\n\r\n".encode())
                return (await socket.recv(65536)).decode()[9:12]

        return await site.client.call(ask)

    return observe


async def for_paniclog(site: Site) -> bool:
    await http_status("GET /healthz HTTP/1.1\r\nHost: 10.0.0.25")(site)
    await site.moment()
    return any(record.is_for_paniclog for _, record in site.world.records if isinstance(record, Requested))


Observe = Callable[[Site], Awaitable[object]]


@dataclass(frozen=True)
class Probe:
    """value: what the option is set to. effect: what is then seen; without it, something else is."""

    value: str
    effect: object
    observe: Observe
    listen: str = ":25"
    listener: str = "ESMTP_Listener"


PROBES: dict[str, Probe] = {
    "HELO_Qualified": Probe("true", "550", last("EHLO client")),
    "HELO_Literal_Matches": Probe("true", "550", last("EHLO [192.0.2.9]")),
    "HELO_Not_Ours": Probe("true", "550", last("EHLO mail.example.com")),
    "Enable": Probe("false", False, reachable),
    "File_Mode": Probe("0604", 0o604, socket_mode, listen=SMTP_SOCKET),
    "Listen_Backlog": Probe("7", 7, backlog),
    "TCP_Recv_Buffer_Size": Probe("40000", 2 * 40000, socket_option(names.SOL_SOCKET, names.SO_RCVBUF)),
    "TCP_Send_Buffer_Size": Probe("40000", 2 * 40000, socket_option(names.SOL_SOCKET, names.SO_SNDBUF)),
    "Disable_Nagle_Algorithm": Probe("false", 0, socket_option(names.IPPROTO_TCP, names.TCP_NODELAY)),
    "Concurrency": Probe("3", 3, accepting_tasks),
    "Idle_Time": Probe("7", True, cut_when_silent),
    "Banner_Hostname": Probe("banner.example", "banner.example", lambda site: _name(site)),
    "Static_Banner": Probe('"220 static.example"', "220 static.example", greeting),
    "SMTP_Extensions": Probe(
        "( DSN CHUNKING XREMOTEIP )", {"PIPELINING", "8BITMIME", "DSN", "CHUNKING", "XREMOTEIP"}, hello
    ),
    "Max_Message_Size": Probe("1000", {"PIPELINING", "8BITMIME", "SIZE 1000"}, hello),
    "Listener_Sessions": Probe("1", "421 4.4.5 Service unavailable, concurrency limit reached", second_session),
    "Service_Sessions": Probe("1", "421 4.4.5 Service unavailable, concurrency limit reached", second_session),
    "Cluster_Listener_Sessions": Probe("1", "421 4.4.5 Service unavailable, concurrency limit reached", second_session),
    "Cluster_Service_Sessions": Probe("1", "421 4.4.5 Service unavailable, concurrency limit reached", second_session),
    "Max_Sessions_Per_Address": Probe("1", "421 4.7.0 too many sessions from your address", second_session),
    "Session_Rate_Per_Address": Probe('"1/60"', "421 4.7.0 sessions from your address come too fast", second_session),
    "Message_Rate_Per_Address": Probe('"1/60"', "451", last(EHLO, MAIL, "RSET", "MAIL FROM:<>", "RSET", MAIL)),
    "Max_Refused_Recipients": Probe("1", "421", last(EHLO, MAIL, ELSEWHERE, ELSEWHERE)),
    "Refusal_Delay": Probe("7", True, refused_late),
    "Inject_Failures": Probe('( "mail /^ann@/ 451 4.3.0 later" )', "451", last(EHLO, MAIL)),
    "Require_EHLO": Probe("true", "550", last(MAIL)),
    "Reconfig_Message": Probe('"4.3.2 Come again"', "421 4.3.2 Come again", reconfigured),
    "Allow_Trailing_Whitespace_In_Commands": Probe("true", "250", last(EHLO, "MAIL FROM:< ann@client.example >")),
    "Max_Bad_Commands": Probe("1", "421", last("WHAT", "WHAT")),
    "Relay_Hosts": Probe(f"( {CLIENT} )", "250", last(EHLO, MAIL, ELSEWHERE)),
    "Open_Relay": Probe("true", "250", last(EHLO, MAIL, ELSEWHERE)),
    "Relay_For_Sending_Domains": Probe("( client.example )", "250", last(EHLO, MAIL, ELSEWHERE)),
    "Allow_IP_Literal": Probe("false", "550", last(EHLO, "MAIL FROM:<ann@[10.0.0.7]>")),
    "Allow_NULL_Envelope_Sender": Probe("false", "550", last(EHLO, "MAIL FROM:<>")),
    "Domain_For_Unqualified_Recipient_Addresses": Probe("example.com", "250", last(EHLO, MAIL, "RCPT TO:<bob>")),
    "Domain_For_Unqualified_Sender_Address": Probe("client.example", "250", last(EHLO, "MAIL FROM:<ann>")),
    "Max_Recipients_Per_Message": Probe("1", "452", last(EHLO, MAIL, RCPT, "RCPT TO:<carol@example.com>")),
    "Max_Recipients_Per_Connection": Probe("1", "452", last(EHLO, MAIL, RCPT, "RSET", MAIL, RCPT)),
    "Max_Receptions_Per_Connection": Probe("1", "452", last(EHLO, MAIL, RCPT, "DATA", CONTENT, MAIL)),
    "Received_Hostname": Probe("received.example", True, received_field),
    "Record_Sessions": Probe('"/var/record/sessions"', True, recorded),
    "Outbound_Binding": Probe("other", "other", binding),
    "Pathway": Probe("special", "250", last(EHLO, MAIL, "RCPT TO:<bob@path.example>")),
    "Proxy_Protocol": Probe("true", "250-mail.example.com says EHLO to 192.0.2.9", behind_proxy),
    "HTTP_Hosts": Probe(
        "( other.example )",
        "200",
        http_status("GET /healthz HTTP/1.1\r\nHost: other.example"),
        ":2081",
        "HTTP_Listener",
    ),
    "Log_Requests_To_Paniclog": Probe("true", True, for_paniclog, ":2081", "HTTP_Listener"),
    "Max_Request_Size": Probe(
        "10",
        "413",
        http_status("POST /healthz HTTP/1.0\r\nContent-Length: 11"),
        ":2081",
        "HTTP_Listener",
    ),
    "Timeout": Probe("7", True, console_cut_when_silent, listen=CONTROL, listener="Control_Listener"),
}


async def _name(site: Site) -> str:
    return (await greeting(site)).split()[1]


def placements(probe: Probe, option: Option[Any]) -> list[str]:
    """Where the option may stand inside the probe's listener."""
    found = [probe.listener.lower()] if probe.listener.lower() in option.scopes else []
    found += ["listen"] if "listen" in option.scopes else []
    return found + (["listen peer", "listener peer"] if "peer" in option.scopes else [])


def stored_only(option: Option[Any]) -> bool:
    return option.meaning.startswith("Stored only")


def in_listener_scopes(option: Option[Any]) -> bool:
    return bool(option.scopes & {"esmtp_listener", "control_listener", "listen", "peer"})


OPTIONS = {option.name: option for option in DECLARED if in_listener_scopes(option) and not stored_only(option)}
BOUNDS = {"Record_Sessions_Max", "Record_Octets_Max", "Record_Seconds", "Record_Content"}  # tests/rehearsal has theirs
SCREENING = {  # tests/reception/test_screening.py, test_policy.py and test_mail_authentication.py here have theirs
    *(
        "Authserv_ID",
        "Authserv_Trusted_Hosts",
        "Context",
        "DNSBL_Exempt",
        "DNSBL_On_Failure",
        "DNSBL_Timeout",
        "DNSBL_Zones",
    ),
}
AUTHENTICATION = {  # tests/console has their tables, and tests/listener
    *("Enable_Authentication", "Enable_Authorization", "Always_Allow", "Always_Deny", "AuthorizationParameters"),
    *("AuthCramMD5Parameters", "AuthDigestMD5Parameters", "AuthLoginParameters", "AuthPlainParameters"),
    *("SMTP_AUTH_In_Clear", "Starttls_Injection_Policy", "TLS_SNI_Certificates", "TLS_Verified_Peer_Can_Relay"),
    *("TLS_Certificate", "TLS_Key", "TLS_Ciphers", "TLS_Protocols", "TLS_Verify_Mode", "TLS_Client_CA", "Use_SSL"),
}
HTTP = {"Disable_Chunked", "TLS_Verified_Peer_Is_Authorized"}  # tests/listener/test_http*.py have theirs
FLOATING = {"Duravip_Follow", "Duravip_Preference", "Enable_Duravip"}  # tests/cluster/test_duravip*.py have theirs
ECSTREAM = {f"ECStream_{name}" for name in ("Idle_Time", "Max_Batch_Size", "Max_Frame_Size", "Window_Size")}
"""tests/listener/test_ecstream*.py have theirs."""
CASES = [
    (name, placement, way)
    for name, probe in PROBES.items()
    for placement in placements(probe, OPTIONS[name])
    for way in ("file", "console")
]


def test_each_declared_option_has_a_probe() -> None:
    assert set(OPTIONS) - AUTHENTICATION - BOUNDS - ECSTREAM - FLOATING - HTTP - SCREENING == set(PROBES)


def configuration(probe: Probe, placement: str, setting: str) -> str:
    """BASE with *setting* at *placement*."""
    at = {"listener": "", "listen": "", "listen peer": "", "listener peer": ""}
    at[placement if placement in at else "listener"] = setting
    peer = 'Peer "10.0.0.0/8" {{ {} }}'
    return BASE + (
        f"{probe.listener} {{ {at['listener']} {peer.format(at['listener peer'])}\n"
        f'  Listen "{probe.listen}" {{ {at["listen"]} {peer.format(at["listen peer"])} }} }}\n'
    )


def console_path(probe: Probe, placement: str) -> str:
    parts = [probe.listener.lower()]
    if placement.startswith("listen ") or placement == "listen":
        parts.append(f"listen {probe.listen}")
    if placement.endswith("peer"):
        parts.append("peer 10.0.0.0/8")
    return " ".join(parts)


@pytest.mark.parametrize(("name", "placement", "way"), CASES)
def test_the_option_acts(name: str, placement: str, way: str) -> None:
    probe = PROBES[name]

    async def story(site: Site) -> object:
        if way == "console":
            await site.mx.call(console, f"config set {console_path(probe, placement)} {name.lower()} {probe.value}")
        return await probe.observe(site)

    setting = f"{name} = {probe.value}" if way == "file" else ""
    assert Site().run(configuration(probe, placement, setting), story) == probe.effect


@pytest.mark.parametrize("name", PROBES)
def test_without_the_option_something_else_is_seen(name: str) -> None:
    probe = PROBES[name]
    assert Site().run(configuration(probe, "listener", ""), probe.observe) != probe.effect


@pytest.mark.parametrize(("setting", "rotates"), [("", False), ("Spool_Segment_Size = 1024", True)])
def test_the_spool_begins_a_new_segment_when_one_is_full(setting: str, rotates: bool) -> None:
    async def story(site: Site) -> list[str]:
        await site.talk(EHLO, *(line for _ in range(5) for line in (MAIL, RCPT, "DATA", CONTENT)))
        return list(site.mx.store.files("/var/spool/ecelerity/log"))

    text = f'{BASE} {setting} Suspend_Delivery = true ESMTP_Listener {{ Listen ":25" {{}} }}'
    assert (len(Site().run(text, story)) > 1) is rotates


def test_the_spools_terms_are_those_of_the_options() -> None:
    assert spool_terms(load_text("", declared=DECLARED)).segment_octets == SpoolTerms("/x").segment_octets
    assert spool_terms(load_text("Spool_Segment_Size = 1024", declared=DECLARED)).segment_octets == SEGMENT_OCTETS_MIN
    with pytest.raises(ConfigErrors):
        load_text("Spool_Segment_Size = 1023", declared=DECLARED)
