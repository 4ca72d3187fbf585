"""Random stories: three hosts that talk over TCP, TLS, UDP, Unix sockets and DNS, spawn, write to disk, and every verb.

What happens is drawn from the seed, by no stream of the world's. In the end all is healed, and who asks is answered.
``python tests/sim/random_world.py FIRST AFTER`` prints the digest of each seed's trace.
"""

from __future__ import annotations

import random
import socket
import ssl
import sys
import zlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import dns.asyncresolver
import dns.exception
import trio
import trio.testing

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ProcessLink
from momentum_trio.machine.disk import Append, Close, Datasync, File, ListDirectory, Open, Rename, Sync, SyncDirectory
from momentum_trio.net.tls_terms import TlsTerms
from sim import Host, Never, World
from sim.certificates import AUTHORITY, FOLDER, HERE, SERVER, SERVER_KEY, install
from sim.disk import Operation
from sim.host import current_life
from sim.life import Life

T = TypeVar("T")

PLAIN, TLS, TALK, SHARED = 25, 443, 9, 26  # ports: an echo, the same under TLS, over UDP, of a child's
UNIX = "/run/echo"
CERTIFICATE = TlsTerms(f"{FOLDER}/{SERVER}", f"{FOLDER}/{SERVER_KEY}")
ZONE = "$ORIGIN example.\n$TTL 60\n@ SOA ns admin 1 60 60 60 60\n@ NS ns\nns A 10.0.0.2\n" + "".join(
    f"{name} A 10.0.0.{number}\n" for number, name in enumerate("abc", 1)
)
STEPS, ASKERS = 40, 4
LINGER_SECONDS, LINGER_SHARE = 40.0, 0.15  # some connections stay, idle
PATIENCE_SECONDS, ANSWERED_SECONDS = 4.0, 900.0
TROUBLE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, dns.exception.DNSException)
FLOATING = "10.0.0.100"


# -- programs


async def serve(machine: Machine, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Everything a host here serves; it ends with SIGTERM, and begins again what the disk or the descriptors denied."""
    assert machine.tls is not None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_until_told, machine, nursery)
        context = await _again(partial(machine.tls.server_context, CERTIFICATE))
        book = Book(machine)
        wrap = partial(trio.SSLStream, ssl_context=context, server_side=True)
        for port, secure in ((PLAIN, None), (TLS, wrap)):
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                bound = await _again(partial(_listening, family, (address, port)))
                nursery.start_soon(_accept, nursery, bound, book, secure)
        nursery.start_soon(_accept, nursery, await _again(partial(_on_unix, machine)), book, None)
        nursery.start_soon(_datagrams, await _again(_talking))
        nursery.start_soon(_with_child, machine)
        task_status.started()


async def _until_told(machine: Machine, nursery: trio.Nursery) -> None:
    async with machine.process.signals("SIGTERM") as signals:
        async for _ in signals:
            nursery.cancel_scope.cancel()


async def _again(make: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await make()
        except OSError:
            await trio.sleep(0.25)


async def _listening(family: int, address: object) -> trio.socket.SocketType:
    bound = trio.socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if family != socket.AF_UNIX:
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
        await bound.bind(address)
        bound.listen(3)
    except BaseException:
        bound.close()
        raise
    return bound


async def _on_unix(machine: Machine) -> trio.socket.SocketType:
    name = f"{UNIX}.{machine.process.pid}"
    bound = await _listening(socket.AF_UNIX, name)
    await _again(partial(machine.disk.perform, [Rename(name, UNIX)]))
    return bound


async def _talking() -> trio.socket.SocketType:
    bound = trio.socket.socket(type=socket.SOCK_DGRAM)
    try:
        await bound.bind(("0.0.0.0", TALK))
    except BaseException:
        bound.close()
        raise
    return bound


async def _accept(
    nursery: trio.Nursery,
    listening: trio.socket.SocketType,
    book: Book | None,
    secure: Callable[[trio.abc.Stream], trio.abc.Stream] | None,
) -> None:
    with listening:
        while True:
            try:
                connection, _ = await listening.accept()
            except OSError:
                await trio.sleep(0.5)
                continue
            stream: trio.abc.Stream = trio.SocketStream(connection)
            nursery.start_soon(_echo, stream if secure is None else secure(stream), book)


async def _echo(stream: trio.abc.Stream, book: Book | None) -> None:
    """Back what comes; some of it is written down first."""
    try:
        async with stream:
            with trio.move_on_after(60):
                while octets := await stream.receive_some(3000):
                    if book is not None:
                        await book.write(bytes(octets[:100]))
                    await stream.send_all(octets)
    except TROUBLE:
        pass


async def _datagrams(bound: trio.socket.SocketType) -> None:
    with bound:
        while True:
            try:
                octets, peer = await bound.recvfrom(2000)
                await bound.sendto(octets, peer)
            except OSError:
                await trio.sleep(0.01)


async def _with_child(machine: Machine) -> None:
    """A port whose connections another process serves, which is started again when it dies."""
    assert machine.spawn is not None
    while True:
        try:
            listening = await _listening(socket.AF_INET, ("0.0.0.0", SHARED))
            try:
                child = await machine.spawn("echo", [listening])
                if machine.entropy.fraction() < 0.5:
                    listening.close()
                await child.wait()
            finally:
                listening.close()
        except TROUBLE:
            pass
        await trio.sleep(0.2)


async def child(machine: Machine, link: ProcessLink) -> None:
    try:
        _, (listening,) = await link.receive()
    except (OSError, trio.EndOfChannel):
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_accept, nursery, listening, None, None)
        try:
            await link.receive()
        except trio.EndOfChannel:
            nursery.cancel_scope.cancel()


class Book:
    """A file that is appended to, synced and renamed now and then."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lock = trio.Lock()

    async def write(self, octets: bytes) -> None:
        """Or not, when the disk does not want to."""
        disk, entropy, file = self._machine.disk, self._machine.entropy, File("/var/book")
        async with self._lock:
            try:
                await disk.perform([Open(file, writable=True, create=0o600), Append(file, [octets])])
                if entropy.fraction() < 0.3:
                    await disk.perform([Sync(file) if entropy.fraction() < 0.5 else Datasync(file)])
                if entropy.fraction() < 0.1:
                    await disk.perform([Rename("/var/book", f"/var/old{int(entropy.fraction() * 5)}")])
                    await disk.perform([SyncDirectory("/var"), ListDirectory("/var")])
            except OSError as error:
                current_life().host.trace("book", error=error.errno)
            finally:
                with trio.CancelScope(shield=True):
                    await disk.perform([Close(file)])


async def ask(machine: Machine, kind: str, target: str) -> int:
    """One conversation; a number made of what came back. Raises what TROUBLE says."""
    octets = machine.entropy.octets(1 + int(machine.entropy.fraction() * 20_000))
    idle = LINGER_SECONDS * machine.entropy.fraction() if machine.entropy.fraction() < LINGER_SHARE else 0.0
    with trio.fail_after(PATIENCE_SECONDS + idle):
        match kind:
            case "dns":
                made = dns.asyncresolver.Resolver(configure=False)
                made.nameservers, made.timeout, made.lifetime = ["10.0.0.2"], 1.0, 3.0
                found = await made.resolve(f"{target}.example", "A")
                return zlib.crc32(found[0].to_text().encode())
            case "udp":
                with trio.socket.socket(type=socket.SOCK_DGRAM) as talk:
                    await talk.connect((target, TALK))
                    await talk.send(octets[:1000])
                    return zlib.crc32(await talk.recv(2000))
            case "unix":
                return await _converse(await trio.open_unix_socket(UNIX), octets, idle)
            case "tls":
                plain = await trio.open_tcp_stream(target, TLS)
                context = ssl.create_default_context(cafile=str(HERE / AUTHORITY))
                return await _converse(trio.SSLStream(plain, context, server_hostname="mx.example.com"), octets, idle)
        return await _converse(await trio.open_tcp_stream(target, SHARED if kind == "child" else PLAIN), octets, idle)


async def _converse(stream: trio.abc.Stream, octets: bytes, idle_seconds: float) -> int:
    async with stream:
        await _there_and_back(stream, octets)
        if idle_seconds:
            await trio.sleep(idle_seconds)
            await _there_and_back(stream, octets[:10])
    return zlib.crc32(octets)


async def _there_and_back(stream: trio.abc.Stream, octets: bytes) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, octets)
        back = b""
        while len(back) < len(octets):
            part = await stream.receive_some(5000)
            if not part:
                raise trio.BrokenResourceError
            back += part
    assert back == octets


KINDS = ("tcp", "tls", "udp", "unix", "dns", "child")


# -- the story


class Story:
    """One world and what befalls it."""

    def __init__(self, seed: int) -> None:
        self.draws = random.Random(f"story/{seed}")
        self.world = World(seed, short=self.draws.choice((0.0, 0.2)), keep_trace=False)
        self.hosts = [self.world.host(name, f"10.0.0.{n}", f"fd00::{n}") for n, name in enumerate("abc", 1)]
        self.answered = 0
        for host in self.hosts:
            install(host.store)
            host.roles = {"echo": child}
            self.world.names.add(f"{host.name}.example", host.addresses)

    def run(self) -> World:
        """From the first boot to the last answer."""
        self.world.run(self._drive)
        return self.world

    async def _drive(self) -> None:
        await self.world.nameserver(self.hosts[1], ZONE)
        for host in self.hosts:
            await host.start(serve)
        async with trio.open_nursery() as nursery:
            for number in range(ASKERS):
                nursery.start_soon(self._keep_asking, random.Random(self.draws.random()), number)
            for _ in range(STEPS):
                await trio.sleep(self.draws.expovariate(1.0))
                await self.draws.choice(VERBS)(self)
            nursery.cancel_scope.cancel()
        await self._heal()
        for kind in KINDS:
            for host in self.hosts:
                await self._must_answer(host, kind)

    async def _keep_asking(self, draws: random.Random, number: int) -> None:
        while True:
            asking, target, kind = draws.choice(self.hosts), draws.choice("abc"), draws.choice(KINDS)
            if asking.powered:
                await self._ask(asking, kind, target, number)
            await trio.sleep(draws.uniform(0, 0.5))

    async def _ask(self, asking: Host, kind: str, target: str, number: int) -> bool:
        said: object
        try:
            said = await asking.call(ask, kind, target)
            self.answered += 1
        except* TROUBLE as group:
            said = None
            errors = sorted(type(error).__name__ for error in _leaves(group))
            self.world.kernel.trace("failed", asking.name, what=kind, target=target, errors=",".join(errors))
        except* Exception as group:  # killed, or a mistake of this file
            said = None
            if not all("was killed" in str(error) for error in _leaves(group)):
                raise
        self.world.kernel.trace("told", asking.name, number=number, what=kind, target=target, said=said)
        return said is not None

    async def _must_answer(self, host: Host, kind: str) -> None:
        until = trio.current_time() + ANSWERED_SECONDS
        while not await self._ask(host, kind, "b" if kind == "dns" else host.name, 99):
            if trio.current_time() > until:
                raise Never(f"{kind} of {host.name} does not answer although all is healed")
            await trio.sleep(5)

    async def _heal(self) -> None:
        self.world.heal_all()
        for path in self.world.network.paths():
            path.loss_share = path.duplicate_share = path.reorder_seconds = path.octets_per_second = 0.0
            path.latency_seconds = min(path.latency_seconds, 0.01)
        for host in self.hosts:
            host.heal()
            for life in host.lives:
                life.descriptors_max = 1000
            for ip in list(host.addresses):
                if str(ip) == FLOATING:
                    host.remove_address(FLOATING)
        await trio.sleep(1)  # whoever was told to end while he could not, ends
        for host in self.hosts:
            with trio.fail_after(ANSWERED_SECONDS):
                await host.reboot()

    # -- verbs

    def _host(self) -> Host:
        return self.draws.choice(self.hosts)

    def _two(self) -> list[Host]:
        return self.draws.sample(self.hosts, 2)

    def _life(self) -> Life | None:
        lives = self._host().lives
        return self.draws.choice(lives) if lives else None

    async def _one_life(self) -> None:
        if (life := self._life()) is not None:
            act = self.draws.choice((life.kill, life.pause, life.resume, partial(life.signal, self._signal())))
            act()

    def _signal(self) -> str:
        return self.draws.choice(("SIGTERM", "SIGHUP", "SIGSTOP", "SIGCONT", "SIGUSR1"))

    async def _descriptors(self) -> None:
        if (life := self._life()) is not None:
            life.descriptors_max = self.draws.choice((6, 12, 20, 1000))

    async def _ends(self) -> None:
        host = self._host()
        self.draws.choice((host.kill, host.power_loss, host.power_loss))()

    async def _boots(self) -> None:
        host = self._host()
        with trio.move_on_after(20):  # it may be frozen, or its disk be full
            await host.reboot()

    async def _halts(self) -> None:
        host = self._host()
        slow = partial(host.slow_cpu, self.draws.choice((0.0, 0.01, 0.2)))
        self.draws.choice((host.freeze, host.freeze, host.thaw, slow, host.let_run))()

    async def _clocks(self) -> None:
        host = self._host()
        if self.draws.random() < 0.5:
            host.step_clock(self.draws.uniform(-100, 100))
        else:
            host.drift(self.draws.choice((0.5, 1.0, 2.0)))

    async def _paths(self) -> None:
        one, other = self._two()
        world, one_way = self.world, self.draws.random() < 0.5
        verb = self.draws.choice((world.partition, world.hold, world.heal, world.heal))
        verb(
            one,
            [host for host in self.hosts if host is not one] if self.draws.random() < 0.3 else other,
            one_way=one_way,
        )
        if self.draws.random() < 0.2:
            world.reset(one, other)

    async def _link(self) -> None:
        path = self.draws.choice(self.world.link(*self._two()))
        path.latency_seconds = self.draws.choice((0.0001, 0.02, 0.5))
        path.jitter_seconds = self.draws.choice((0.0, 0.01, 0.3))
        path.octets_per_second = self.draws.choice((0, 20_000, 1_000_000))
        path.loss_share, path.duplicate_share = self.draws.uniform(0, 0.3), self.draws.uniform(0, 0.3)
        path.reorder_seconds = self.draws.choice((0.0, 0.1))

    async def _disk(self) -> None:
        store, draws = self._host().store, self.draws
        match draws.randrange(8):
            case 0:
                store.fail(draws.choice(list(Operation)), draws.choice(("/", "/var", "/run")), share=draws.random())
            case 1:
                store.fail(Operation.SYNC, drop_dirty=True, times=3)
            case 2:
                store.fill(draws.randrange(2000))
            case 3:
                store.remount_read_only()
            case 4:
                store.slow(draws.choice((1.0, 20.0)), draws.choice((0.0, 0.3)))
            case 5:
                store.cut_after = draws.randrange(40)
            case 6:
                for path in store.files("/var"):
                    store.rot(path)
            case _:
                store.heal()

    async def _address(self) -> None:
        host = self._host()
        if FLOATING in map(str, host.addresses):
            host.remove_address(FLOATING)
        else:
            host.take_address(FLOATING)

    async def _idle(self) -> None:
        await trio.testing.wait_all_tasks_blocked()


VERBS: Sequence[Callable[[Story], Awaitable[None]]] = (
    Story._one_life,
    Story._one_life,
    Story._descriptors,
    Story._ends,
    Story._boots,
    Story._boots,
    Story._halts,
    Story._halts,
    Story._clocks,
    Story._paths,
    Story._paths,
    Story._link,
    Story._disk,
    Story._disk,
    Story._address,
    Story._idle,
)


def _leaves(group: BaseExceptionGroup[Exception]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def tell(seed: int) -> str:
    """The story of *seed*: a line with its digest."""
    story = Story(seed)
    world = story.run()
    return (
        f"{seed} {world.digest()} {world.kernel.line_count} lines, {story.answered} answers, {world.kernel.now:.6f} s"
    )


if __name__ == "__main__":
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        print(tell(seed), flush=True)
