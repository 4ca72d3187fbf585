"""A host with one HTTP listener on loopback: the real conversation and configuration, no node around them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any, cast

import h11
import msgspec
import trio
from esmtp_host import machine_with, tree_of

from momentum_trio.console.dispatch import Dispatch
from momentum_trio.limits.local import LocalState
from momentum_trio.listener.credentials import Credentials
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.http import converse
from momentum_trio.listener.http_proofs import Proofs
from momentum_trio.listener.kind import Connection, Counters, Generation, Generations, Services
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.lookup import Lookup
from momentum_trio.listener.web.route import MESSAGE, OPEN, USER, Command, Route, Socket
from momentum_trio.listener.web.table import ROUTES
from momentum_trio.listener.web.websocket import WebSocket
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.events import Events
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.machine.os_entropy import OsEntropy
from momentum_trio.machine.os_tls import OsTls, make_client_context
from momentum_trio.machine.os_work import OsWork
from momentum_trio.mail.record import Record, Requested
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.protocol.http.response import JSON, TEXT, Response, of_json, of_text

LISTEN = "127.0.0.1:2081"
PLAIN = 'Hostname = "mx.example"\nHTTP_Listener { %s Listen "127.0.0.1:2081" { } Listen "192.0.2.1:2081" { } }'


async def _echo(exchange: Exchange) -> Response:
    return Response(200, await exchange.body.whole(1000), exchange.request.media_type)


async def _count(exchange: Exchange) -> Response:
    octets = 0
    async for part in exchange.body:
        octets += len(part)
    return of_text(str(octets))


async def _who(exchange: Exchange) -> Response:
    identity = exchange.client.identity
    return of_json([exchange.user, None if identity is None else identity.mechanism])


async def _item(exchange: Exchange) -> Response:
    return of_json(dict(exchange.parameters))


async def _parts(exchange: Exchange) -> Response:
    async def content() -> AsyncGenerator[bytes, None]:
        for part in (b"one ", b"", b"two ", b"three"):
            yield part

    return Response(200, content(), TEXT)


async def _mirror(exchange: Exchange) -> Response:
    async def content() -> AsyncGenerator[bytes, None]:
        async for part in exchange.body:
            yield part

    return Response(200, content(), TEXT)


async def _fault(exchange: Exchange) -> Response:
    raise RuntimeError("broken on demand")


async def _slow(exchange: Exchange) -> Response:
    await trio.sleep(float(exchange.request.queried("seconds")))
    return of_text("slow")


async def _repeat(exchange: Exchange, socket: WebSocket) -> None:
    while (message := await socket.receive()) is not None:
        await socket.send(message)


async def _flood(exchange: Exchange, socket: WebSocket) -> None:
    """Say so much, without waiting for anybody, as is asked for."""
    while (message := await socket.receive()) is not None:
        for _ in range(int(message)):
            socket.offer("x" * 1000)


ROWS: tuple[Route | Socket, ...] = (
    *ROUTES,
    Route("POST", "/echo", _echo, USER, consumes=(JSON, MESSAGE)),
    Route("PUT", "/count", _count, USER),
    Route("PUT", "/mirror", _mirror, USER),
    Route("GET", "/who", _who, USER),
    Route("GET", "/item/{id}", _item, USER),
    Route("GET", "/item/first", _who, USER),
    Route("GET", "/parts", _parts, USER),
    Route("GET", "/fault", _fault, OPEN),
    Route("GET", "/slow", _slow, USER),
    Route("GET", "/reading", _who, Command("listeners")),
    Route("POST", "/acting", _who, Command("config set x {id}")),
    Route("DELETE", "/item/{id}", _item, Command("fail {id}")),
    Socket("/repeat", _repeat, USER),
    Socket("/flood", _flood, USER),
)
"""The routes there are, and some to try them with."""


@dataclass
class HttpHost:
    """A running listener. listen, connected_as: what the next connections are taken for."""

    port: int
    generations: Generations
    services: Services
    listen: str = LISTEN
    connected_as: str = "127.0.0.1"
    draining: trio.Event = field(default_factory=trio.Event)
    connections: list[Connection] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)

    def configure(self, text: str) -> None:
        """A new generation."""
        self.generations.advance(tree_of(text))

    def drain(self) -> None:
        self.draining.set()
        for connection in self.connections:
            if connection.on_drain is not None:
                connection.on_drain()

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """Method, target and status of what the httplog has."""
        return [(r.method, r.target, r.status) for r in self.records if isinstance(r, Requested)]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something *holds* that nobody announces."""
        with trio.fail_after(5):
            while not holds():  # noqa: ASYNC110
                await trio.sleep(0.005)


def http_machine() -> Machine:
    """One that has TLS, a disk, randomness and workers."""
    return replace(machine_with(Events()), disk=OsDisk(), entropy=OsEntropy(), work=OsWork(), tls=OsTls())


@asynccontextmanager
async def http_host(text: str = PLAIN % "", rows: Sequence[Route | Socket] = ROWS) -> AsyncIterator[HttpHost]:
    """A host configured with *text*."""
    machine = http_machine()
    services = Services(
        machine,
        LocalState("here"),
        handshakes=Handshakes(machine),
        proofs=Proofs(machine, Credentials(machine)),
        console=cast("Dispatch", Masking()),
    )
    listening = trio.socket.socket()
    await listening.bind(("127.0.0.1", 0))
    listening.listen(100)
    generations = Generations(Generation(1, tree_of(text)))
    self = HttpHost(listening.getsockname()[1], generations, services)
    machine.events.subscribe(self.records.append)
    lookup = Lookup(rows)

    async def session(socket: trio.socket.SocketType, port: int) -> None:
        connection = Connection(
            socket=socket,
            listen=Endpoint.parse(self.listen),
            listener="http_listener",
            connection_id="1",
            peer_address=ip_address(self.connected_as),
            peer=f"{self.connected_as}:{port}",
            local=self.listen,
            is_unix=False,
            peer_uid=None,
            generations=generations,
            counters=Counters(),
            draining=self.draining,
        )
        self.connections.append(connection)
        with socket:
            try:
                await converse(connection, services, lookup)
            except* Exception as faults:  # noqa: BLE001 (as accept.py does)
                self.faults.append(faults)

    async def accept(nursery: trio.Nursery) -> None:
        while True:
            socket, address = await listening.accept()
            nursery.start_soon(session, socket, address[1])

    with listening:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(services.deadlines.run)
            nursery.start_soon(accept, nursery)
            yield self
            nursery.cancel_scope.cancel()


class Masking:
    """A console that knows what a line looks like without its secrets."""

    def call(self, operator: object, line: str) -> Masking:
        self.masked = line
        return self


@dataclass
class Said:
    """One answer. fields: the last of each name."""

    status: int
    fields: Mapping[str, str]
    all_fields: Sequence[tuple[str, str]]
    content: bytes

    @property
    def code(self) -> str:
        """Of the one error it tells of."""
        (error,) = msgspec.json.decode(self.content)["errors"]
        return str(error["code"])

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.content)


class HttpTalk:
    """A client: sends octets, and has h11 read what comes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.patience_seconds = 5.0
        self._held = b""

    async def say(self, octets: bytes) -> None:
        await self.stream.send_all(octets)

    async def ask(
        self, method: str, target: str, body: bytes | None = None, *, host: str = "127.0.0.1", **fields: str
    ) -> Said:
        """One request, and its answer. fields: with ``_`` for ``-``."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        await self.say("\r\n".join((*lines, "", "")).encode("latin-1") + (body or b""))
        return await self.answer(method)

    async def answer(self, method: str = "GET") -> Said:
        """The next answer, to a request with *method*; of 1xx none but 101."""
        client = h11.Connection(h11.CLIENT)
        might = [("Host", "a"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]
        client.send(h11.Request(method=method, target="/", headers=might))
        client.send(h11.EndOfMessage())
        if self._held:
            client.receive_data(self._held)
        head, content = None, b""
        with trio.fail_after(self.patience_seconds):
            while not isinstance(event := client.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
                if event is h11.NEED_DATA:
                    client.receive_data(bytes(await self.stream.receive_some(65536)))
                elif isinstance(event, h11.Response) or (
                    isinstance(event, h11.InformationalResponse) and event.status_code == 101
                ):
                    head = event
                    if event.status_code == 101:
                        break
                elif isinstance(event, h11.Data):
                    content += event.data
        assert head is not None, "no answer"
        self._held = bytes(client.trailing_data[0])
        fields = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        return Said(head.status_code, dict(fields), fields, content)

    async def is_over(self) -> bool:
        """Whether nothing comes any more."""
        with trio.fail_after(self.patience_seconds):
            try:
                return not self._held and not await self.stream.receive_some(100)
            except trio.BrokenResourceError:
                return True


@asynccontextmanager
async def asking(at: HttpHost) -> AsyncIterator[HttpTalk]:
    """A client connected to *at*."""
    stream = await trio.open_tcp_stream("127.0.0.1", at.port)
    async with stream:
        yield HttpTalk(stream)


@asynccontextmanager
async def http_conversation(options: str = "") -> AsyncIterator[tuple[HttpHost, HttpTalk]]:
    """A host with *options* in its listener, and one client of its."""
    async with http_host(PLAIN % options) as at, asking(at) as talk:
        yield at, talk


@asynccontextmanager
async def within_tls(at: HttpHost, terms: ClientTlsTerms | None = None) -> AsyncIterator[HttpTalk]:
    """A client connected to *at* that speaks TLS."""
    tcp = await trio.open_tcp_stream("127.0.0.1", at.port)
    stream = trio.SSLStream(tcp, make_client_context(terms or ClientTlsTerms()), https_compatible=True)
    try:
        await stream.do_handshake()
        yield HttpTalk(stream)
    finally:
        await trio.aclose_forcefully(stream)
