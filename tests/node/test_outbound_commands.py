"""``show``, ``count``, ``trace smtp``, ``cache``, ``tls`` and ``paniclog`` on a simulated node while it relays."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import trio
from simulated_host import MX, Site, console, read_folder, read_reply, send_all

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import MakeDirectory
from momentum_trio.mail.record import Level, Panic

SERVER = "10.0.0.9"
CONFIG = """
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Trace_SMTP_Directory = "/var/trace"
Domain "example.com" { Gateway = "10.0.0.9" }
Domain "10.0.0.9" {
  Outbound_SMTP_AUTH_Type = "LOGIN"
  Outbound_SMTP_AUTH_User = "ann"
  Outbound_SMTP_AUTH_Pass = "hush hush"
  Outbound_SMTP_AUTH_In_Clear = true
}
ESMTP_Listener { Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
"""
REPLIES = {
    "EHLO": "250-server.example\r\n250 AUTH LOGIN",
    "AUTH": "334 VXNlcm5hbWU6",
    "YW5u": "334 UGFzc3dvcmQ6",
    "aHVz": "235 2.7.0 welcome",
    "DATA": "354 go",
    "QUIT": "221 2.0.0 bye",
}


@dataclass
class Server:
    """Holds its reply to MAIL until it is let go on."""

    asked: trio.Event = field(default_factory=trio.Event)
    go_on: trio.Event = field(default_factory=trio.Event)

    async def serve(self, machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.socket.socket() as listening:
            await listening.bind((SERVER, 25))
            listening.listen(5)
            task_status.started()
            socket, _ = await listening.accept()
            with socket:
                await self._converse(socket)

    async def _converse(self, socket: trio.socket.SocketType) -> None:
        await send_all(socket, b"220 server.example ESMTP\r\n")
        buffer, content = b"", False
        while received := await socket.recv(4096):
            buffer += received
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                text = line.decode().strip()
                if content and text != ".":
                    continue
                content = text == "DATA"
                if text.startswith("MAIL"):
                    self.asked.set()
                    await self.go_on.wait()
                await send_all(socket, REPLIES.get(text[:4], "250 2.0.0 fine").encode() + b"\r\n")


def relay(story: Callable[[Site, Server], Awaitable[None]]) -> None:
    """The mx has one message on its way to a server that holds it."""
    site, server = Site(), Server()
    far = site.world.host("server", SERVER)

    async def told(site: Site) -> None:
        await site.mx.call(make_folder, "/var/trace")
        await far.start(server.serve)
        await story(site, server)

    site.run(CONFIG, told)


async def make_folder(machine: Machine, path: str) -> None:
    await machine.disk.perform([MakeDirectory(path)])


async def ask(site: Site, line: str) -> str:
    return await site.mx.call(console, line)


async def refused(site: Site, line: str) -> str:
    try:
        answer = await ask(site, line)
    except AssertionError as failed:
        return str(failed).partition("\nassert")[0].rstrip("\n")
    raise AssertionError(answer)


async def data(site: Site, line: str) -> Any:
    return json.loads(await ask(site, f"json {line}"))


async def send_mail(site: Site) -> None:
    replies = await site.talk(
        "EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<bob@example.com>", "DATA",
        "Subject: one\r\n\r\nHello.\r\n.",
    )  # fmt: skip
    assert replies[-1].startswith("250")


def test_who_is_connected_and_in_which_phase() -> None:
    async def story(site: Site, server: Server) -> None:
        async def half(machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
            with trio.socket.socket() as socket:
                await socket.connect((MX, 25))
                await read_reply(socket)
                for line in (b"EHLO client.example\r\n", b"MAIL FROM:<ann@client.example>\r\n"):
                    await send_all(socket, line)
                    await read_reply(socket)
                task_status.started()
                await trio.sleep_forever()

        await send_mail(site)
        await server.asked.wait()
        client = await site.client.start(half)
        await trio.sleep(2.5)
        smtp, control = (await ask(site, "show inbound")).splitlines()
        assert re.fullmatch(
            r"\d+: \[inbound/esmtp_message_factory\] IPv4 10\.0\.0\.7:\d+ awaiting rcptto \(for 2\.5\d\ds\)", smtp
        )
        assert re.fullmatch(r"\d+: \[inbound/control\] Unix /run/control \(for 0\.\d\d\ds\)", control)
        out = await ask(site, "show outbound")
        assert re.fullmatch(r"\d+: \[outbound/connection_handleconnect\] 10\.0\.0\.9 IPv4 10\.0\.0\.9\n", out)
        (seen,) = await data(site, "show outbound")
        assert (seen["stage"], seen["binding"], seen["port"], seen["tls"]) == ("during mail", "default", 25, False)
        page = await ask(site, "domain 10.0.0.9")
        row = r"\[ 1\] FD: {6}\d  IP: {8}10\.0\.0\.9  State: during MAIL FROM \(2[56]\d\d\.\d\dms\)"
        assert re.search(rf"(?m)^Active Connections: 1\n{row}$", page), page
        (shown,) = (await data(site, "domain 10.0.0.9"))["active_connections"]
        assert (shown["address"], shown["stage"]) == ("10.0.0.9", "during mail")
        assert await ask(site, "count SMTP 10.0.0.7") == "1 sessions\n"
        assert await ask(site, "count outbound 32") == f"      1{' ' * 33}10.0.0.9/32\n"
        assert await ask(site, "count outbound/other 10.0.0.9") == "0 sessions\n"
        server.go_on.set()
        client.kill()
        await trio.sleep(120)
        assert await ask(site, "show outbound") == ""
        assert len(await data(site, "show inbound")) == 1

    relay(story)


def test_a_trace_of_a_conversation_without_its_password() -> None:
    async def story(site: Site, server: Server) -> None:
        assert await ask(site, "trace smtp list") == ""
        assert await ask(site, "trace smtp add * 10.0.0.9 /var/trace/one") == "Registered smtp tracer #1\n"
        assert await ask(site, "trace smtp add other * two") == "Registered smtp tracer #2\n"
        assert await ask(site, "trace smtp list") == (
            "[     1]  binding: *\n           domain: 10.0.0.9\n             file: /var/trace/one\n"
            "[     2]  binding: other\n           domain: *\n             file: /var/trace/two\n"
        )
        server.go_on.set()
        await send_mail(site)
        await trio.sleep(120)
        assert await ask(site, "trace smtp remove 1") == "Removed smtp tracer #1\n"
        assert await refused(site, "trace smtp remove 1") == "There is no smtp tracer #1"
        assert await ask(site, "trace smtp remove 2") == "Removed smtp tracer #2\n"
        empty, trace = sorted(await site.mx.call(read_folder, "/var/trace"), key=len)
        assert empty == b""
        lines = trace.decode().splitlines()
        start = re.compile(r"2026-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \d+ 10\.0\.0\.9 10\.0\.0\.9 (?=[<>=] )")
        assert all(map(start.match, lines))
        said = [start.sub("", line) for line in lines]
        assert said[:10] == [
            "= connected",
            "< 220 server.example ESMTP",
            "> EHLO mx.example",
            "< 250-server.example",
            "< 250 AUTH LOGIN",
            "> AUTH LOGIN",
            "< 334 VXNlcm5hbWU6",
            "> ***",
            "< 334 UGFzc3dvcmQ6",
            "> ***",
        ]
        assert "> Hello." in said
        assert "> ." in said
        assert said[-1] == "< 221 2.0.0 bye"
        assert b"aHVz" not in trace

    relay(story)


def test_traces_are_made_in_one_directory_and_are_new() -> None:
    async def story(site: Site, server: Server) -> None:
        elsewhere = "files are made in /var/trace alone (Trace_SMTP_Directory)"
        for path in ("/etc/passwd", "/var/trace/../x", "/var/trace/sub/x", "../x"):
            assert await refused(site, f"trace smtp add * * {path}") == f"{path}: {elsewhere}"
        for path in ("/var/trace/", ".."):
            assert await refused(site, f"trace smtp add * * {path}") == f"{path}: this is no name of a file"
        await ask(site, "trace smtp add * * one")
        assert await refused(site, "trace smtp add * * one") == "/var/trace/one: File exists"
        assert await refused(site, "trace smtp add * *") == "usage: trace smtp add BINDING|* DOMAIN|* FILE"
        for number in range(15):
            await ask(site, f"trace smtp add * * more{number}")
        assert await refused(site, "trace smtp add * * another") == "there are 16 tracers already"

    relay(story)


def test_caches_contexts_and_the_paniclog() -> None:
    async def story(site: Site, server: Server) -> None:
        server.go_on.set()
        await send_mail(site)
        await send_mail(site)
        assert re.fullmatch(r"( dns\n)? hosts\n keys\n tls\n\n [34] caches listed\.\n", await ask(site, "cache list"))
        listed = await ask(site, "cache list entries hit-rate")
        assert re.search(r"^         1 +\d+\.\d\d% hosts$", listed, re.MULTILINE)
        hosts = await data(site, "cache stat hosts")
        assert (hosts["entries"], hosts["stores"], hosts["capacity"]) == (1, hosts["misses"], 20_000)
        await ask(site, "refresh domain all")
        assert (await data(site, "cache stat hosts"))["forced"] == 1
        assert "cache name                      lookups %                  deletions %" in await ask(
            site, "cache stats"
        )
        assert await refused(site, "cache stat none") == "There is no cache none: 'cache list' shows those there are"
        assert await ask(site, "tls show cache") == "Temp RSA key is uncached.\n"
        assert await ask(site, "tls flush cache") == "Cache flush request submitted.\n"
        machine = site.life.machine
        machine.events.publish(Panic(machine.clock.now(), Level.WARNING, "said to the paniclog"))
        assert re.search(r"^\[\w{3} \d\d \w{3} 2026 [\d:]{8}\] \[warning\] said to", await ask(site, "paniclog"), re.M)

    relay(story)
