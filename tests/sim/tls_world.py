"""TLS between two simulated hosts, run by the determinism test in processes of their own.

``python tests/sim/tls_world.py SEED`` prints the digest of the trace, that of the octets on the wire, and how far
OpenSSL is deterministic here.
"""

from __future__ import annotations

import ctypes
import hashlib
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.os_tls import UNEXPECTED_END
from momentum_trio.net.tls_terms import TlsTerms
from sim import Host, World
from sim.certificates import AUTHORITY, CLIENT, CLIENT_KEY, FOLDER, HERE, SERVER, SERVER_KEY, install
from sim.tls import determinism

MX, PORT = "10.0.0.1", 443
TERMS = TlsTerms(f"{FOLDER}/{SERVER}", f"{FOLDER}/{SERVER_KEY}", f"{FOLDER}/{AUTHORITY}", verify="require")
NAME = "mx.example.com"
OCTETS = bytes(range(250)) * 400  # 100,000


class Wire(trio.abc.HalfCloseableStream):
    """A stream that hears what is sent through it."""

    def __init__(self, inner: trio.SocketStream) -> None:
        self.inner = inner
        self.digest = hashlib.sha256()

    async def send_all(self, data: Any) -> None:
        self.digest.update(data)
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.inner.receive_some(max_bytes)

    async def send_eof(self) -> None:
        await self.inner.send_eof()

    async def aclose(self) -> None:
        await self.inner.aclose()


Tls = trio.SSLStream[Wire]
Talk = Callable[[Tls], Awaitable[object]]


def client_context(protocol: ssl.TLSVersion, *, certificate: bool = True) -> ssl.SSLContext:
    """A client's, that knows the test authority; with its own certificate."""
    context = ssl.create_default_context(cafile=str(HERE / AUTHORITY))
    context.options &= ~UNEXPECTED_END  # as the product's contexts
    context.minimum_version = context.maximum_version = protocol
    if certificate:
        context.load_cert_chain(HERE / CLIENT, HERE / CLIENT_KEY)
    return context


async def exactly(stream: Tls, count: int) -> bytes:
    """*count* octets."""
    octets = b""
    while len(octets) < count:
        received = await stream.receive_some(65_536)
        assert received, "the end came early"
        octets += received
    return octets


async def serve(machine: Machine, terms: TlsTerms, talk: Talk, **started: Any) -> None:
    """Take one connection, and *talk*."""
    assert machine.tls is not None
    context = await machine.tls.server_context(terms)
    listening = trio.socket.socket()
    with listening:
        await listening.bind((MX, PORT))
        listening.listen()
        started["task_status"].started()
        accepted, _ = await listening.accept()
    await talk(trio.SSLStream(Wire(trio.SocketStream(accepted)), context, server_side=True))


async def connect(machine: Machine, context: ssl.SSLContext, talk: Talk) -> object:
    """Connect to the server's host, and *talk*."""
    plain = await trio.open_tcp_stream(MX, PORT)
    assert isinstance(plain, trio.SocketStream)
    return await talk(trio.SSLStream(Wire(plain), context, server_hostname=NAME))


def hosts(world: World) -> tuple[Host, Host]:
    """The server's host, with its certificates, and the client's; made when asked for first."""
    if "mx" in world.hosts:
        return world.host("mx"), world.host("outside")
    mx, outside = world.host("mx", MX), world.host("outside", "10.0.0.2")
    install(mx.store)
    return mx, outside


def meet(world: World, terms: TlsTerms, context: ssl.SSLContext, server: Talk, client: Talk) -> Any:
    """One connection between two hosts of *world*; what *client* returns."""
    mx, outside = hosts(world)

    async def drive() -> object:
        life = await mx.start(serve, terms, server)
        said = await outside.call(connect, context, client)
        await life.wait()
        return said

    return world.run(drive)


async def echo(stream: Tls) -> None:
    """All the octets back, then the client's close_notify answered by ours."""
    await stream.send_all(await exactly(stream, len(OCTETS)))
    assert await stream.receive_some() == b""
    await stream.aclose()


async def ask(stream: Tls) -> tuple[bool, str | None, str]:
    """Whether the octets came back, the protocol spoken, the digest of what was sent here."""
    await stream.do_handshake()
    protocol = stream.version()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, OCTETS)
        back = await exactly(stream, len(OCTETS))
    await stream.aclose()
    return back == OCTETS, protocol, stream.transport_stream.digest.hexdigest()


def run_without_seeding(seed: int, protocol: ssl.TLSVersion) -> tuple[str, object]:
    """The digests of trace and wire where OpenSSL draws as it always does."""
    libcrypto = ctypes.CDLL(getattr(ssl._ssl, "__file__", None))  # type: ignore[attr-defined]
    libcrypto.RAND_OpenSSL.restype = ctypes.c_void_p

    async def ask_unseeded(stream: Tls) -> object:
        libcrypto.RAND_set_rand_method(ctypes.c_void_p(libcrypto.RAND_OpenSSL()))
        return await ask(stream)

    world = World(seed, short=0.2)
    answer = meet(world, TERMS, client_context(protocol), echo, ask_unseeded)
    return world.digest(), answer


if __name__ == "__main__":
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        ran = World(int(sys.argv[1]), short=0.2)
        answer = meet(ran, TERMS, client_context(version), echo, ask)
        print(ran.digest(), answer, determinism().value)
