"""A console over TLS: who shows which certificate, what is said in clear, and what a drain and silence do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import test_instrument_transcripts as instruments
import test_transactions as transactions
import trio
from console_host import Console, Host, console_host
from test_console_authentication import CANARY, written
from test_ec_console import Ran, ec_console
from test_transcripts import CONVERSATIONS, there
from transcript import exchanges
from trio.testing import MockClock

from momentum_trio.listener.handshake import HANDSHAKE_SECONDS
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_tls import OsTls
from momentum_trio.mail.record import Panic
from momentum_trio.protocol.console.frame import Banner, Farewell, RemoteProtocolError, Welcome
from sim.certificates import AUTHORITY, CLIENT, CLIENT_KEY, HERE, SERVER, SERVER_KEY

TLS = f'TLS_Certificate = "{HERE / SERVER}" TLS_Key = "{HERE / SERVER_KEY}"'
DEMANDING = f'{TLS} TLS_Client_CA = "{HERE / AUTHORITY}" TLS_Verify_Mode = require'
KNOWN = {"EC_CONSOLE_PASSWORD": CANARY}


class TlsConsole(Console):
    """A client over TLS."""

    stream: trio.SSLStream[trio.SocketStream]

    async def shake(self, terms: ClientTlsTerms) -> None:
        context = await OsTls().client_context(terms)
        self.stream = trio.SSLStream(trio.SocketStream(self.socket), context, https_compatible=True)
        await self.stream.do_handshake()

    async def octets(self) -> bytes:
        return bytes(await self.stream.receive_some(65536))

    async def flush(self) -> None:
        if octets := self.client.octets_to_send():
            await self.stream.send_all(octets)


async def connect(host: Host, terms: ClientTlsTerms | None = None) -> TlsConsole:
    console = TlsConsole((await host.connect()).socket)
    await console.shake(terms or ClientTlsTerms())
    return console


async def test_a_password_may_go_within_tls(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path) + TLS, tcp=True, peer="192.0.2.7") as host:
        console = await connect(host)
        banner = await console.greet()
        assert isinstance(banner, Banner)
        assert "LOGIN" in banner.mechanisms
        assert await console.authenticate("LOGIN", "ann", CANARY) == Welcome("ann")
        assert await console.ask("pid") == ("ok", "4711\n")


@asynccontextmanager
async def by_digest_md5_and_tls(folder: Path, more: str = "") -> AsyncIterator[Host]:
    """A console on TCP that demands both."""
    async with console_host(folder / "control", written(folder) + TLS, tcp=True, peer="192.0.2.7", more=more) as host:
        yield host


async def ann(host: Host) -> TlsConsole:
    console = await connect(host)
    assert await console.authenticate("DIGEST-MD5", "ann", CANARY) == Welcome("ann")
    return console


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=list(CONVERSATIONS))
async def test_transcripts(conversation: str, tmp_path: Path) -> None:
    async with by_digest_md5_and_tls(tmp_path) as host:
        console = await ann(host)
        for mark, typed, answer in exchanges(there(conversation, host.endpoint)):
            assert await console.ask(typed) == ({">": "ok", "!": "error"}[mark], answer)


@pytest.mark.parametrize("conversation", instruments.CONVERSATIONS.values(), ids=list(instruments.CONVERSATIONS))
async def test_transcripts_of_instruments(conversation: str, tmp_path: Path) -> None:
    async with by_digest_md5_and_tls(tmp_path, instruments.MORE) as host:
        instruments.prepare(host)
        console = await ann(host)
        for mark, typed, answer in exchanges(conversation):
            assert await console.ask(typed) == ({">": "ok", "!": "error"}[mark], answer)


@pytest.mark.parametrize("conversation", transactions.CONVERSATIONS.values(), ids=list(transactions.CONVERSATIONS))
async def test_transcripts_of_transactions(conversation: str, tmp_path: Path) -> None:
    async with by_digest_md5_and_tls(tmp_path) as host:
        consoles = {"ann": await ann(host), "bob": await ann(host)}
        for who, mark, typed, answer in transactions.exchanges(conversation):
            assert await consoles[who].ask(typed) == ({">": "ok", "!": "error"}[mark], answer)


async def test_tls_alone_is_no_proof_of_who_somebody_is(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", DEMANDING, tcp=True, peer="192.0.2.7") as host:
        shows = ClientTlsTerms(certificate=str(HERE / CLIENT), key=str(HERE / CLIENT_KEY))
        console = await connect(host, shows)
        assert isinstance(await console.greet(), Farewell)


async def test_a_unix_socket_speaks_no_tls(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", TLS) as host:
        assert await host.ask("pid") == ("ok", "4711\n")


async def test_a_client_without_the_certificate_that_is_demanded_hears_nothing(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", DEMANDING, tcp=True) as host:
        with pytest.raises((trio.BrokenResourceError, RemoteProtocolError)):  # TLS 1.3: after the handshake
            await (await connect(host)).greet()
        shows = ClientTlsTerms(certificate=str(HERE / CLIENT), key=str(HERE / CLIENT_KEY))
        assert await (await connect(host, shows)).ask("pid") == ("ok", "4711\n")
        assert host.connections[0].why == "fault"


@pytest.mark.parametrize("octets", [b'{"frame":"hello","protocol":1}\n', b"GET / HTTP/1.1\r\n\r\n", b""])
async def test_who_speaks_no_tls_hears_nothing_in_clear(octets: bytes, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", TLS, tcp=True) as host:
        console = await host.connect()
        await console.socket.send(octets)
        console.socket.shutdown(trio.socket.SHUT_WR)
        heard = b"".join([part async for part in trio.SocketStream(console.socket)])
        assert b"frame" not in heard
        await host.ended.wait()
        assert not host.faults


async def test_a_certificate_that_cannot_be_read_lets_nobody_in_and_is_said(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", f'TLS_Certificate = "{tmp_path}/none"', tcp=True) as host:
        console = await host.connect()
        assert await console.socket.recv(1) == b""
        (said,) = [record.text for record in host.records if isinstance(record, Panic)]
        assert said.startswith(f"TLS at {host.endpoint}: {tmp_path}/none: ")


async def test_a_handshake_has_its_time(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05  # sockets are real: give octets time to arrive
    async with console_host(tmp_path / "control", TLS, tcp=True) as host:
        console, began = await host.connect(), trio.current_time()
        assert await console.socket.recv(1) == b""
        assert trio.current_time() - began == pytest.approx(HANDSHAKE_SECONDS, abs=1)


async def test_a_drain_ends_a_handshake_and_a_session(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", TLS, tcp=True) as host:
        silent, console = await host.connect(), await connect(host)
        await console.ask("pid")
        await trio.testing.wait_all_tasks_blocked(0.05)
        host.drain()
        assert await console.next() == Farewell("the node shuts down")
        assert await silent.socket.recv(1) == b""


async def test_ec_console_believes_a_server_with_a_good_certificate_alone(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text(f"ann:{CANARY}\n")
    options = f'{TLS} AuthLoginParameters = [ uri = "file://{tmp_path}/passwords" ]'
    async with console_host(tmp_path / "control", options, tcp=True) as host:
        port = host.endpoint.rpartition(":")[2]
        trust = ("--tls-ca", str(HERE / AUTHORITY))
        for name in ("localhost", "127.0.0.1"):
            ran = await ec_console(*trust, f"tls://ann@{name}:{port}", "pid", environment=KNOWN)
            assert ran == Ran(0, "4711\n", "")
        ran = await ec_console(f"tls://ann@localhost:{port}", "shutdown", environment=KNOWN)
        assert (ran.status, ran.out) == (1, "")
        assert "certificate verify failed" in ran.err.lower()
        ran = await ec_console(*trust, f"tls://ann@127.0.0.2:{port}", "shutdown", environment=KNOWN)
        assert ran.status == 1
        assert "shutdown" not in repr(host.records)
        assert not host.administration.shutting_down
