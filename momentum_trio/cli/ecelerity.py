"""ecelerity -c FILE [--strict] [--check-config] [--version]: the host, in the foreground.

Prints one line per Listen when all are bound, then a command that sends a first message and the one that opens the
console. Exit status: 0 after a drain (or for a good configuration with --check-config), 1 when it could not run or was
cut short, 2 when the configuration is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import trio

from momentum_trio import __version__
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.schema import Schema
from momentum_trio.console.facade import ApplyError, ListenReport
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.node.configuration import read_configuration, unbuilt
from momentum_trio.node.node import Ended, Started, run_node
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.tables import LISTENERS
from momentum_trio.reception.reception_options import ReceptionOptions
from momentum_trio.spool.fault import SpoolFault

GOOD, FAILED, WRONG = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit status."""
    chosen = _parser().parse_args(arguments)
    status = FAILED
    try:
        status = trio.run(_check if chosen.check_config else _run, chosen.config, chosen.strict)
    except* ConfigErrors as faults:
        for fault in _leaves(faults):
            assert isinstance(fault, ConfigErrors)
            _complain(fault.render())
        status = WRONG
    except* ApplyError as faults:
        for fault in _leaves(faults):
            assert isinstance(fault, ApplyError)
            for problem in fault.problems:
                _complain(f"ecelerity: {problem}")
    except* SpoolFault as faults:
        for fault in _leaves(faults):
            _complain(f"ecelerity: spool: {fault}")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ecelerity", description="The host, in the foreground.")
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the configuration file")
    parser.add_argument("--strict", action="store_true", help="refuse listeners that are not built yet")
    parser.add_argument("--check-config", action="store_true", help="say what is wrong with the file, and end")
    parser.add_argument("--version", action="version", version=f"ecelerity (momentum-trio) {__version__}")
    return parser


async def _check(path: str, strict: bool) -> int:
    tree = await read_configuration(os_machine(), path, Schema.load(DECLARED))
    notes = unbuilt(tree, LISTENERS)
    for warning in tree.warnings:
        _complain(warning.render(None))
    if strict and notes:
        raise ApplyError(notes)
    for note in notes:
        _complain(note)
    print("Configuration valid")
    return GOOD


async def _run(path: str, strict: bool) -> int:
    machine = os_machine()
    ended = Ended.CUT
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[Started]) -> None:
            nonlocal ended
            ended = await run_node(machine, path, strict=strict, say=_complain, task_status=task_status)

        _announce(await nursery.start(run))
    return GOOD if ended is Ended.DRAINED else FAILED


def _announce(started: Started) -> None:
    """What an operator at a terminal needs to know first."""
    for note in started.notes:
        _complain(note)
    width = max((len(report.listener) for report in started.listens), default=0)
    for report in started.listens:
        if report.bound:
            print(f"{report.listener:<{width}}  {report.bound}")
    if (smtp := _first(started.listens, "ESMTP_Listener")) is not None and smtp.family is not Family.UNIX:
        print(f"To send a first message:  {_sending(smtp, _domain(started))}")
    if (control := _first(started.listens, "Control_Listener")) is not None:
        print(f"To open the console:      ec_console {control}")
    sys.stdout.flush()


def _first(listens: Sequence[ListenReport], listener: str) -> Endpoint | None:
    return next((Endpoint.parse(r.bound) for r in listens if r.listener == listener and r.bound), None)


def _domain(started: Started) -> str:
    """A domain that mail is taken for from anybody."""
    options = ReceptionOptions.resolve(started.administration.tree.chain_for("esmtp_listener", None, None))
    return next((domain for domain in options.relay_domains.items if "*" not in domain), "example.com")


def _sending(endpoint: Endpoint, domain: str) -> str:
    host = {"*": "127.0.0.1", "::": "::1"}.get(endpoint.address, endpoint.address)
    script = (
        f"import smtplib; smtplib.SMTP('{host}', {endpoint.port}).sendmail("
        f"'me@{domain}', ['you@{domain}'], 'Subject: first\\n\\nHello.\\n')"
    )
    return f'python3 -c "{script}"'


def _complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _leaves(fault: BaseException) -> list[BaseException]:
    if isinstance(fault, BaseExceptionGroup):
        return [leaf for inner in fault.exceptions for leaf in _leaves(inner)]
    return [fault]


if __name__ == "__main__":
    sys.exit(main())
