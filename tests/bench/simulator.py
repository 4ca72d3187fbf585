"""``make bench-sim``: how fast the simulated world is, beside real loopback and by its number of hosts.

CPU seconds of this process throughout: the machine may be busy with other things. Three measurements:
request/response of 100 octets over trio's own SocketStream, simulated and over real loopback, alternating in one run;
meshes in which every host asks every other each second and is answered; and whole nodes that take mail from each other
into their Maildirs. Figures of one run of it are in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time as cpu_seconds  # taken before a guard replaces it

import trio

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "node")]

from simulated_host import CONFIG_PATH, read_reply, send_all, write_file  # noqa: E402

from momentum_trio.machine import Machine  # noqa: E402
from momentum_trio.node.node import run_node  # noqa: E402
from sim import World  # noqa: E402
from sim.host import Host  # noqa: E402

QUESTION = b"q" * 100
PORT = 7000
HOSTS = (3, 10, 50)
CONFIG = """
Hostname = "{name}.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "{name}.example" )
Domain "{name}.example" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
ESMTP_Listener {{ Listen ":25" {{}} }}
"""


# -- request and response


async def echo(stream: trio.SocketStream) -> None:
    async with stream:
        async for octets in stream:
            await stream.send_all(octets)


async def ask(address: str, port: int, times: int) -> None:
    async with await trio.open_tcp_stream(address, port) as stream:
        for _ in range(times):
            await stream.send_all(QUESTION)
            got = 0
            while got < len(QUESTION):
                got += len(await stream.receive_some(65536))


async def ask_all(address: str, port: int, clients: int, times: int) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(ask, address, port, times)


async def real(clients: int, times: int) -> None:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, echo, [listener])
        port = listener.socket.getsockname()[1]
        await ask_all("127.0.0.1", port, clients, times)
        nursery.cancel_scope.cancel()


def simulated(clients: int, times: int) -> None:
    world = World(1, keep_trace=False)
    server, client = world.host("server", "10.0.0.1"), world.host("client", "10.0.0.2")

    async def serve(machine: Machine) -> None:
        await trio.serve_tcp(echo, PORT)

    async def go(machine: Machine) -> None:
        await ask_all("10.0.0.1", PORT, clients, times)

    async def main() -> None:
        await server.boot(serve)
        await trio.sleep(0.1)
        await client.call(go)

    world.run(main)


def cost(function: Callable[[], object]) -> float:
    gc.collect()
    before = cpu_seconds()
    function()
    return cpu_seconds() - before


def request_response(rounds: int) -> None:
    print("request/response of 100 octets: round trips per CPU second, median of", rounds)
    for clients in (1, 3, 10, 50):
        times = 6000 // clients
        here: list[float] = []
        there: list[float] = []
        for _ in range(rounds):
            here.append(clients * times / cost(lambda: simulated(clients, times)))  # noqa: B023 (called at once)
            there.append(clients * times / cost(lambda: trio.run(real, clients, times)))  # noqa: B023
        sim, loopback = statistics.median(here), statistics.median(there)
        print(f"  {clients:3} clients  sim {sim:9,.0f}  loopback {loopback:9,.0f}  x {sim / loopback:.2f}")


# -- meshes


def mesh(count: int, seconds: float) -> World:
    """Every host asks every other each second over a connection that stays."""
    world = World(1, keep_trace=False)
    hosts = [world.host(f"h{number}", f"10.0.{number}.1") for number in range(count)]

    async def keep_asking(target: Host) -> None:
        async with await trio.open_tcp_stream(str(target.addresses[0]), PORT) as stream:
            while True:
                await stream.send_all(QUESTION)
                await stream.receive_some(1000)
                await trio.sleep(1)

    async def live(machine: Machine, me: Host, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_tcp, echo, PORT)
            task_status.started()
            await trio.sleep(1)
            for other in hosts:
                if other is not me:
                    nursery.start_soon(keep_asking, other)

    async def main() -> None:
        for host in hosts:
            await host.start(live, host)
        await trio.sleep(seconds)

    world.run(main)
    return world


def nodes(count: int, seconds: float) -> World:
    """Whole nodes; each host sends the next one a message a second, which ends in a Maildir."""
    world = World(1, keep_trace=False)
    hosts = [world.host(f"n{number}", f"10.0.{number}.1") for number in range(count)]

    async def send(machine: Machine, target: Host) -> None:
        with trio.socket.socket() as socket:
            await socket.connect((str(target.addresses[0]), 25))
            await read_reply(socket)
            await say(socket, "EHLO client.example")
            until = trio.current_time() + seconds
            while trio.current_time() < until:
                for line in ("MAIL FROM:<a@client.example>", f"RCPT TO:<bob@{target.name}.example>", "DATA"):
                    await say(socket, line)
                reply = await say(socket, "Subject: x\r\n\r\n" + "text\r\n" * 100 + ".")
                assert reply.startswith("250"), reply
                await trio.sleep(1)

    async def say(socket: trio.socket.SocketType, line: str) -> str:
        await send_all(socket, line.encode() + b"\r\n")
        reply: str = await read_reply(socket)
        return reply

    async def main() -> None:
        for host in hosts:
            await host.call(write_file, CONFIG_PATH, CONFIG.format(name=host.name).encode())
            await host.start(run_node, CONFIG_PATH)
        async with trio.open_nursery() as nursery:
            for host, following in zip(hosts, hosts[1:] + hosts[:1], strict=True):
                nursery.start_soon(host.call, send, following)

    world.run(main)
    return world


def by_hosts(name: str, build: Callable[[int, float], World], seconds: dict[int, float]) -> None:
    print(f"{name}: simulated seconds and events per CPU second")
    for count in HOSTS:
        gc.collect()
        before = cpu_seconds()
        world = build(count, seconds[count])
        spent = cpu_seconds() - before
        kernel = world.kernel
        rate, events = kernel.now / spent, kernel.events_done / spent
        print(
            f"  {count:3} hosts  {rate:9,.1f} simulated s  {events:9,.0f} events  ({kernel.now:.0f} s in {spent:.1f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    request_response(rounds)
    by_hosts("mesh, a question to every other host each second", mesh, {3: 3000, 10: 200, 50: 6})
    by_hosts("whole nodes, a message each second from each to the next", nodes, {3: 600, 10: 200, 50: 40})


if __name__ == "__main__":
    main()
