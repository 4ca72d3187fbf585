"""``cidr_cli [-c FILE] [--basedir FOLDER | --server HOST[:PORT]] [QUESTION]``: ask journals of series.

Without a question it reads them from its input, one a line; at a terminal with the prompt ``cidr> `` until Ctrl-D. It
reads the files itself, or asks a cidr_server. What is wrong with a question is said on stderr. Exit status: 0; 1 a
question given as arguments was wrong; 2 wrong arguments or configuration, or no such server.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio

from momentum_trio.cli.output import for_operators
from momentum_trio.cli.series_place import Wrong, add_place, upkeep_of
from momentum_trio.cluster.series_files import SeriesFiles
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.net.host_port import HostPort
from momentum_trio.protocol.series.wire import COMPLAINT, Lines, answers

PORT = 9000
PROMPT = "cidr> "
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 600.0

Ask = Callable[[str], Awaitable[bool]]
"""Prints the answer to a question; whether nothing was wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="cidr_cli", description="Ask journals of series.")
    add_place(parser)
    parser.add_argument("--server", metavar="HOST[:PORT]", help=f"ask a cidr_server (port {PORT})")
    parser.add_argument("question", metavar="QUESTION", nargs="*", help="as: show available")
    asked = parser.parse_args(arguments)
    return for_operators("cidr_cli", partial(_run, asked), OSError, Wrong, ValueError)


def _run(asked: argparse.Namespace) -> int:
    place = HostPort.parse(asked.server).or_at(PORT) if asked.server else upkeep_of(asked).folder
    try:
        return trio.run(_converse, place, " ".join(asked.question))
    except KeyboardInterrupt:
        print()
        return 0


async def _converse(place: str | HostPort, question: str) -> int:
    async with _at_server(*place) if isinstance(place, HostPort) else _here(place) as ask:
        if question:
            return 0 if await ask(question) else 1
        while (line := await trio.to_thread.run_sync(_read, abandon_on_cancel=True)) is not None:
            if line.strip():
                await ask(line)
    return 0


def _read() -> str | None:
    """A line of our input; None: there are no more."""
    is_terminal = sys.stdin.isatty()
    try:
        return input(PROMPT if is_terminal else "")
    except EOFError:
        if is_terminal:
            print()
        return None


@asynccontextmanager
async def _here(folder: str) -> AsyncIterator[Ask]:
    """Who asks the files in *folder*."""
    disk = OsDisk()
    files = SeriesFiles(disk, folder)

    async def ask(question: str) -> bool:
        answer = await files.answer(question)
        for complaint in answer.complaints:
            _complain(complaint)
        for line in answer.lines:
            print(line)
        sys.stdout.flush()
        return not answer.complaints

    try:
        yield ask
    finally:
        await disk.aclose()


@asynccontextmanager
async def _at_server(host: str, port: int) -> AsyncIterator[Ask]:
    """Who asks the server there. Raises OSError, ValueError; so does asking."""
    try:
        with trio.fail_after(CONNECT_SECONDS):
            stream = await trio.open_tcp_stream(host, port)
    except trio.TooSlowError as fault:
        raise OSError(f"{host}:{port} does not answer") from fault
    lines = answers()

    async def ask(question: str) -> bool:
        complained = False
        try:
            with trio.fail_after(ANSWER_SECONDS):
                await stream.send_all(" ".join(question.split()).encode("ascii", "replace") + b"\n")
                while (line := await _next(stream, lines)) != "":
                    if line.startswith(COMPLAINT):
                        complained = True
                        _complain(line.removeprefix(COMPLAINT))
                    else:
                        print(line)
        except (trio.BrokenResourceError, trio.TooSlowError) as fault:
            raise OSError(f"{host}:{port} does not answer") from fault
        sys.stdout.flush()
        return not complained

    async with stream:
        yield ask


async def _next(stream: trio.SocketStream, lines: Lines) -> str:
    """The next line of an answer. Raises BrokenResourceError, ValueError."""
    while (line := lines.next()) is None:
        if not (octets := await stream.receive_some()):
            raise trio.BrokenResourceError("the server has closed the connection")
        lines.receive(octets)
    return line


def _complain(text: str) -> None:
    print(f"cidr_cli: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
