"""What WebSockets that are told nothing cost this host: 10,000 that follow receptions, memory each, and how long one
message takes until the last of them is told.

Then, who reads nothing: of SLOW more, which follow rejections, each is to be dropped with a reason. Both ends need a
descriptor a socket, so that the hard limit (``ulimit -Hn``) has to be above their number by a seventh at least.
"""

from __future__ import annotations

import argparse
import re
import resource
import select
import shutil
import smtplib
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from http_side_by_side import Server
from refusals import refuse
from side_by_side import ROOT, free_port, wait_for

WORK = ROOT / ".cache" / "bench-websockets"
ADDRESSES = 100
"""Of clients: 127.0.1.1 and so on, so that ports are no bound."""
WINDOW = 100
"""Handshakes under way at once."""
SLOW, SLOW_OCTETS = 20, 16 * 1024
"""Who reads nothing, and what the kernel holds for him at either end."""
REFUSED = 6_000
"""Recipients: events for those who do not read, more of them than the host and the kernel hold."""
SETTLE_SECONDS, PATIENCE_SECONDS = 2.0, 120.0

CONFIG = """
Hostname = "ours.example"
SpoolBase = "{work}/spool"
Suspend_Delivery = true
Relay_Domains = ( "d.test" )
Events_Kept = 2048
ESMTP_Listener {{
  Max_Recipients_Per_Connection = 0
  Max_Refused_Recipients = 0
  Listen "127.0.0.1:{smtp}" {{ }}
}}
HTTP_Listener {{
  Listen "127.0.0.1:{http}" {{ Listen_Backlog = 4096 }}
  Listen "127.0.0.2:{http}" {{ TCP_Send_Buffer_Size = {slow_octets} }}
}}
Control_Listener {{ Listen "{work}/control" {{ }} }}
"""

HANDSHAKE = (
    "GET /api/v1/events?cursor=&type={type} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT, CLOSE, PING = 1, 8, 9
PONG = b"\x8a\x80" + bytes(4)


class Running(NamedTuple):
    """The host that is measured."""

    smtp: int
    http: int
    pid: int

    def cpu_seconds(self) -> float:
        """Used so far."""
        return Server(self.http, self.pid).cpu_seconds()

    def octets(self) -> int:
        """Of memory, what is shared by its share."""
        found = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{self.pid}/smaps_rollup").read_text(), re.MULTILINE)
        assert found
        return 1024 * int(found[1])


@contextmanager
def host() -> Iterator[Running]:
    """This host from the checkout, in a process of its own."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    smtp, http = free_port(), free_port()
    config = WORK / "ecelerity.conf"
    config.write_text(CONFIG.format(work=WORK, smtp=smtp, http=http, slow_octets=SLOW_OCTETS))
    command = [sys.executable, "-m", "momentum_trio", "-c", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for(smtp, "momentum-trio")
        yield Running(smtp, http, process.pid)
    finally:
        process.terminate()
        process.wait()


class Follower:
    """One WebSocket, from its handshake on. told: whether a message has come. last: code and first word of the end."""

    def __init__(self, address: str, to: tuple[str, int], kind: str, receive_octets: int = 0) -> None:
        self.socket = socket.socket()
        if receive_octets:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
        self.socket.bind((address, 0))
        self.socket.connect(to)
        self.socket.sendall(HANDSHAKE.format(type=kind).encode())
        self.told, self.last = False, ""
        self._heard = bytearray()

    def receive(self) -> bool:
        """Take what has come; False: nothing will any more."""
        octets = self.socket.recv(65536)
        self._heard += octets
        for opcode, payload in self._frames():
            if opcode == PING:
                self.socket.sendall(PONG)
            elif opcode == CLOSE:
                self.last = f"{struct.unpack('>H', payload[:2])[0]} {payload[2:].decode().partition(':')[0]}"
            self.told = self.told or opcode == TEXT
        return bool(octets)

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Those that have come whole: opcode and payload."""
        if self._heard.startswith(b"HTTP/"):
            if (end := self._heard.find(b"\r\n\r\n")) < 0:
                return
            assert self._heard.startswith(b"HTTP/1.1 101 "), bytes(self._heard)
            del self._heard[: end + 4]
        while len(self._heard) >= 2:
            octets, start = self._heard[1], 2
            if octets >= 126:
                start = 4 if octets == 126 else 10
                size = self._heard[2:start].ljust(start - 2, b"\xff")
                (octets,) = struct.unpack(">H" if octets == 126 else ">Q", size)
            if len(self._heard) < start + octets:
                return
            yield self._heard[0] & 15, bytes(self._heard[start : start + octets])
            del self._heard[: start + octets]


class Crowd:
    """Followers who read, and answer when they are asked whether they are there."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._all: dict[int, Follower] = {}

    def take(self, newcomers: list[Follower]) -> None:
        """*newcomers* read from now on."""
        for each in newcomers:
            self._all[each.socket.fileno()] = each
            self._poll.register(each.socket.fileno(), select.EPOLLIN)

    def leave(self, some: list[Follower]) -> None:
        """*some* read no more."""
        for each in some:
            self._poll.unregister(each.socket.fileno())
            del self._all[each.socket.fileno()]

    def read(self, seconds: float = 1.0) -> list[Follower]:
        """Read what comes, of those for whom it does first; who they are. Who has heard his end leaves."""
        found = [self._all[number] for number, _ in self._poll.poll(seconds)]
        for each in found:
            goes_on = each.receive()
            assert goes_on or each.last, "closed without a word"
        self.leave([each for each in found if each.last])
        return found

    def seconds_until(self, holds: Callable[[Follower], bool], some: list[Follower]) -> list[float]:
        """When something came to hold for each of *some*, from now."""
        began, when, left = time.perf_counter(), list[float](), {each for each in some if not holds(each)}
        while left:
            done = {each for each in self.read() if each in left and holds(each)}
            when += [time.perf_counter() - began] * len(done)
            left -= done
            assert time.perf_counter() < began + PATIENCE_SECONDS, f"{len(left)} are left"
        return when

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.read(left)


def is_told(follower: Follower) -> bool:
    return follower.told


def is_over(follower: Follower) -> bool:
    return bool(follower.last)


def begin(at: Running, crowd: Crowd, count: int) -> list[Follower]:
    """So many more, subscribed to receptions."""
    found = list[Follower]()
    while len(found) < count:
        new = [
            Follower(f"127.0.1.{1 + number % ADDRESSES}", ("127.0.0.1", at.http), "reception")
            for number in range(min(WINDOW, count - len(found)))
        ]
        crowd.take(new)
        crowd.seconds_until(is_told, new)
        found += new
    return found


def send(at: Running) -> None:
    """One message."""
    with smtplib.SMTP("127.0.0.1", at.smtp) as client:
        client.sendmail("a@d.test", ["b@d.test"], "Subject: one\n\nHello.\n")


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=10_000)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with host() as at:
        measure(at, arguments.sockets)


def each_of(at: Running, count: int, before: int) -> str:
    """The memory that came since it was *before*, for each of *count*."""
    return f"{(at.octets() - before) / count / 1024:.1f} KiB each"


def measure(at: Running, count: int) -> None:
    """Tell what *count* followers cost."""
    crowd = Crowd()
    begin(at, crowd, 1)
    before, cpu = at.octets(), at.cpu_seconds()
    followers = begin(at, crowd, count)
    crowd.rest(SETTLE_SECONDS)
    print(f"{count} WebSockets: {each_of(at, count, before)}, {at.cpu_seconds() - cpu:.1f} s of CPU to begin them")
    tell(at, crowd, followers)
    print(f"then {each_of(at, count, before)}")
    slow = [Follower("127.0.2.1", ("127.0.0.2", at.http), "rejection", SLOW_OCTETS) for _ in range(SLOW)]
    crowd.take(slow)
    crowd.seconds_until(is_told, slow)
    crowd.leave(slow)
    cpu = at.cpu_seconds()
    refusing = Thread(target=refuse, args=(at.smtp, REFUSED))
    refusing.start()
    while refusing.is_alive():
        crowd.read(0.1)
    print(f"{SLOW} read nothing of {REFUSED} events, {at.cpu_seconds() - cpu:.1f} s of CPU: ", end="")
    crowd.take(slow)
    crowd.seconds_until(is_over, slow)
    print(dict(Counter(each.last for each in slow)))
    tell(at, crowd, followers)


def tell(at: Running, crowd: Crowd, followers: list[Follower]) -> None:
    """Send a message, of which all of *followers* are told."""
    for each in followers:
        each.told = False
    cpu = at.cpu_seconds()
    send(at)
    when = crowd.seconds_until(is_told, followers)
    print(f"one message: the first is told after {min(when):.2f} s, the last after {max(when):.2f} s, ", end="")
    print(f"{at.cpu_seconds() - cpu:.2f} s of CPU")


if __name__ == "__main__":
    main()
