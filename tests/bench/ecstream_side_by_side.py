"""``make bench-ecstream``: ECStream and SMTP into the same host, in turn; it takes custody and delivers nothing.

Rates are of the client's clock once all its connections are open; CPU is the host's, of all its threads.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import ecstreamload
import smtpload
from side_by_side import ROOT, free_port, wait_for

WORK = ROOT / ".cache" / "bench-ecstream"
OCTETS = 1024
TICKS = os.sysconf("SC_CLK_TCK")

CONF = """
Hostname = "ours.example"
SpoolBase = "{work}/spool"
Suspend_Delivery = true
Relay_Domains = ( "d.test" )
ESMTP_Listener {{ Listen "127.0.0.1:{smtp}" {{ }} }}
ECStream_Listener {{ Listen "127.0.0.1:{ecstream}" {{ }} }}
Control_Listener {{ Listen "{work}/control" {{ }} }}
"""


class Host(NamedTuple):
    """One that runs."""

    smtp: int
    ecstream: int
    pid: int

    def cpu_seconds(self) -> float:
        """Used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True, slots=True)
class Case:
    """A row. batch: messages in a frame; 0: SMTP, pipelined or one command at a time."""

    name: str
    connections: int
    messages: int
    batch: int = 0
    pipelined: bool = False

    def load(self, host: Host) -> Callable[[], None]:
        """Connections that are open, and will send all of it when called."""
        if self.batch:
            streams = [ecstreamload.Connection("127.0.0.1", host.ecstream) for _ in range(self.connections)]
            return lambda: ecstreamload.drive(streams, self.messages, ecstreamload.content(OCTETS), self.batch)
        sessions = [smtpload.Session("127.0.0.1", host.smtp, None) for _ in range(self.connections)]
        return lambda: smtpload.drive(sessions, self.messages, smtpload.message(OCTETS, pipelined=self.pipelined))


CASES = (
    Case("SMTP, 4 connections", 4, 2000),
    Case("SMTP, 20 connections", 20, 3000),
    Case("SMTP pipelined, 20 connections", 20, 3000, pipelined=True),
    Case("ECStream, 100 a frame, 4 connections", 4, 20_000, 100),
    Case("ECStream, one a frame, 20 connections", 20, 4000, 1),
)


@contextmanager
def ours(work: Path, program: tuple[str, ...]) -> Iterator[Host]:
    """This host, from the checkout. program: arguments of the interpreter before the module's own."""
    smtp, ecstream = free_port(), free_port()
    work.mkdir(parents=True)
    config = work / "ecelerity.conf"
    config.write_text(CONF.format(work=work, smtp=smtp, ecstream=ecstream))
    command = [sys.executable, *program, "-m", "momentum_trio", "-c", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for(smtp, "momentum-trio")
        yield Host(smtp, ecstream, process.pid)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Run every case in turn; print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--program", default="", help="arguments of the interpreter: a profiler's")
    arguments = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    cases = [case for case in CASES if arguments.only in case.name]
    rates: dict[str, list[float]] = {case.name: [] for case in cases}
    costs: dict[str, list[float]] = {case.name: [] for case in cases}
    with ours(WORK, tuple(arguments.program.split())) as host:
        for number in range(1 + arguments.rounds):  # the first is to warm up
            for case in cases:
                load = case.load(host)
                began, used = time.perf_counter(), host.cpu_seconds()
                load()
                seconds, cpu = time.perf_counter() - began, host.cpu_seconds() - used
                if number:
                    rates[case.name].append(case.messages / seconds)
                    costs[case.name].append(cpu / case.messages * 1e6)
    print("| | messages/s, median (range) | CPU us a message |\n| --- | --- | --- |")
    for case in cases:
        found, cost = rates[case.name], statistics.median(costs[case.name])
        span = f"{min(found):.0f} to {max(found):.0f}"
        print(f"| {case.name} | {statistics.median(found):.0f} ({span}) | {cost:.0f} |")


if __name__ == "__main__":
    main()
