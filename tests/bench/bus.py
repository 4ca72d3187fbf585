"""The message bus on loopback, a process for each server with a member on it, as nodes have them: messages a second
with all publishing at once, latency at a light load, and how long it takes the others to go on without one killed.

Each round: N processes, three seconds of light load (20 messages a second of each member), three of flood (each keeps
64 of its own on their way), then -9 to the server that orders the messages. Messages have 200 octets. MACs are on
unless ``--plain``. With ``--simulated`` the same in the simulated world, as its links are unless somebody breaks them:
seconds are virtual, a link takes a millisecond, nothing else takes time, and the flood is short.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket as plain
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any
from zlib import crc32

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from momentum_trio.config.load import load_text
from momentum_trio.machine import Machine
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.msgc.line import Uncounted
from momentum_trio.msgc.member import Member
from momentum_trio.msgc.msgc_options import MsgcClientOptions, MsgcServerOptions
from momentum_trio.msgc.server import BusServer
from momentum_trio.net.group import Apart, GroupView, Told
from momentum_trio.net.netblock import parse_address
from sim import World

SECONDS = 3.0
SIMULATED_FLOOD_SECONDS = 0.05  # nothing but links takes time there
PER_SECOND = 20
ON_THEIR_WAY = 64
OCTETS = 200
SECRET = 'Cluster_Secret = "a secret for measurements"'

Places = dict[str, tuple[str, int]]


class Worker:
    """One node: a server of the bus, and a member on it.

    report: is told the latencies in seconds, and how many messages of the flood it was told. view: is told of each view
    after the first of all, how many are in it and when.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        places: Places,
        more: str,
        report: Callable[[list[float], int], object],
        view: Callable[[int, float], object],
        flood_seconds: float = SECONDS,
    ) -> None:
        peers = " ".join(f'{each} = "{address}:{port}"' for each, (address, port) in places.items())
        self.place = address, port = places[name]
        server = f"msgc_server {{ Reconnect_Interval = 1 Peers = [ {peers} ] }}"
        client = f'msgc_client {{ Reconnect_Interval = 1 Server = ( "{address}:{port}" ) }}'
        tree = load_text(f"{more}\n{server}\n{client}\n")
        servers = MsgcServerOptions.resolve(tree.chain_scope("msgc_server"))
        clients = MsgcClientOptions.resolve(tree.chain_scope("msgc_client"))
        self.bus = BusServer(machine, name, lambda: servers)
        self.member = Member(machine, "bench", lambda: clients)
        self.name, self.count = name, len(places)
        self.is_first = name == min(places)
        self.now = machine.clock.now
        self.report, self.view, self.flood_seconds = report, view, flood_seconds
        self.latencies: list[float] = []
        self.told = 0
        self.own = 0  # on their way
        self.back = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.bus.run)
            nursery.start_soon(self.accept, nursery)
            nursery.start_soon(self.member.run)
            self.member.join("bench")
            await self.listen(nursery)

    async def accept(self, nursery: trio.Nursery) -> None:
        listening = trio.socket.socket()
        listening.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        await listening.bind(self.place)
        listening.listen(64)
        while True:
            nursery.start_soon(self.converse, *await listening.accept())

    async def converse(self, socket: trio.socket.SocketType, address: tuple[str, int]) -> None:
        with socket:
            await self.bus.converse(socket, parse_address(address[0]), Uncounted(), lambda line: None)

    async def listen(self, nursery: trio.Nursery) -> None:
        is_begun = False
        while True:
            event = await self.member.next_event()
            match event:
                case Told():
                    self.take(event, nursery)
                case GroupView(transitional=False) if len(event.members) == self.count and not is_begun:
                    is_begun = True
                    if self.is_first:
                        nursery.start_soon(self.conduct)
                case GroupView(transitional=False) if is_begun:
                    self.view(len(event.members), self.now())
                case Apart() | GroupView():
                    pass

    def take(self, told: Told, nursery: trio.Nursery) -> None:
        if told.octets.startswith(b"light"):
            nursery.start_soon(self.light)
        elif told.octets.startswith(b"flood"):
            nursery.start_soon(self.flood)
        elif told.octets.startswith(b"report"):
            self.report(self.latencies, self.told)
        elif told.octets.startswith(b"t"):
            if told.sender == self.member.name:
                self.latencies.append(self.now() - float(told.octets[1:24]))
        else:
            self.told += 1
            if told.sender == self.member.name:
                self.own -= 1
                self.back.set()

    async def conduct(self) -> None:
        """Of the first: when all begin what."""
        await trio.sleep(1)
        for word in (b"light", b"flood", b"report"):
            self.member.publish("bench", word)
            await trio.sleep(SECONDS + 1)

    async def light(self) -> None:
        await trio.sleep(crc32(self.name.encode()) % 50 / 1000)
        for _ in range(int(SECONDS * PER_SECOND)):
            self.member.publish("bench", b"t%023.9f" % self.now() + bytes(OCTETS - 24))
            await trio.sleep(1 / PER_SECOND)

    async def flood(self) -> None:
        until = trio.current_time() + self.flood_seconds
        while trio.current_time() < until:
            while self.own < ON_THEIR_WAY and self.member.publish("bench", b"f" + bytes(OCTETS - 1)):
                self.own += 1
            self.back = trio.Event()
            await self.back.wait()


async def work(name: str, places: Places, more: str) -> None:
    """A worker in this process, which prints what it is asked for."""

    def say(**found: object) -> None:
        print(json.dumps(found), flush=True)

    await Worker(
        os_machine(),
        name,
        places,
        more,
        lambda latencies, told: say(latencies=latencies, told=told),
        lambda members, at: say(view=members, at=at),
    ).run()


def lines(process: subprocess.Popen[str], key: str) -> Iterator[dict[str, Any]]:
    """What a worker says that has *key*."""
    assert process.stdout is not None
    for line in process.stdout:
        if key in (found := json.loads(line)):
            yield found


def measured(count: int, more: str) -> str:
    """One round of *count* processes: a row of the table."""
    sockets = [plain.create_server(("127.0.0.1", 0)) for _ in range(count)]
    places = {f"n{number:02}": socket.getsockname() for number, socket in enumerate(sockets)}
    for socket in sockets:
        socket.close()
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, "--worker", name, "--places", json.dumps(places), "--more", more],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in places
    ]
    try:
        reports = [next(lines(worker, "latencies")) for worker in workers]
        began = time.time()
        workers[0].send_signal(signal.SIGKILL)
        seen = [next(each for each in lines(worker, "view") if each["view"] == count - 1) for worker in workers[1:]]
        change = max(each["at"] for each in seen) - began
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return row(
        count, reports[0]["told"] / SECONDS, [each for report in reports for each in report["latencies"]], change
    )


def simulated(count: int, more: str) -> str:
    """The same in a simulated world."""
    world = World(1, keep_trace=False)
    places = {f"n{number:02}": (f"10.0.0.{number + 1}", 4809) for number in range(count)}
    hosts = [world.host(name, address) for name, (address, _) in places.items()]
    latencies: list[float] = []
    told: list[int] = []
    views: list[tuple[int, float]] = []
    change: list[float] = []

    def report(of_one: list[float], flooded: int) -> None:
        latencies.extend(of_one)
        told.append(flooded)

    def view(members: int, at: float) -> None:
        views.append((members, at))

    async def live(machine: Machine, name: str) -> None:
        await Worker(machine, name, places, more, report, view, SIMULATED_FLOOD_SECONDS).run()

    async def main() -> None:
        for host in hosts:
            await host.boot(live, host.name)
        await world.until(lambda: len(told) == count, 60)
        views.clear()
        began = hosts[1].wall()
        hosts[0].kill()
        await world.until(lambda: [members for members, _ in views].count(count - 1) == count - 1, 60)
        change.append(max(at for members, at in views if members == count - 1) - began)

    world.run(main)
    return row(count, told[0] / SIMULATED_FLOOD_SECONDS, latencies, *change)


def row(count: int, rate: float, latencies: list[float], change: float) -> str:
    cuts = quantiles(latencies, n=100)
    return f"| {count} | {rate:,.0f} | {1000 * cuts[49]:.1f} | {1000 * cuts[98]:.1f} | {1000 * change:.0f} |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("members", type=int, nargs="*", default=[3, 7, 15])
    parser.add_argument("--plain", action="store_true", help="without a secret, so without MACs")
    parser.add_argument("--simulated", action="store_true", help="in the simulated world")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--places", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--more", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        places = {name: (address, port) for name, (address, port) in arguments.places.items()}
        trio.run(work, arguments.worker, places, arguments.more)
    measure = simulated if arguments.simulated else measured
    print("| members | messages/s | p50 ms | p99 ms | change ms |\n| --- | --- | --- | --- | --- |")
    for count in arguments.members:
        print(measure(count, "" if arguments.plain else SECRET), flush=True)


if __name__ == "__main__":
    main()
