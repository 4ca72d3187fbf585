"""``ec_ctl [-c FILE] start|stop|restart|reload|status|drain``: a host in the background, by its pid file.

The configuration names the pid file (PIDFile) and the console. start waits until every socket is bound; stop lets the
host drain for Drain_Timeout and then has it end at once; drain waits and does not insist; reload asks the console, or
sends SIGHUP where there is none. Without --console it is the first control socket of the configuration; over TCP one
proves who one is as with ec_console. Exit status as LSB has it: 0 done (also where there was nothing to do); 1 failed;
2 wrong arguments or configuration; 4 not permitted; 6 no PIDFile; 7 not running; of status: 0 running, 1 dead with a
pid file left, 3 not running.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from momentum_trio.cli.configuration import default_file, load, schema
from momentum_trio.cli.console_link import Endpoint, Gone, Link, RemoteProtocolError
from momentum_trio.cli.console_password import Credentials, entered
from momentum_trio.cli.host_process import HostProcess, running
from momentum_trio.cli.host_start import StartFailed, start
from momentum_trio.cli.output import for_readers
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.include import NoConfiguration
from momentum_trio.config.load import checked
from momentum_trio.config.tree import ConfigTree
from momentum_trio.node.node_options import NodeOptions

DONE, FAILED, WRONG, NOT_PERMITTED, NOT_CONFIGURED, NOT_RUNNING = 0, 1, 2, 4, 6, 7
STATUS_DEAD, STATUS_STOPPED = 1, 3
START_SECONDS = 90.0
MARGIN_SECONDS = 10.0
"""Beyond Drain_Timeout, and for a host that was told to end at once."""


@dataclass(frozen=True, slots=True)
class Control:
    """What is known of the host that is meant. console: where its console is, and how to get in; None: there is none.

    is_named: whether the console was named on the command line: then no pid file has to say that it runs.
    """

    config: str
    pid_file: str
    output: str
    console: Callable[[], Link] | None
    is_named: bool
    drain_seconds: float
    start_seconds: float
    arguments: Sequence[str]

    def start(self) -> int:
        """Have it run."""
        with running(self.pid_file) as host:
            if host is not None:
                return _said(f"ecelerity is running already (pid {host.pid})")
        try:
            pid = start(self.config, self.output, self.start_seconds, self.arguments)
        except StartFailed as why:
            return _failed(f"ecelerity did not start: {why}")
        return _said(f"ecelerity started (pid {pid})")

    def stop(self) -> int:
        """Have it end: drained, or at once when that takes too long."""
        with running(self.pid_file) as host:
            if host is None:
                return _said("ecelerity is not running")
            host.signal(signal.SIGTERM)
            if host.ends_within(self.drain_seconds):
                return _said("ecelerity stopped")
            host.signal(signal.SIGTERM)
            if host.ends_within(MARGIN_SECONDS):
                return _said(f"ecelerity stopped: it had not drained within {self.drain_seconds:g} seconds")
            return _failed(f"ecelerity (pid {host.pid}) does not end, though it was told to end at once")

    def drain(self) -> int:
        """Have it end, and wait for that."""
        with running(self.pid_file) as host:
            if host is None:
                return _said("ecelerity is not running")
            host.signal(signal.SIGTERM)
            if host.ends_within(self.drain_seconds):
                return _said("ecelerity drained")
            return _failed(f"ecelerity (pid {host.pid}) still drains after {self.drain_seconds:g} seconds")

    def restart(self) -> int:
        """Have it end, and another one run."""
        return self.stop() or self.start()

    def reload(self) -> int:
        """Have it read its configuration again."""
        if self.is_named and self.console is not None:
            return _reload_by_console(self.console)
        with running(self.pid_file) as host:
            if host is None:
                return _failed("ecelerity is not running", NOT_RUNNING)
            return self._reload_by_signal(host) if self.console is None else _reload_by_console(self.console)

    def _reload_by_signal(self, host: HostProcess) -> int:
        host.signal(signal.SIGHUP)
        return _said("SIGHUP sent; without a console only the paniclog tells how it went")

    def status(self) -> int:
        """Say whether it runs."""
        with running(self.pid_file) as host:
            if host is not None:
                return _said(f"ecelerity is running (pid {host.pid})")
        if os.path.exists(self.pid_file):
            return _failed(f"ecelerity is dead; {self.pid_file} is still there", STATUS_DEAD)
        return _failed("ecelerity is not running", STATUS_STOPPED)


def _reload_by_console(connect: Callable[[], Link]) -> int:
    said: list[str] = []
    try:
        link = connect()
        try:
            ended = link.command("config reload", "text", said.append)
        finally:
            link.close()
    except (OSError, Gone, RemoteProtocolError, ValueError) as fault:
        return _failed(f"no answer from the console: {fault}")
    text = "".join(said).rstrip("\n")
    return _said(text) if ended.status == "ok" else _failed(text)


ACTIONS: Mapping[str, Callable[[Control], int]] = {
    "start": Control.start,
    "stop": Control.stop,
    "restart": Control.restart,
    "reload": Control.reload,
    "status": Control.status,
    "drain": Control.drain,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    asked = _parser().parse_args(arguments)
    return for_readers(lambda: _run(asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ec_ctl", description="Start and stop a host in the background.")
    parser.add_argument("-c", "--config", default=default_file(), metavar="FILE", help="default: %(default)s")
    parser.add_argument("--pid-file", default="", metavar="FILE", help="default: PIDFile of the configuration")
    parser.add_argument("--output", default="", metavar="FILE", help="what it prints; default: the pid file's name.out")
    parser.add_argument("--timeout", type=float, default=0.0, metavar="SECONDS", help="how long to wait")
    parser.add_argument("--console", default="", metavar="[USER@]ENDPOINT", help="for reload; as ec_console takes it")
    parser.add_argument("--password-file", default="", metavar="FILE", help="its first line is the console's password")
    parser.add_argument("--tls-ca", default="", metavar="FILE", help="issuers of the console's certificate (PEM)")
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("arguments", nargs="*", metavar="-- ARGUMENT", help="for ecelerity, with start and restart")
    return parser


def _run(asked: argparse.Namespace) -> int:
    try:
        control = _control(asked)
        if not control.pid_file and not (control.is_named and asked.action == "reload"):
            return _failed("the configuration has no PIDFile, and no --pid-file was given", NOT_CONFIGURED)
        return ACTIONS[asked.action](control)
    except ConfigErrors as errors:
        return _failed(errors.render(), WRONG)
    except (NoConfiguration, ValueError) as error:
        return _failed(str(error), WRONG)
    except PermissionError as fault:
        return _failed(str(fault), NOT_PERMITTED)
    except OSError as fault:
        return _failed(str(fault))


def _control(asked: argparse.Namespace) -> Control:
    """A host that runs can be stopped though its file is wrong now.

    Raises: ConfigErrors and NoConfiguration; ValueError for a console that is no endpoint.
    """
    tree, errors = load(asked.config, schema())
    if asked.action in ("start", "restart"):
        checked(tree, errors)
    options = NodeOptions.resolve(tree.chain_global())
    pid_file, patience = asked.pid_file or options.pid_file, asked.timeout or options.drain_timeout + MARGIN_SECONDS
    return Control(
        asked.config,
        pid_file,
        asked.output or f"{pid_file}.out",
        _connecting(asked, asked.console or _console(tree), patience),
        bool(asked.console),
        patience,
        asked.timeout or START_SECONDS,
        asked.arguments,
    )


def _connecting(asked: argparse.Namespace, place: str, seconds: float) -> Callable[[], Link] | None:
    """How the console at *place* is entered; None where that is empty. Raises ValueError."""
    if not place:
        return None
    endpoint = Endpoint.parse(place)
    return partial(entered, endpoint, seconds, asked.tls_ca, Credentials(endpoint.user, asked.password_file))


def _console(tree: ConfigTree) -> str:
    """The path of the first control socket; empty when there is none."""
    return next(
        (
            listen.instance
            for listener in tree.root.all("control_listener")
            for listen in listener.all("listen")
            if listen.instance.startswith("/")
        ),
        "",
    )


def _said(text: str) -> int:
    print(text)
    return DONE


def _failed(text: str, status: int = FAILED) -> int:
    print(f"ec_ctl: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
