"""ec_rotate: rotate the log files of a running host, have it open them anew, compress and expire the old ones.

Reads ``ec_rotate.conf`` as the original does. The order: the host is asked whether it is there, files are renamed, the
host opens its logs anew and says so, and only then the old files are compressed. Exit status: 0 done; 1 something could
not be done (said on stderr; the next run goes on from there); 2 wrong arguments or configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from momentum_trio.cli.console_link import DEFAULT_ENDPOINT, Endpoint, Gone, Link, RemoteProtocolError, reason
from momentum_trio.cli.rotation import alone, compress, expire, turn

DEFAULT_CONFIG = Path("/opt/msys/ecelerity/etc/ec_rotate.conf")
LOG_FOLDER = "/var/log/ecelerity"
LOGS = ("mainlog.ec", "paniclog.ec", "rejectlog.ec", "bouncelog.ec", "acctlog.ec", "httplog.ec")
RETENTION, RETENTION_MAX = 7, 100_000
UTILITIES = {"bzip2": ".bz2", "gzip": ".gz"}
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ending: of compressed files, empty: they stay as they are. socket: the host's console."""

    enabled: bool = True
    logs: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    retention: int = RETENTION
    socket: str = DEFAULT_ENDPOINT
    ending: str = ".bz2"

    def files(self) -> list[Path]:
        """The logs, and what ends with ``.log`` in the folders; each once."""
        inside = [path for folder in self.folders if folder.is_dir() for path in sorted(folder.glob("*.log"))]
        return list(dict.fromkeys((*self.logs, *inside)))


class Wrong(Exception):
    """The operator's words are wrong: an argument, or a line of ec_rotate.conf."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        plan = _planned(chosen)
    except (Wrong, OSError) as fault:
        print(f"ec_rotate: {fault}", file=sys.stderr)
        return 2
    if not plan.enabled:
        return 0
    try:
        with ExitStack() as locks:
            for folder in {log.parent: log for log in plan.files() if log.parent.is_dir()}.values():
                locks.enter_context(alone(folder))
            return _rotate(plan, verbose=chosen.verbose)
    except BlockingIOError:
        print("ec_rotate: another one is at work in the same folder", file=sys.stderr)
        return 1


def _rotate(plan: Plan, *, verbose: bool) -> int:
    endpoint = Endpoint.parse(plan.socket)
    try:
        link = Link(endpoint, SECONDS)
    except (OSError, Gone, RemoteProtocolError) as fault:
        print(f"ec_rotate: {plan.socket}: {reason(fault, endpoint)}; nothing was rotated", file=sys.stderr)
        return 1
    problems = list(_turn_all(plan, verbose=verbose))
    try:
        answers: list[str] = []
        ended = link.command("reopen logs", "text", answers.append)
        link.close()
    except (OSError, Gone, RemoteProtocolError) as fault:
        problems.append(f"{plan.socket}: {reason(fault, endpoint)}; nothing was compressed")
    else:
        if ended.status != "ok":
            problems.append(f"{plan.socket}: {''.join(answers).strip()}; nothing was compressed")
        else:
            problems += _finish_all(plan, verbose=verbose)
    for problem in problems:
        print(f"ec_rotate: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _turn_all(plan: Plan, *, verbose: bool) -> Iterator[str]:
    """Rename every log; yields what went wrong."""
    for log in plan.files():
        try:
            if log.parent.is_dir() and turn(log) and verbose:
                print(f"{log} -> {log}.1")
        except OSError as fault:
            yield f"{log}: {fault.strerror or fault}"


def _finish_all(plan: Plan, *, verbose: bool) -> Iterator[str]:
    """Compress and expire; yields what went wrong."""
    for log in plan.files():
        try:
            if not log.parent.is_dir():
                continue
            if plan.ending:
                compress(log, plan.ending)
            for path in expire(log, plan.retention):
                if verbose:
                    print(f"{path} removed")
        except OSError as fault:
            yield f"{log}: {fault.strerror or fault}"


def _planned(chosen: argparse.Namespace) -> Plan:
    plan = Plan(logs=tuple(Path(LOG_FOLDER, name) for name in LOGS), folders=(Path(LOG_FOLDER, "adaptive"),))
    if chosen.conf is not None:
        plan = configured(plan, chosen.conf.read_text(), chosen.conf)
    elif DEFAULT_CONFIG.exists() and not (chosen.logfile or chosen.logdir):
        plan = configured(plan, DEFAULT_CONFIG.read_text(), DEFAULT_CONFIG)
    if chosen.logfile or chosen.logdir:
        plan = replace(plan, logs=tuple(chosen.logfile), folders=tuple(chosen.logdir))
    if chosen.retention is not None:
        plan = replace(plan, retention=_retention(chosen.retention))
    if chosen.socket is not None:
        plan = replace(plan, socket=chosen.socket)
    if chosen.compress is not None:
        plan = replace(plan, ending=_ending(chosen.compress))
    if chosen.nocompress:
        plan = replace(plan, ending="")
    try:
        Endpoint.parse(plan.socket)
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    return plan


def configured(plan: Plan, text: str, path: PurePath) -> Plan:
    r"""*plan* as ec_rotate.conf has it: ``name = value``, ``#`` comments, ``\`` at the end goes on. Raises Wrong."""
    for number, line in _logical_lines(text):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise Wrong(f"{path}:{number}: expected name = value")
        try:
            plan = _with(plan, name, value)
        except Wrong as fault:
            raise Wrong(f"{path}:{number}: {fault}") from fault
    return plan


def _with(plan: Plan, name: str, value: str) -> Plan:
    match name:
        case "enabled":
            if value not in ("yes", "no"):
                raise Wrong("enabled is yes or no")
            return replace(plan, enabled=value == "yes")
        case "logfiles":
            return replace(plan, logs=tuple(map(Path, value.split())))
        case "logdirs":
            return replace(plan, folders=tuple(map(Path, value.split())))
        case "retention":
            return replace(plan, retention=_retention(value))
        case "control_socket":
            return replace(plan, socket=value)
        case "path_to_bzip":
            return replace(plan, ending=_ending(value))
    raise Wrong(f"there is no {name}")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that go on joined; each with the number of its first."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.partition("#")[0].rstrip()
        first = first or number
        if plain.endswith("\\"):
            begun += plain[:-1] + " "
            continue
        if (begun + plain).strip():
            yield first, begun + plain
        begun, first = "", 0
    if begun.strip():
        yield first, begun


def _retention(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= RETENTION_MAX):
        raise Wrong(f"retention is a number from 1 to {RETENTION_MAX}")
    return int(text)


def _ending(utility: str) -> str:
    if (name := PurePath(utility).name) not in UTILITIES:
        raise Wrong(f"compression is that of {' or '.join(UTILITIES)}, not {name!r}")
    return UTILITIES[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ec_rotate", description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "-c", "-compress", metavar="UTILITY", dest="compress", help="bzip2 or gzip: whose format (bzip2)"
    )
    parser.add_argument(
        "-conf", type=Path, metavar="FILE", help=f"the configuration ({DEFAULT_CONFIG}, where it exists)"
    )
    parser.add_argument("-d", "-default", action="store_true", dest="default", help="as without -conf")
    parser.add_argument("-l", "-logfile", type=Path, action="append", default=[], metavar="FILE", dest="logfile",
                        help="rotate this file instead of those configured; may be given again")  # fmt: skip
    parser.add_argument("-logdir", type=Path, action="append", default=[], metavar="DIR",
                        help="rotate what ends with .log there; may be given again")  # fmt: skip
    parser.add_argument("-n", "-nocompress", action="store_true", dest="nocompress", help="do not compress")
    parser.add_argument("-r", "-retention", metavar="N", dest="retention", help=f"rotated files kept ({RETENTION})")
    parser.add_argument("-s", "-socket", metavar="ENDPOINT", dest="socket", help=f"the console ({DEFAULT_ENDPOINT})")
    parser.add_argument("-v", action="store_true", dest="verbose", help="say what is done")
    return parser


if __name__ == "__main__":
    sys.exit(main())
