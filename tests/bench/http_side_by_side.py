"""``make bench-http``: one message a request into this host, into hypercorn on trio, and by SMTP into Postfix, in turn.

None delivers. Hypercorn's application appends what comes to a file and syncs nothing, as Force_Fsync = false does; it
parses and checks nothing. Postfix syncs. Rates are of the client's clock; CPU is the server's, of all its processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpload
import smtpload
from side_by_side import ROOT, START_SECONDS, free_port, postfix

TICKS = os.sysconf("SC_CLK_TCK")
WORK = ROOT / ".cache" / "bench-http"
CONNECTIONS, REQUESTS, OCTETS = 20, 3000, 1024

CONF = """
Hostname = "ours.example"
SpoolBase = "{work}/spool"
Suspend_Delivery = true
Force_Fsync = {synced}
Relay_Domains = ( "d.test" )
HTTP_Listener {{ Listen "127.0.0.1:{port}" {{ }} }}
Control_Listener {{ Listen "{work}/control" {{ }} }}
"""

APPLICATION = """
import os
file = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({{"type": "lifespan.startup.complete"}})
        return await send({{"type": "lifespan.shutdown.complete"}})
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event["body"], event["more_body"]
    os.write(file, body)
    said = b'{{"id": 1}}'
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({{"type": "http.response.start", "status": 200, "headers": fields}})
    await send({{"type": "http.response.body", "body": said}})
"""


class Server(NamedTuple):
    """One that runs."""

    port: int
    pid: int
    is_smtp: bool = False

    def cpu_seconds(self) -> float:
        """Used so far, by its children too, and by those that have ended."""
        while True:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            try:
                stats = [Path(f"/proc/{pid}/stat").read_text() for pid in (self.pid, *children)]
            except FileNotFoundError:
                continue  # it has ended meanwhile, and is its parent's now
            return sum(sum(map(int, each.rpartition(")")[2].split()[11:15])) for each in stats) / TICKS

    def load(self, octets: bytes) -> Callable[[], None]:
        """Connections that are open, and will send all messages when called. octets: of a request."""
        if self.is_smtp:
            sessions = [smtpload.Session("127.0.0.1", self.port, None) for _ in range(CONNECTIONS)]
            return lambda: smtpload.drive(sessions, REQUESTS, smtpload.message(OCTETS, pipelined=False))
        connections = [httpload.Connection("127.0.0.1", self.port) for _ in range(CONNECTIONS)]
        return lambda: httpload.drive(connections, REQUESTS, octets)


def wait_for_port(port: int) -> None:
    """Return once somebody accepts at *port*."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            assert time.monotonic() < limit, f"nobody listens on port {port}"
            time.sleep(0.1)
        else:
            return


@contextmanager
def running(command: Sequence[str], folder: Path, port: int) -> Iterator[Server]:
    """The process of *command*, once it listens."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def ours(work: Path, *, synced: bool) -> Iterator[Server]:
    """This host, from the checkout."""
    port = free_port()
    work.mkdir(parents=True)
    config = work / "ecelerity.conf"
    config.write_text(CONF.format(work=work, port=port, synced="true" if synced else "false"))
    with running((sys.executable, "-m", "momentum_trio", "-c", str(config)), ROOT, port) as server:
        yield server


@contextmanager
def hypercorn(work: Path, python: str) -> Iterator[Server]:
    """Hypercorn on trio, of another interpreter, with the application above."""
    port = free_port()
    work.mkdir(parents=True)
    (work / "kept.py").write_text(APPLICATION.format(path=str(work / "kept")))
    words = (os.path.abspath(python), "-m", "hypercorn", "-k", "trio", "-b", f"127.0.0.1:{port}", "kept:application")
    with running(words, work, port) as server:
        yield server


@contextmanager
def smtp(work: Path) -> Iterator[Server]:
    """Postfix, whose mail is held."""
    with postfix(work) as target:
        address, pid, _ = target.split(",", 2)
        yield Server(int(address.rpartition(":")[2]), int(pid.partition("=")[2]), is_smtp=True)


def request() -> bytes:
    """A message of OCTETS, as it is."""
    head = b"Subject: x\r\nDate: Tue, 1 Jan 2019 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\n"
    content = head + (b"x" * 76 + b"\r\n") * 20
    content = content[: OCTETS - 2] + b"\r\n"
    target = "/api/v1/messages?return_path=a@b.test&to=c@d.test"
    fields = f"Host: localhost\r\nContent-Type: message/rfc822\r\nContent-Length: {len(content)}\r\n\r\n"
    return f"POST {target} HTTP/1.1\r\n{fields}".encode() + content


def main() -> None:
    """Run every server in turn; print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--hypercorn", default="", help="an interpreter that has hypercorn[trio]")
    parser.add_argument("--postfix", action="store_true", help="also by SMTP into Postfix (.cache/peers)")
    arguments = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    octets = request()
    with ExitStack() as stack:
        servers = {
            "ours, Force_Fsync = false": stack.enter_context(ours(WORK / "written", synced=False)),
            "ours, durable": stack.enter_context(ours(WORK / "synced", synced=True)),
        }
        if arguments.hypercorn:
            servers["hypercorn on trio"] = stack.enter_context(hypercorn(WORK / "hypercorn", arguments.hypercorn))
        if arguments.postfix:
            servers["SMTP into Postfix"] = stack.enter_context(smtp(WORK / "postfix"))
        for number in range(1 + arguments.rounds):  # the first is to warm up
            for name, server in servers.items():
                load = server.load(octets)
                began, used = time.perf_counter(), server.cpu_seconds()
                load()
                seconds, cpu = time.perf_counter() - began, server.cpu_seconds() - used
                if number:
                    rates.setdefault(name, []).append(REQUESTS / seconds)
                    costs.setdefault(name, []).append(cpu / REQUESTS * 1e6)
    print("| | messages/s, median (range) | CPU us a message |\n| --- | --- | --- |")
    for name, found in rates.items():
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        print(f"| {name} | {statistics.median(found):,.0f} ({spread}) | {statistics.median(costs[name]):,.0f} |")


if __name__ == "__main__":
    main()
