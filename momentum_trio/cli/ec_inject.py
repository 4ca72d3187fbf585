"""``ec_inject [--ecstream|--smtp] HOST[:PORT] [options] [FILE ...]``: send a load of messages; tell what came of it.

Messages are read from files, in turn, or made. They go over several connections at once, by ECStream in batches or by
SMTP. It ends after so many messages or seconds, or with Ctrl-C, and tells how many were taken and how fast.

Exit status (sysexits.h): 0 all were taken; 64 wrong arguments; 66 a file cannot be read; 69 some were refused for good;
75 some may be tried again, or are in doubt; 77 the server does not let us in, or does not prove who it is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from momentum_trio.cli.injection_load import FAILURES_MAX, Mail, Sender, Source, Tally, refusals, send_all
from momentum_trio.cli.injection_smtp import smtp
from momentum_trio.cli.output import for_readers
from momentum_trio.client import ecstream
from momentum_trio.client.terms import PORT, InjectionError, NotAdmittedError, Terms, Tls
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.machine import Machine
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.host_port import HostPort

SMTP_PORT = 25
PASSWORD = "EC_INJECT_PASSWORD"
FILE_OCTETS_MAX = 256 * 1024 * 1024
"""Of all files together: they are held in memory."""
PERCENTILES = (50, 95, 99)

_LINE_END = re.compile(rb"\r?\n")


Connect = Callable[[], AbstractAsyncContextManager[Sender]]


@dataclass(frozen=True, slots=True)
class Way:
    """Where messages go, and how."""

    host: str
    port: int
    is_smtp: bool
    connections: int
    pipeline: int
    terms: Terms


class _Ended(Exception):
    """The command is over: with this status, after these words on standard error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = _parser()
    try:
        asked = parser.parse_intermixed_args(arguments)
    except SystemExit as ended:  # argparse has said why; it ends with 2 where sysexits.h has 64
        return os.EX_USAGE if ended.code else os.EX_OK
    try:
        way, mail = _way(asked), _mail(asked)
    except _Ended as ended:
        print(f"ec_inject: {ended}", file=sys.stderr)
        return ended.status
    return for_readers(partial(_run, asked, way, mail))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ec_inject", description="Send a load of messages, and tell what came of it.")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--ecstream", action="store_true", help="by ECStream, port 1825 (what is done without either)")
    how.add_argument("--smtp", action="store_true", help="by SMTP, port 25")
    parser.add_argument("place", metavar="HOST[:PORT]", help="a name, an address, [v6]; by ECStream /path")
    parser.add_argument("files", metavar="FILE", nargs="*", help="a message, RFC 5322; several are sent in turn")
    parser.add_argument("--from", dest="sender", metavar="ADDRESS", default="", help="the reverse-path; default: empty")
    parser.add_argument(
        "--to",
        metavar="PATTERN",
        action="append",
        required=True,
        help="a recipient; %%d is the message's number; any number",
    )
    parser.add_argument("--mailboxes", metavar="N", type=_count, default=0, help="%%d is 0 to N-1, again and again")
    parser.add_argument("--size", metavar="OCTETS", type=_count, default=1024, help="of those made; default: 1024")
    parser.add_argument("--same", action="store_true", help="messages that are made have the same content")
    parser.add_argument("--count", metavar="N", type=_count, default=0, help="default: 1, or as --seconds allow")
    parser.add_argument("--seconds", metavar="N", type=float, default=0.0, help="begin none after so long")
    parser.add_argument("--rate", metavar="N", type=float, default=0.0, help="messages a second at most")
    parser.add_argument("--connections", metavar="N", type=_positive, default=1, help="at once; default: 1")
    parser.add_argument("--batch", metavar="N", type=_positive, default=0, help="default: 100, by SMTP 1")
    parser.add_argument("--pipeline", metavar="N", type=_positive, default=4, help="batches ahead; default: 4")
    parser.add_argument("--tls", action="store_true", help="within TLS; by SMTP after STARTTLS")
    parser.add_argument("--ca", metavar="FILE", default="", help="PEM file of the issuers the server may be of")
    parser.add_argument("--insecure", action="store_true", help="the server need not prove who it is")
    parser.add_argument("--user", metavar="NAME", default="", help=f"authenticate; the password is in ${PASSWORD}")
    parser.add_argument("--password-in-clear", action="store_true", help="send it without TLS as well")
    parser.add_argument("--json", action="store_true", help="tell what came of it as JSON")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError
    return int(text)


def _positive(text: str) -> int:
    if (number := _count(text)) < 1:
        raise ValueError
    return number


# ---- what is asked for


def _place(text: str, *, smtp: bool) -> tuple[str, int]:
    if text.startswith("/") and not smtp:
        return text, 0
    try:
        return HostPort.parse(text).or_at(SMTP_PORT if smtp else PORT)
    except ValueError as wrong:
        raise _Ended(os.EX_USAGE, str(wrong)) from None


def _way(asked: argparse.Namespace) -> Way:
    host, port = _place(asked.place, smtp=asked.smtp)
    password = os.environ.get(PASSWORD, "")
    if asked.user and not password:
        raise _Ended(os.EX_USAGE, f"--user: the password is not in ${PASSWORD}")
    tls = Tls(asked.ca, verified=not asked.insecure) if asked.tls else None
    terms = Terms(
        tls,
        asked.user,
        password,
        asked.password_in_clear,
        batch_messages=asked.batch or 100,
        name="ec_inject",
        attempts_max=FAILURES_MAX,
    )
    return Way(host, port, asked.smtp, asked.connections, 1 if asked.smtp else asked.pipeline, terms)


def _mail(asked: argparse.Namespace) -> Mail:
    mail = Mail(asked.sender, asked.to, _contents(asked.files), asked.size, asked.mailboxes, asked.same)
    try:
        mail.message(1)
    except ValueError as wrong:
        raise _Ended(os.EX_USAGE, str(wrong)) from None
    return mail


def _contents(files: Sequence[str]) -> list[bytes]:
    contents, room = [], FILE_OCTETS_MAX
    for file in files:
        try:
            with Path(file).open("rb") as opened:
                octets = opened.read(room + 1)
        except OSError as fault:
            raise _Ended(os.EX_NOINPUT, f"{file}: {fault.strerror}") from None
        if (room := room - len(octets)) < 0:
            raise _Ended(os.EX_NOINPUT, f"{file}: files have more than {FILE_OCTETS_MAX} octets together")
        contents.append(_LINE_END.sub(b"\r\n", octets))
    return contents


# ---- sending


def _run(asked: argparse.Namespace, way: Way, mail: Mail) -> int:
    tally = Tally()
    seconds = trio.run(_send, asked, way, mail, tally)
    print(json.dumps(_figures(tally, seconds)) if asked.json else told(tally, seconds))
    return _status(tally)


async def _send(asked: argparse.Namespace, way: Way, mail: Mail, tally: Tally) -> float:
    machine = os_machine()
    began = trio.current_time()
    count = asked.count or (float("inf") if asked.seconds else 1)
    until = began + asked.seconds if asked.seconds else float("inf")
    source = Source(mail, asked.batch or (1 if way.is_smtp else 100), count, until, asked.rate)
    deadlines = Deadlines()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_obey, machine, source)
        nursery.start_soon(deadlines.run)
        async with trio.open_nursery() as connections:
            for _ in range(way.connections):
                connections.start_soon(_connection, way, source, tally, partial(_connected, way, machine, deadlines))
        nursery.cancel_scope.cancel()
    tally.unsent += source.left
    return trio.current_time() - began


async def _obey(machine: Machine, source: Source) -> None:
    """Begin nothing more when a signal asks for the end."""
    async with machine.process.signals("SIGTERM", "SIGINT") as arrivals:
        async for _ in arrivals:
            source.until = trio.current_time()


async def _connection(way: Way, source: Source, tally: Tally, connect: Connect) -> None:
    """One of those that were asked for: made anew when it ends, until it comes to nothing too often."""
    failures = 0
    while failures < FAILURES_MAX:
        taken = tally.taken
        try:
            async with connect() as sender:
                if await _send_over(sender, way.pipeline, source, tally):
                    return
        except InjectionError as failure:
            tally.fail(failure)
            if isinstance(failure, NotAdmittedError):
                return
        failures = failures + 1 if tally.taken == taken else 0


@asynccontextmanager
async def _connected(way: Way, machine: Machine, deadlines: Deadlines) -> AsyncIterator[Sender]:
    made: AbstractAsyncContextManager[Sender]
    if way.is_smtp:
        made = smtp(way.host, way.port, way.terms, machine, deadlines)
    else:
        made = ecstream.connect(way.host, way.port, way.terms, machine=machine)
    async with made as sender:
        yield sender


async def _send_over(sender: Sender, pipeline: int, source: Source, tally: Tally) -> bool:
    """Send over a connection, so many batches at a time; whether nothing is left to be sent."""
    is_done = True

    async def send() -> None:
        nonlocal is_done
        is_done = await send_all(sender, source, tally) and is_done

    async with trio.open_nursery() as nursery:
        for _ in range(pipeline):
            nursery.start_soon(send)
    return is_done


# ---- what is told


def told(tally: Tally, seconds: float) -> str:
    """What came of it, in words."""
    rate = f"{tally.taken / seconds:.1f} messages and {tally.octets / seconds / 1e6:.2f} MB a second"
    lines = [f"{tally.taken} messages taken, {tally.octets} octets, in {seconds:.2f} seconds: {rate}"]
    lines += [f"{tally.partly} messages more for some of their recipients"] if tally.partly else []
    lines += [f"recipients refused: {', '.join(refusals(tally))}"] if tally.refused else []
    if tally.in_doubt or tally.unsent:
        lines.append(f"given up: {tally.in_doubt} in doubt, {tally.unsent} not taken")
    lines += [f"{count} x {why}" for why, count in sorted(tally.faults.items())]
    latencies = tally.latencies
    percentiles = ", ".join(f"p{each} {latencies.percentile(each) * 1e3:.1f}" for each in PERCENTILES)
    lines.append(f"milliseconds until the result: {percentiles}, longest {latencies.longest * 1e3:.1f}")
    return "\n".join(lines)


def _figures(tally: Tally, seconds: float) -> dict[str, object]:
    latencies = tally.latencies
    return {
        "seconds": seconds,
        "taken": tally.taken,
        "partly": tally.partly,
        "octets": tally.octets,
        "in_doubt": tally.in_doubt,
        "not_taken": tally.unsent,
        "refused": {str(code): count for code, count in sorted(tally.refused.items())},
        "faults": dict(sorted(tally.faults.items())),
        "rate": tally.taken / seconds,
        "latency": {f"p{each}": latencies.percentile(each) for each in PERCENTILES} | {"max": latencies.longest},
    }


def _status(tally: Tally) -> int:
    if not tally.is_admitted:
        return os.EX_NOPERM
    if tally.in_doubt or tally.unsent or any(code < 500 for code in tally.refused):
        return os.EX_TEMPFAIL
    return os.EX_UNAVAILABLE if tally.refused else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
