"""``make bench-relay``: Postfix and this host relay the same mail to smtp-sink, over 20 connections each, alternating
in one run; beside them this host with Suspend_Delivery, which shows what delivery costs reception.

A measurement begins with smtp-source and ends when the sink has taken the last message. CPU is that of the whole
process tree, from the first word of the client to some quiet after the last of the sink; load generator and sink are
not in it. Every host has a sink of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from side_by_side import PEERS, WORK, free_port, ours, postfix, wait_for
from smtpbench import Target, cpu_seconds

CONNECTIONS = 20
DRAIN_SECONDS = 120
QUIET_SECONDS = 0.5
"""Until the last outcome is recorded; it is lazily synced within a second, which costs nothing to speak of."""

ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": f"{PEERS}/usr/lib/postfix"}
POSTFIX_WAY = "relayhost = [127.0.0.1]:{port}\ndefault_destination_concurrency_limit = {connections}"
OUR_WAY = 'Gateway = "127.0.0.1:{port}" Max_Outbound_Connections = {connections}'


class Sink:
    """smtp-sink on a port of its own. taken: messages so far."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port, self.taken, self._process = port, 0, process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        while octets := os.read(self._process.stdout.fileno(), 65536):
            *lines, rest = (rest + octets).split(b"\r")
            for line in lines:
                if found := re.search(rb"mesg=\s*(\d+)", line):
                    self.taken = int(found[1])


@contextmanager
def sink() -> Iterator[Sink]:
    """For the block."""
    port = free_port()
    command = [str(PEERS / "usr/sbin/smtp-sink"), "-c", *(["-u", "daemon"] if os.geteuid() == 0 else [])]
    process = subprocess.Popen(
        [*command, f"inet:127.0.0.1:{port}", "1000"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        wait_for(port, "smtp-sink")
        yield Sink(process, port)
    finally:
        process.terminate()
        process.wait()


@dataclass
class Host:
    """One of those compared. sink: where its mail goes; None: nowhere. Lists have a number for each round."""

    target: Target
    sink: Sink | None
    cpu_us: list[float] = field(default_factory=list)
    accepted_per_s: list[float] = field(default_factory=list)
    delivered_per_s: list[float] = field(default_factory=list)

    def measure(self, count: int, size: int, sessions: int, *, counted: bool = True) -> None:
        """One round."""
        assert self.target.pid is not None
        cpu, began = cpu_seconds(self.target.pid), time.perf_counter()
        goal = self.sink.taken + count if self.sink else 0
        subprocess.run(
            [
                *(str(PEERS / "usr/sbin/smtp-source"), "-4", "-d", "-C", "50", "-s", str(sessions)),
                *("-m", str(count), "-l", str(size), "-f", "a@client.test", "-t", "b@d.test"),
                f"inet:{self.target.host}:{self.target.port}",
            ],
            env=ENVIRONMENT,
            check=True,
        )
        accepted = time.perf_counter() - began
        while self.sink is not None and self.sink.taken < goal:
            if time.perf_counter() - began > DRAIN_SECONDS:
                raise SystemExit(f"{self.target.name}: {goal - self.sink.taken} of {count} do not arrive")
            time.sleep(0.02)
        delivered = time.perf_counter() - began
        time.sleep(QUIET_SECONDS)
        if counted:
            self.cpu_us.append((cpu_seconds(self.target.pid) - cpu) / count * 1e6)
            self.accepted_per_s.append(count / accepted)
            self.delivered_per_s.append(count / delivered)
        self.target.cleanup()


def told(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):6.0f} ({min(values):.0f} to {max(values):.0f})"


def ratios(one: list[float], other: list[float]) -> str:
    """Of each round: median and range."""
    each = [a / b for a, b in zip(one, other, strict=True)]
    return f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def main() -> None:
    """Run all under the same load; print medians, and ratios round by round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="octets a message")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--messages", type=int, default=4000, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-postfix", action="store_true", help="only what delivery costs reception")
    arguments = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    with ExitStack() as stack:
        hosts = {}
        if not arguments.without_postfix:
            end = stack.enter_context(sink())
            way = POSTFIX_WAY.format(port=end.port, connections=CONNECTIONS)
            hosts["postfix"] = Host(Target(stack.enter_context(postfix(WORK / "postfix", way))), end)
        end = stack.enter_context(sink())
        way = OUR_WAY.format(port=end.port, connections=CONNECTIONS)
        hosts["relaying"] = Host(Target(stack.enter_context(ours(WORK / "relaying", way))), end)
        hosts["suspended"] = Host(Target(stack.enter_context(ours(WORK / "suspended"))), None)
        order = list(hosts.values())
        for host in order:
            host.measure(arguments.messages // 4, arguments.size, arguments.sessions, counted=False)
        for _ in range(arguments.rounds):
            for host in order:
                host.measure(arguments.messages, arguments.size, arguments.sessions)
            order.reverse()
        load = os.getloadavg()[0]
    print(f"{arguments.size} octets, {arguments.sessions} sessions, {arguments.rounds} rounds; load {load:.1f}")
    for name, host in hosts.items():
        print(
            f"  {name:10} us CPU a message {told(host.cpu_us)}  accepted/s {told(host.accepted_per_s)}"
            f"  delivered/s {told(host.delivered_per_s)}"
        )
    relaying, suspended = hosts["relaying"], hosts["suspended"]
    if "postfix" in hosts:
        print(f"  CPU of relaying to Postfix's: {ratios(relaying.cpu_us, hosts['postfix'].cpu_us)}")
    print(f"  CPU of reception to that of relaying: {ratios(suspended.cpu_us, relaying.cpu_us)}")
    print(f"  rate of reception while delivering: {ratios(relaying.accepted_per_s, suspended.accepted_per_s)}")


if __name__ == "__main__":
    main()
