"""The real machine's TLS contexts over real sockets, as delivery uses them."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import cast

import pytest
import trio

from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_tls import HandshakeFault, OsTls, peer_chain
from momentum_trio.machine.tls_wire import TlsWire
from momentum_trio.net.tls_terms import TlsTerms
from sim.certificates import AUTHORITY, CLIENT, CLIENT_KEY, HERE, SERVER, SERVER_KEY

SERVES = TlsTerms(str(HERE / SERVER), str(HERE / SERVER_KEY), str(HERE / AUTHORITY), verify="require")
MUCH = 300 * 1024
SHOWS = ClientTlsTerms(certificate=str(HERE / CLIENT), key=str(HERE / CLIENT_KEY))
TRUSTS = replace(SHOWS, verify=True, authorities=str(HERE / AUTHORITY))


async def shaken(terms: ClientTlsTerms) -> HandshakeFault | list[bytes]:
    """The certificates shown to a client of *terms*, or why there are none."""
    tls = OsTls()
    server, client = await tls.server_context(SERVES), await tls.client_context(terms)

    async def serve(stream: trio.SocketStream) -> None:
        try:
            await trio.SSLStream(stream, server, server_side=True).do_handshake()
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        plain = await trio.open_tcp_stream("127.0.0.1", listeners[0].socket.getsockname()[1])
        try:
            stream = trio.SSLStream(plain, client, server_hostname="mx.example.com", https_compatible=True)
            await stream.do_handshake()
            return list(peer_chain(stream._ssl_object))
        except trio.BrokenResourceError as broken:
            return HandshakeFault.of(cast("OSError", broken.__cause__))
        finally:
            await trio.aclose_forcefully(plain)
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("terms", [SHOWS, TRUSTS, replace(TRUSTS, protocols="+TLSv1.2")])
async def test_the_certificates_shown_are_the_servers(terms: ClientTlsTerms) -> None:
    shown = await shaken(terms)
    # OpenSSL sends the issuer along, since the server trusts it as an issuer of clients
    assert shown == [ssl.PEM_cert_to_DER_cert((HERE / name).read_text()) for name in (SERVER, AUTHORITY)]


async def test_what_is_not_trusted_is_told_apart() -> None:
    system = await shaken(replace(TRUSTS, authorities=""))
    assert isinstance(system, HandshakeFault)
    assert system.untrusted
    other = await shaken(replace(SHOWS, ciphers="ECDHE-ECDSA-AES128-SHA256", protocols="+TLSv1.2"))
    assert isinstance(other, HandshakeFault)
    assert not other.untrusted
    assert other.text


async def test_files_that_do_not_serve_are_an_os_error() -> None:
    for terms in (ClientTlsTerms(certificate="/missing"), ClientTlsTerms(verify=True, authorities="/missing")):
        with pytest.raises(OSError, match="No such file"):
            await OsTls().client_context(terms)


class Grudging:
    """A wire that takes little at once, and lets others come in between."""

    def __init__(self, below: trio.socket.SocketType) -> None:
        self._below = below

    async def send(self, octets: bytes | memoryview, /) -> int:
        await trio.lowlevel.checkpoint()
        return await self._below.send(octets[:1009])

    async def recv(self, octets_max: int, /) -> bytes:
        return await self._below.recv(octets_max)

    async def recv_into(self, buffer: memoryview, /) -> int:
        return await self._below.recv_into(buffer)


async def test_one_task_may_send_while_another_receives() -> None:
    """The server's session tickets wait for the first that it sends or receives: both tasks want to send them here."""
    tls = OsTls()
    ours, theirs = trio.socket.socketpair()
    contexts = await tls.server_context(SERVES), await tls.client_context(SHOWS)
    server = TlsWire(Grudging(ours), contexts[0], server_side=True)
    client = TlsWire(Grudging(theirs), contexts[1], server_name="mx.example.com")
    sent = {wire: bytes(range(256)) * (MUCH // 256) for wire in (server, client)}
    heard = {server: bytearray(), client: bytearray()}

    async def say(wire: TlsWire) -> None:
        rest = memoryview(sent[wire])
        while rest:
            rest = rest[await wire.send(rest) :]

    async def hear(wire: TlsWire) -> None:
        while len(heard[wire]) < MUCH:
            octets = await wire.recv(1000)
            assert octets
            heard[wire] += octets

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.shake)
        nursery.start_soon(client.shake)
    async with trio.open_nursery() as nursery:
        for wire in (server, client):
            nursery.start_soon(say, wire)
            nursery.start_soon(hear, wire)
    assert bytes(heard[server]) == sent[client]
    assert bytes(heard[client]) == sent[server]
    ours.close()
    theirs.close()
