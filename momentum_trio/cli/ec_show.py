"""``ec_show``: what is queued in the spool, from its files alone; the host may run meanwhile.

The options are the manual's (page executable.ec_show), and ours: ``--domain``, ``--binding``, ``--min_age``,
``--min_retries``, ``--json``. A message is shown when all that is asked for holds. With ``-m`` the content follows.
Exit status 0 good, 1 when the message asked for is not there or the spool cannot be read, 2 for wrong arguments or
configuration.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from momentum_trio.cli.configuration import EXIT_BAD_CONFIGURATION, checked_tree, default_file
from momentum_trio.cli.output import for_readers
from momentum_trio.cli.queued import as_json, as_text
from momentum_trio.cli.spool_files import Queued, SpoolFiles
from momentum_trio.config.error import ConfigErrors
from momentum_trio.node.node_options import SpoolOptions
from momentum_trio.spool.frame import NotOurs

Test = Callable[[Queued], bool]


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="ec_show", description="Show what is queued in the spool.")
    parser.add_argument("-c", dest="file", metavar="FILE", default=default_file(), help="default: %(default)s")
    parser.add_argument("-d", dest="base", metavar="DIR", help="a spool directory, instead of the configuration's")
    parser.add_argument("-m", dest="identifier", metavar="ID", help="show this message, with its content")
    parser.add_argument("-n", dest="count", action="store_true", help="only how many there are")
    parser.add_argument(
        "-s", dest="all", action="store_true", help="the spool, with its messages (what is done anyway)"
    )
    parser.add_argument("--start_date", type=moment, metavar="TIME", help="created at or after; YYYY-MM-DD[ HH:MM:SS]")
    parser.add_argument("--end_date", type=moment, metavar="TIME", help="created at or before it")
    parser.add_argument("--sender", type=pattern, metavar="PCRE")
    parser.add_argument("--recipient", type=pattern, metavar="PCRE")
    parser.add_argument("--domain", help="the routing domain")
    parser.add_argument("--binding", help="a binding, or a binding group")
    parser.add_argument("--min_age", type=float, metavar="SECONDS")
    parser.add_argument("--min_retries", type=int, metavar="COUNT")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    asked = parser.parse_args(arguments)
    return for_readers(partial(_run, asked))


def moment(text: str) -> float:
    """A time, in Unix seconds: of the clock here, or as they are. Raises ValueError."""
    return float(text) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text).timestamp()


def pattern(text: str) -> re.Pattern[str]:
    """Raises ValueError."""
    try:
        return re.compile(text)
    except re.error as wrong:
        raise ValueError(str(wrong)) from wrong


def spool_of(file: str) -> str:
    """The directory of the spool a configuration names. Raises ConfigErrors."""
    return SpoolOptions.resolve(checked_tree(file).chain_global()).base


def _run(asked: argparse.Namespace) -> int:
    try:
        files = SpoolFiles(asked.base or spool_of(asked.file))
        files.read()
    except ConfigErrors as wrong:
        print(wrong.render(), file=sys.stderr)
        return EXIT_BAD_CONFIGURATION
    except (OSError, NotOurs) as error:
        print(f"ec_show: {error}", file=sys.stderr)
        return 1
    if asked.identifier is not None:
        return _show_one(files, asked.identifier, json_form=asked.json)
    tests = _tests(asked)
    if asked.count and not tests:
        print(sum(files.ledger.batches.open[row] for each in files.segments for row in files.ledger.rows(each.segment)))
        return 0
    return _show(files, tests, count_only=asked.count, json_form=asked.json)


def _show(files: SpoolFiles, tests: Sequence[Test], *, count_only: bool, json_form: bool) -> int:
    count = 0
    for queued in files.queued():
        if all(test(queued) for test in tests):
            count += 1
            if not count_only:
                print(json.dumps(as_json(queued)) if json_form else as_text(queued))
    if count_only:
        print(count)
    return 0


def _show_one(files: SpoolFiles, identifier: str, *, json_form: bool) -> int:
    try:
        found = files.one(identifier)
        content = files.content(found[0].slot) if found else b""
    except OSError as error:
        print(f"ec_show: {error}", file=sys.stderr)
        return 1
    if not found:
        print(f"ec_show: {identifier} is not in the spool", file=sys.stderr)
        return 1
    for queued in found:
        print(json.dumps(as_json(queued)) if json_form else as_text(queued))
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    return 0


def _tests(asked: argparse.Namespace) -> list[Test]:
    """What a message must fulfil."""
    tests: list[Test] = []
    if asked.start_date is not None:
        tests.append(lambda queued: queued.custody.received_at >= asked.start_date)
    if asked.end_date is not None:
        tests.append(lambda queued: queued.custody.received_at <= asked.end_date)
    if asked.min_age is not None:
        newest = time.time() - asked.min_age
        tests.append(lambda queued: queued.custody.received_at <= newest)
    if asked.min_retries is not None:
        tests.append(lambda queued: queued.retry is not None and queued.retry.attempts >= asked.min_retries)
    if asked.sender is not None:
        tests.append(lambda queued: asked.sender.search(queued.custody.reverse_path) is not None)
    if asked.recipient is not None:
        tests.append(lambda queued: asked.recipient.search(queued.recipient.forward_path) is not None)
    if asked.domain is not None:
        tests.append(lambda queued: queued.domain == asked.domain.lower())
    if asked.binding is not None:
        tests.append(lambda queued: asked.binding in (queued.way.binding, queued.way.binding_group))
    return tests


if __name__ == "__main__":
    sys.exit(main())
