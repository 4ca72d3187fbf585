"""ecelerity -c FILE [--check-config] [--version]: the host, in the foreground.

Prints one line per Listen when all are bound (what is not bound, and why, too), then a command that sends a first
message and the one that opens the console, in words that can be pasted. Exit status: 0 after a drain (or for a good
configuration with --check-config), 1 when it could not run or was cut short, 2 when the configuration is wrong.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import trio

from momentum_trio import __version__
from momentum_trio.cli.output import leaves
from momentum_trio.config.error import ConfigErrors, render
from momentum_trio.config.schema import Schema
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.facade import ApplyError, ListenReport, ListenState
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.net.netblock import parse_address
from momentum_trio.node.configuration import read_configuration
from momentum_trio.node.node import NODE, Ended, Started, about, run_node
from momentum_trio.node.privilege import whom_to_become
from momentum_trio.node.program import Program
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.reception_options import ReceptionOptions
from momentum_trio.spool.fault import SpoolFault

GOOD, FAILED, WRONG = 0, 1, 2
EXAMPLE = "example.com"
WHY_NOT_BOUND = {
    ListenState.DISABLED: "Enable = false",
    ListenState.FAILED: "it failed; the paniclog says why",
    ListenState.ELSEWHERE: "its address floats, and is not here",
}
GARBAGE_THRESHOLDS = (20_000, 20, 20)
"""For the collector of reference cycles, which few things here are part of: by Python's own thresholds it takes a
tenth of the CPU time under load. The first one bounds what waits for it, in objects."""

DESCRIPTION = "The host, in the foreground. SIGTERM or Ctrl-C drains and ends it, a second one ends it at once."
EPILOG = "exit status: 0 ended in good order; 1 could not run, or was cut short; 2 the configuration is wrong"


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit status."""
    return serve(NODE, DESCRIPTION, arguments)


def serve(program: Program, description: str, arguments: Sequence[str] | None) -> int:
    """Be *program*, as its *arguments* say. Returns its exit status."""
    logging.getLogger("coredis").addHandler(logging.NullHandler())  # what it has to say is said in the paniclog
    chosen = _parser(program.name, description).parse_args(arguments)
    status = FAILED
    try:
        status = trio.run(_check if chosen.check_config else _run, program, chosen.config)
    except* ConfigErrors as faults:
        for fault in leaves(faults):
            assert isinstance(fault, ConfigErrors)
            _complain(fault.render())
        status = WRONG
    except* ApplyError as faults:
        for fault in leaves(faults):
            assert isinstance(fault, ApplyError)
            for problem in fault.problems:
                _complain(f"{program.name}: {problem}")
    except* SpoolFault as faults:
        for fault in leaves(faults):
            _complain(f"ecelerity: spool: {fault}")
    return status


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, description=description, epilog=EPILOG)
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the configuration file")
    parser.add_argument("--check-config", action="store_true", help="say what is wrong with the file, and end")
    parser.add_argument("--version", action="version", version=f"{name} (momentum-trio) {__version__}")
    return parser


async def _check(program: Program, path: str) -> int:
    machine = os_machine()
    tree = await read_configuration(machine, path, Schema.load(DECLARED))
    whom_to_become(machine, tree)
    if tree.warnings:
        _complain(render(tree.warnings, tree.sources()))
    if problems := program.unfit(tree):
        raise ApplyError(problems)
    for note in about(machine, tree):
        _complain(f"warning: {note}")
    print("Configuration valid")
    return GOOD


async def _run(program: Program, path: str) -> int:
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    machine = os_machine()
    ended = Ended.CUT
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[Started]) -> None:
            nonlocal ended
            ended = await run_node(machine, path, program, say=_complain, task_status=task_status)

        _announce(await nursery.start(run))
        gc.collect()
        gc.freeze()  # what a node is made of stays to its end: it need not be looked through again and again
    return GOOD if ended is Ended.DRAINED else FAILED


def _announce(started: Started) -> None:
    """What an operator at a terminal needs to know first."""
    for note in started.notes:
        _complain(note)
    name = max((len(report.listener) for report in started.listens), default=0)
    place = max((len(report.bound or report.endpoint) for report in started.listens), default=0)
    for report in started.listens:
        why = f"  not bound: {WHY_NOT_BOUND[report.state]}" if not report.bound else ""
        print(f"{report.listener:<{name}}  {report.bound or report.endpoint:<{place}}{why}".rstrip())
    if (smtp := _first(started.listens, "ESMTP_Listener")) is not None and smtp.family is not Family.UNIX:
        print(_first_message(started.administration.tree, smtp))
    pages = [
        _page(started.administration.tree, report)
        for report in started.listens
        if report.listener == "HTTP_Listener" and report.bound
    ]
    if page := next(filter(None, pages), ""):
        print(f"To see it in a browser:   {page}")
    if (control := _first(started.listens, "Control_Listener")) is not None:
        print(f"To open the console:      {_console()} {shlex.quote(_reachable(control))}")
    else:
        print("There is no console: no Listen of a Control_Listener is bound.")
    sys.stdout.flush()


def _first(listens: Sequence[ListenReport], listener: str) -> Endpoint | None:
    return next((Endpoint.parse(r.bound) for r in listens if r.listener == listener and r.bound), None)


def _first_message(tree: ConfigTree, listen: Endpoint) -> str:
    """How to send one from this host, or why it would be refused."""
    host = _host(listen)
    options = ReceptionOptions.resolve(tree.chain_for("esmtp_listener", listen, peer := parse_address(host)))
    domain = next((domain for domain in options.relay_domains.items if "*" not in domain), "")
    if not (domain or options.open_relay or peer in options.relay_hosts):
        return f"No mail is taken from {host} yet: Relay_Domains and Relay_Hosts say for whom, and from whom."
    script = (
        f"import smtplib; smtplib.SMTP('{host}', {listen.port}).sendmail("
        f"'me@{domain or EXAMPLE}', ['you@{domain or EXAMPLE}'], 'Subject: first\\n\\nHello.\\n')"
    )
    return f'To send a first message:  python3 -c "{script}"'


def _page(tree: ConfigTree, report: ListenReport) -> str:
    """Where its page is, for a browser on this host; empty: no browser can go there."""
    bound = Endpoint.parse(report.bound)
    if bound.family is Family.UNIX:
        return ""
    chain = tree.chain_for("http_listener", Endpoint.parse(report.endpoint), parse_address(_host(bound)))
    return f"{'https' if ListenerTlsOptions.resolve(chain).use_ssl else 'http'}://{_reachable(bound)}/"


def _host(endpoint: Endpoint) -> str:
    """An address at which this host itself reaches *endpoint*."""
    return {"*": "127.0.0.1", "::": "::1"}.get(endpoint.address, endpoint.address)


def _reachable(endpoint: Endpoint) -> str:
    return endpoint.path or str(replace(endpoint, address=_host(endpoint)))


def _console() -> str:
    """The console's command as it can be typed here: by its name if that is found, else as this program was."""
    beside = [Path(program).with_name("ec_console") for program in (sys.argv[0], sys.executable)]
    found = next((path for path in beside if os.access(path, os.X_OK)), None)
    on_path = shutil.which("ec_console")
    if on_path is not None and (found is None or Path(on_path).resolve() == found.resolve()):
        return "ec_console"
    if found is None:
        return f"{shlex.quote(sys.executable)} -m momentum_trio.cli.ec_console"
    here = Path.cwd()
    return shlex.quote(str(found.relative_to(here) if found.is_relative_to(here) else found))


def _complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
