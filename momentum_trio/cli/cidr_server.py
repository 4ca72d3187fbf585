"""``cidr_server [-c FILE] [--basedir FOLDER] [--listen ENDPOINT]``: answer questions about journals, in the foreground.

Whoever can connect may ask; it is bound to loopback unless told otherwise. SIGTERM or SIGINT ends it. Exit status: 0
ended so; 2 wrong arguments or configuration, or it cannot listen there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import trio

from momentum_trio.cli.output import for_operators, leaves
from momentum_trio.cli.series_place import Wrong, add_place, upkeep_of
from momentum_trio.cluster.series_files import SeriesFiles
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.series_server import serve_series

LISTEN = "127.0.0.1:9000"


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="cidr_server", description="Answer questions about journals of series.")
    add_place(parser)
    parser.add_argument("--listen", metavar="ENDPOINT", default=LISTEN, help=f"default: {LISTEN}")
    asked = parser.parse_args(arguments)
    return for_operators("cidr_server", partial(_run, asked), OSError, ValueError, Wrong)


def _run(asked: argparse.Namespace) -> int:
    endpoint, folder = Endpoint.parse(asked.listen), upkeep_of(asked).folder
    faults: list[BaseException] = []
    try:
        trio.run(_serve, endpoint, folder)
    except* OSError as group:
        faults = leaves(group)
    if faults:
        raise OSError(f"{endpoint}: {faults[0]}") from faults[0]
    return 0


async def _serve(endpoint: Endpoint, folder: str) -> None:
    machine = os_machine()
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(serve_series, machine, SeriesFiles(machine.disk, folder), endpoint)
        print(f"answering at {bound.path or bound}", flush=True)
        async with machine.process.signals("SIGTERM", "SIGINT") as arrivals:
            async for _ in arrivals:
                nursery.cancel_scope.cancel()


if __name__ == "__main__":
    sys.exit(main())
