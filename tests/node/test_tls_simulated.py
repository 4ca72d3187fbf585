"""TLS and AUTH of a whole node in the simulated world: short reads, cuts, certificates that change under load."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from simulated_host import MX, Site, console, read_reply, send_all, write_file

from momentum_trio.listener.handshake import HANDSHAKE_SECONDS
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_tls import peer_chain
from momentum_trio.machine.stamps import LOOK_SECONDS
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.mail.record import Panic
from sim.certificates import CLIENT, CLIENT_KEY, FOLDER, HERE, SERVER, SERVER_KEY, install

CONFIG = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
Control_Listener {{ Listen "/run/control" {{}} }}
ESMTP_Listener {{
  TLS_Certificate = "{FOLDER}/{SERVER}" TLS_Key = "{FOLDER}/{SERVER_KEY}"
  SMTP_Extensions = ( STARTTLS "AUTH PLAIN" )
  AuthPlainParameters = [ uri = "file:///etc/passwords" ]
  Listen ":25" {{}}
  Listen ":465" {{ Use_SSL = true }}
}}
"""
AUTH = "AUTH PLAIN " + base64.b64encode(b"\0ann\0secret").decode()
MAIL = ("MAIL FROM:<ann@client.example>", "RCPT TO:<bob@example.com>", "DATA")
CONTENT = "From: <ann@client.example>\r\nSubject: x\r\n\r\nbody\r\n."
OLD, NEW = (ssl.PEM_cert_to_DER_cert((HERE / name).read_text()) for name in (SERVER, CLIENT))


def run(story: Callable[[Site], Awaitable[Any]], **world: Any) -> Any:
    """Boot a node with certificates and passwords, and tell the *story*."""
    site = Site(**world)
    install(site.mx.store)
    site.mx.store.put("/etc/passwords", b"ann:secret\n", 0o600)
    return site.run(CONFIG, story)


async def secured(machine: Machine, socket: trio.socket.SocketType, port: int) -> tuple[TlsWire, bytes]:
    """TLS on *socket*, begun as the *port* wants it, greeted; and the certificate shown."""
    await socket.connect((MX, port))
    if port == 25:
        await read_reply(socket)
        for line in ("EHLO client.example", "STARTTLS"):
            await send_all(socket, line.encode() + b"\r\n")
            reply = await read_reply(socket)
        assert reply[:3] == "220", reply
    assert machine.tls is not None
    context = await machine.tls.client_context(ClientTlsTerms())
    wire = TlsWire(socket, context)
    await wire.shake()
    return wire, peer_chain(wire.tls)[0]


async def talk(machine: Machine, port: int, *lines: str) -> tuple[bytes, list[str]]:
    """The certificate shown, and the replies to *lines*."""
    with trio.fail_after(600), trio.socket.socket() as socket:
        wire, shown = await secured(machine, socket, port)
        said: Any = wire
        replies = [await read_reply(said)] if port != 25 else []
        for line in lines:
            await send_all(said, line.encode() + b"\r\n")
            replies.append(await read_reply(said))
        return shown, replies


@pytest.mark.parametrize("port", [25, 465])
@pytest.mark.parametrize("seed", range(3))
def test_mail_within_tls_over_a_bad_line(port: int, seed: int) -> None:
    async def story(site: Site) -> None:
        _, replies = await site.client.call(talk, port, "EHLO client.example", AUTH, *MAIL, CONTENT, "QUIT")
        assert [reply[:3] for reply in replies[-7:]] == ["250", "235", "250", "250", "354", "250", "221"]
        while not (found := await site.mailbox("bob")):
            await site.moment()
        assert b"with ESMTPSA (cipher=" in found[0]

    run(story, seed=seed, short=0.5)


def test_certificates_change_under_load_and_no_handshake_fails() -> None:
    """The two files are replaced one after the other, with rubbish between: pairs that do not fit are never shown."""
    seen: list[bytes] = []
    minutes = 60.0

    async def client(site: Site, until: float) -> None:
        while trio.current_time() < until:
            shown, replies = await site.client.call(talk, 25, "EHLO client.example", "NOOP")
            assert replies[-1][:3] == "250"
            seen.append(shown)
            await trio.sleep(0.7)

    async def renew(site: Site) -> None:
        await trio.sleep(minutes / 4)
        key, certificate = (f"{FOLDER}/{name}" for name in (SERVER_KEY, SERVER))
        for path, octets in (
            (key, b""),
            (key, (HERE / CLIENT_KEY).read_bytes()[:400]),
            (key, (HERE / CLIENT_KEY).read_bytes()),
            (certificate, b"-----BEGIN CERTIFICATE-----\n"),
            (certificate, (HERE / CLIENT).read_bytes()),
        ):
            await site.mx.call(write_file, path, octets)
            await trio.sleep(LOOK_SECONDS * 1.3)

    async def story(site: Site) -> None:
        until = trio.current_time() + minutes
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(client, site, until)
            nursery.start_soon(renew, site)
        panics = [record.text for _, record in site.world.records if isinstance(record, Panic)]
        assert any("the certificate read before stays" in text for text in panics)

    run(story)
    assert set(seen) == {OLD, NEW}
    assert seen == sorted(seen, key=lambda shown: shown == NEW)  # the old one, then the new one


async def sessions(site: Site) -> list[str]:
    """The open sessions of mail, as an operator sees them."""
    text = await site.mx.call(console, "show inbound")
    return [line for line in text.splitlines() if "esmtp_message_factory" in line]


@pytest.mark.parametrize("port", [25, 465])
@pytest.mark.parametrize("octets", [b"", b"\x16\x03\x01\x02\x00", b"EHLO x\r\n" * 20])
def test_a_client_that_is_cut_in_mid_handshake_leaves_nothing(port: int, octets: bytes) -> None:
    async def begin(machine: Machine) -> None:
        with trio.socket.socket() as socket:
            await socket.connect((MX, port))
            if port == 25:
                await read_reply(socket)
                await send_all(socket, b"STARTTLS\r\n")
                await read_reply(socket)
            await send_all(socket, octets)
            await trio.sleep(1)

    async def story(site: Site) -> None:
        await site.client.call(begin)
        await trio.sleep(5)
        assert await sessions(site) == []
        _, replies = await site.client.call(talk, port, "NOOP")
        assert replies[-1][:3] == "250"

    run(story)


def test_a_client_that_goes_silent_in_mid_handshake_has_its_time() -> None:
    async def hang(machine: Machine) -> None:
        with trio.socket.socket() as socket:
            await socket.connect((MX, 465))
            await trio.sleep(3 * HANDSHAKE_SECONDS)

    async def story(site: Site) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.client.call, hang)
            await trio.sleep(HANDSHAKE_SECONDS - 5)
            assert len(await sessions(site)) == 1
            await trio.sleep(10)
            assert await sessions(site) == []
            nursery.cancel_scope.cancel()

    run(story)


def test_show_inbound_tells_what_is_spoken() -> None:
    async def hold(machine: Machine, port: int) -> None:
        with trio.socket.socket() as socket:
            await secured(machine, socket, port)
            await trio.sleep_forever()

    async def story(site: Site) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.client.call, hold, 465)
            await trio.sleep(1)
            (line,) = await sessions(site)
            assert line.endswith("[TLSv1.3]")
            nursery.cancel_scope.cancel()

    run(story)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ('esmtp_listener tls_certificate "/none.pem"', "TLS_Certificate: /none.pem: No such file"),
        (f'esmtp_listener tls_key "{FOLDER}/{CLIENT_KEY}"', "TLS_Certificate: "),
        ('esmtp_listener tls_client_ca "/none.pem"', "TLS_Client_CA: /none.pem: No such file"),
        ('esmtp_listener tls_ciphers "NOTHING"', "TLS_Ciphers: "),
        ('esmtp_listener tls_protocols "+SSLv9"', "TLS_Protocols: TLS_Protocols: no such protocol"),
        ('esmtp_listener tls_sni_certificates ( "/none.pem" )', "TLS_SNI_Certificates: /none.pem: No such file"),
        ('esmtp_listener listen :465 peer 10.0.0.0/8 tls_certificate "/none.pem"', "TLS_Certificate: /none.pem"),
        ("esmtp_listener listen :465 tls_certificate none", "Use_SSL: there is no TLS_Certificate here"),
    ],
)
def test_what_cannot_serve_does_not_come_to_hold(change: str, problem: str) -> None:
    async def story(site: Site) -> None:
        said = await site.mx.call(_failing, f"config set {change}")
        assert problem in said, said
        assert "/etc/ecelerity.conf:" in said or "console" in said
        assert (await site.client.call(talk, 465, "NOOP"))[0] == OLD

    run(story)


async def _failing(machine: Machine, line: str) -> str:
    return await console(machine, line, may_fail=True)
