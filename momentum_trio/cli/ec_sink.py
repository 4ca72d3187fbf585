"""``ec_sink [--listen ENDPOINT] [--inject FAILURE] [--set 'OPTION = VALUE']``: a test server for SMTP clients.

It takes mail for anybody, counts it, and keeps and delivers nothing. Sessions are those of the host itself, under a
configuration that is made of the arguments; what is to fail on purpose is said as in Inject_Failures. It ends with
SIGINT or SIGTERM, after so many messages or seconds where that is asked for, and tells what came.

Exit status: 0 it told; 2 the arguments are wrong, or it cannot listen there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial

import trio

from momentum_trio.cli.output import for_operators
from momentum_trio.config.kind import quoted
from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.facade import ApplyError
from momentum_trio.listener.failure_options import EXPECTED
from momentum_trio.machine import Machine
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.sink import Counts, run_sink

LISTEN = "127.0.0.1:2525"
OFFERED = ("ENHANCEDSTATUSCODES", "DSN", "CHUNKING", "BINARYMIME", "SMTPUTF8", "LIMITS")
LAST_REPLY_SECONDS = 0.2
"""For the reply to the last message, and for QUIT after it."""
ANYBODY = ("0.0.0.0/0", "::/0")


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="ec_sink", description="Take mail for anybody, count it, and keep none of it."
    )
    parser.add_argument("--listen", metavar="ENDPOINT", action="append", help=f"any number; default: {LISTEN}")
    parser.add_argument("--inject", metavar="FAILURE", action="append", default=[], help=EXPECTED.replace("%", "%%"))
    parser.add_argument(
        "--set", metavar="'OPTION = VALUE'", action="append", default=[], help="of ESMTP_Listener; any number"
    )
    parser.add_argument("--messages", metavar="N", type=int, default=0, help="end after so many")
    parser.add_argument("--seconds", metavar="N", type=float, default=0.0, help="end after so long")
    parser.add_argument("--json", action="store_true", help="tell what came as JSON")
    asked = parser.parse_args(arguments)
    return for_operators("ec_sink", partial(_run, asked), ValueError, Unusable)


class Unusable(Exception):
    """It cannot listen there; the text says why."""


def configuration(listen: Sequence[str], inject: Sequence[str], settings: Sequence[str]) -> ConfigTree:
    """What a sink of these arguments serves by. Raises ConfigErrors."""
    failures = f"Inject_Failures = ( {' '.join(map(quoted, inject))} )" if inject else ""
    peers = "".join(f"  Peer {quoted(block)} {{ {failures} }}\n" for block in ANYBODY)
    listens = "".join(f"  Listen {quoted(endpoint)} {{ }}\n" for endpoint in listen)
    lines = "".join(f"  {setting}\n" for setting in settings)
    offered = f"  SMTP_Extensions = ( {' '.join(OFFERED)} )\n"
    text = f"ESMTP_Listener {{\n  Open_Relay = true\n{offered}{lines}{peers}{listens}}}\n"
    return load_text(text, declared=DECLARED)


def _run(asked: argparse.Namespace) -> int:
    tree = configuration(asked.listen or [LISTEN], asked.inject, asked.set)
    counts = Counts()
    try:
        trio.run(_serve, tree, counts, asked.messages, asked.seconds)
    except* ApplyError as faults:
        raise Unusable("; ".join(_problems(faults))) from None
    print(json.dumps(_figures(counts)) if asked.json else told(counts))
    return 0


async def _serve(tree: ConfigTree, counts: Counts, messages: int, seconds: float) -> None:
    machine = os_machine()
    enough = trio.Event()

    def count() -> None:
        if 0 < messages <= counts.messages:
            enough.set()

    counts.told = count
    with trio.move_on_after(seconds or float("inf")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_obey, machine, enough)
            for endpoint in await nursery.start(run_sink, machine, tree, counts):
                print(f"taking mail at {_place(endpoint)}", flush=True)
            await enough.wait()
            await trio.sleep(LAST_REPLY_SECONDS)
            nursery.cancel_scope.cancel()


async def _obey(machine: Machine, enough: trio.Event) -> None:
    async with machine.process.signals("SIGTERM", "SIGINT") as arrivals:
        async for _ in arrivals:
            enough.set()


def _place(endpoint: Endpoint) -> str:
    return endpoint.path or str(endpoint)


def told(counts: Counts) -> str:
    """What came, in words."""
    came = f"{counts.messages} messages for {counts.recipients} recipients, {counts.octets} octets"
    lines = [f"{came}, in {counts.sessions} sessions"]
    lines += [f"refused by {module}: {count} x {code}" for (module, code), count in sorted(counts.refused.items())]
    return "\n".join(lines)


def _figures(counts: Counts) -> dict[str, object]:
    refused = [
        {"module": module, "code": code, "count": count} for (module, code), count in sorted(counts.refused.items())
    ]
    figures = {name: getattr(counts, name) for name in ("sessions", "messages", "recipients", "octets")}
    return {**figures, "refused": refused}


def _problems(faults: BaseExceptionGroup[ApplyError]) -> list[str]:
    found: list[str] = []
    for fault in faults.exceptions:
        found += _problems(fault) if isinstance(fault, BaseExceptionGroup) else fault.problems
    return found


if __name__ == "__main__":
    sys.exit(main())
