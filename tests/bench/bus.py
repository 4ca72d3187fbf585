"""The message bus on loopback, a process for each server with a member on it, as nodes have them: messages a second
with all publishing at once, latency at a light load, and how long it takes the others to go on without one killed.

Each round: N processes, three seconds of light load (20 messages a second of each member), three of flood (each keeps
64 of its own on their way), then -9 to the server that orders the messages. Messages have 200 octets. MACs are on
unless ``--plain``.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket as plain
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import quantiles

import trio

from momentum_trio.config.load import load_text
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.msgc.line import Uncounted
from momentum_trio.msgc.member import Member
from momentum_trio.msgc.msgc_options import MsgcClientOptions, MsgcServerOptions
from momentum_trio.msgc.server import BusServer
from momentum_trio.net.group import Apart, GroupView, Told
from momentum_trio.net.netblock import parse_address

SECONDS = 3.0
PER_SECOND = 20
ON_THEIR_WAY = 64
OCTETS = 200
SECRET = 'Cluster_Secret = "a secret for measurements"'


class Worker:
    """One node: a server of the bus, and a member on it."""

    def __init__(self, name: str, ports: dict[str, int], more: str) -> None:
        peers = " ".join(f'{each} = "127.0.0.1:{port}"' for each, port in ports.items())
        server = f"msgc_server {{ Reconnect_Interval = 1 Peers = [ {peers} ] }}"
        client = f'msgc_client {{ Reconnect_Interval = 1 Server = ( "127.0.0.1:{ports[name]}" ) }}'
        tree = load_text(f"{more}\n{server}\n{client}\n")
        servers = MsgcServerOptions.resolve(tree.chain_scope("msgc_server"))
        clients = MsgcClientOptions.resolve(tree.chain_scope("msgc_client"))
        self.bus = BusServer(os_machine(), name, lambda: servers)
        self.member = Member(os_machine(), "bench", lambda: clients)
        self.name, self.port, self.count = name, ports[name], len(ports)
        self.is_first = name == min(ports)
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
        await listening.bind(("127.0.0.1", self.port))
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
                    say(view=len(event.members), at=time.monotonic())
                case Apart() | GroupView():
                    pass

    def take(self, told: Told, nursery: trio.Nursery) -> None:
        if told.octets.startswith(b"light"):
            nursery.start_soon(self.light)
        elif told.octets.startswith(b"flood"):
            nursery.start_soon(self.flood)
        elif told.octets.startswith(b"report"):
            say(latencies=self.latencies, told=self.told)
        elif told.octets.startswith(b"t"):
            if told.sender == self.member.name:
                self.latencies.append(time.monotonic() - float(told.octets[1:24]))
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
        await trio.sleep(hash(self.name) % 50 / 1000)
        for _ in range(int(SECONDS * PER_SECOND)):
            self.member.publish("bench", b"t%023.9f" % time.monotonic() + bytes(OCTETS - 24))
            await trio.sleep(1 / PER_SECOND)

    async def flood(self) -> None:
        until = trio.current_time() + SECONDS
        while trio.current_time() < until:
            while self.own < ON_THEIR_WAY and self.member.publish("bench", b"f" + bytes(OCTETS - 1)):
                self.own += 1
            self.back = trio.Event()
            await self.back.wait()


def say(**found: object) -> None:
    print(json.dumps(found), flush=True)


def lines(process: subprocess.Popen[str], key: str) -> Iterator[dict[str, float]]:
    """What a worker says that has *key*."""
    assert process.stdout is not None
    for line in process.stdout:
        if key in (found := json.loads(line)):
            yield found


def measured(count: int, more: str) -> str:
    """One round of *count* processes: a row of the table."""
    sockets = [plain.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = {f"n{number:02}": socket.getsockname()[1] for number, socket in enumerate(sockets)}
    for socket in sockets:
        socket.close()
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, "--worker", name, "--ports", json.dumps(ports), "--more", more],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ports
    ]
    try:
        reports = [next(lines(worker, "latencies")) for worker in workers]
        began = time.monotonic()
        workers[0].send_signal(signal.SIGKILL)
        seen = [next(each for each in lines(worker, "view") if each["view"] == count - 1) for worker in workers[1:]]
        change = max(each["at"] for each in seen) - began
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    latencies = sorted(1000 * each for report in reports for each in report["latencies"])  # type: ignore[attr-defined]
    cuts = quantiles(latencies, n=100)
    rate = reports[0]["told"] / SECONDS
    return f"| {count} | {rate:,.0f} | {cuts[49]:.1f} | {cuts[98]:.1f} | {1000 * change:.0f} |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("members", type=int, nargs="*", default=[3, 7, 15])
    parser.add_argument("--plain", action="store_true", help="without a secret, so without MACs")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--ports", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--more", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        trio.run(Worker(arguments.worker, arguments.ports, arguments.more).run)
    print("| members | messages/s | p50 ms | p99 ms | change ms |\n| --- | --- | --- | --- | --- |")
    for count in arguments.members:
        print(measured(count, "" if arguments.plain else SECRET), flush=True)


if __name__ == "__main__":
    main()
