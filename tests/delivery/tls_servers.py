"""Servers for the stories of TLS: one that shakes hands at once, and one that serves a policy by https."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import trio

from momentum_trio.machine import Machine
from momentum_trio.net.tls_terms import TlsTerms
from sim.certificates import AUTHORITY, FOLDER, HERE, SERVER, SERVER_KEY, install
from sim.host import Host
from sim.tls import TRUSTED

CHAIN = f"{FOLDER}/chain.pem"
TERMS = TlsTerms(f"{FOLDER}/{SERVER}", f"{FOLDER}/{SERVER_KEY}")


def equip(host: Host) -> None:
    """Give *host* the test certificates, and let its system trust their authority."""
    install(host.store)
    authority = (HERE / AUTHORITY).read_bytes()
    host.store.put(TRUSTED, authority, 0o644)
    host.store.put(CHAIN, (HERE / SERVER).read_bytes() + authority, 0o644)


async def shake_hands(
    machine: Machine,
    terms: TlsTerms | None,
    port: int,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """TLS with whoever connects, then an echo. terms: None: say nothing at all."""
    assert machine.tls is not None
    context = None if terms is None else await machine.tls.server_context(terms)
    async with trio.open_nursery() as nursery:
        listening = trio.socket.socket()
        with listening:
            await listening.bind(("0.0.0.0", port))
            listening.listen()
            task_status.started()
            while True:
                socket, _ = await listening.accept()
                if context is None:
                    nursery.start_soon(_stay, socket)
                else:
                    stream = trio.SSLStream(trio.SocketStream(socket), context, server_side=True, https_compatible=True)
                    nursery.start_soon(_echo, stream)


async def _stay(socket: trio.socket.SocketType) -> None:
    with socket:
        await trio.sleep_forever()


async def _echo(stream: trio.SSLStream[trio.SocketStream]) -> None:
    with suppress(trio.BrokenResourceError):
        while octets := await stream.receive_some():
            await stream.send_all(octets)
    await trio.aclose_forcefully(stream)


class PolicyServer:
    """Answers each request with *response*, octet for octet. asked: the heads of the requests."""

    def __init__(self, response: bytes, terms: TlsTerms = TERMS) -> None:
        self.response, self._terms = response, terms
        self.asked: list[bytes] = []

    async def serve(self, machine: Machine, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        assert machine.tls is not None
        context = await machine.tls.server_context(self._terms)
        listening = trio.socket.socket()
        with listening:
            await listening.bind(("0.0.0.0", 443))
            listening.listen()
            task_status.started()
            while True:
                socket, _ = await listening.accept()
                stream = trio.SSLStream(trio.SocketStream(socket), context, server_side=True, https_compatible=True)
                with suppress(trio.BrokenResourceError):
                    self.asked.append(bytes(await stream.receive_some()))
                    await stream.send_all(self.response)
                await trio.aclose_forcefully(stream)


def http(body: bytes, *, status: str = "200 OK", headers: Sequence[bytes] = (b"Content-Type: text/plain",)) -> bytes:
    """A response."""
    head = [f"HTTP/1.1 {status}".encode(), b"Content-Length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(head) + body
