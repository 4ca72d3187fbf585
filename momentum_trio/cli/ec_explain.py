"""``ec_explain -c FILE PEER to LISTEN ...``: why a session, or mail to a domain, would go as it goes.

As ``config explain`` in the console, for a file that need not run anywhere. Exit status 0: told; 1: nobody would have
that connection; 2: the configuration, or the question, is wrong.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from functools import partial

from momentum_trio.cli.configuration import checked_tree, default_file
from momentum_trio.cli.output import for_operators
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.explanation.question import CONSOLE, INBOUND, OUTBOUND

NO_SESSION = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="ec_explain", description="Tell why a session, or mail to a domain, would go as it goes."
    )
    parser.add_argument("-c", dest="file", metavar="FILE", default=default_file(), help="default: %(default)s")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--hostname", default=socket.gethostname(), help="where no option names the host: %(default)s")
    parser.add_argument(
        "words", metavar="WORD", nargs="+", help=f"{INBOUND} | {CONSOLE} | {OUTBOUND}".replace("%", "%%")
    )
    asked = parser.parse_args(arguments)
    return for_operators("ec_explain", partial(_run, asked), ValueError)


def _run(asked: argparse.Namespace) -> int:
    told = answer(checked_tree(asked.file), asked.words, asked.hostname)
    print(json.dumps(told.data, indent=1) if asked.format == "json" else told.text)
    return NO_SESSION if told.failed else 0


if __name__ == "__main__":
    sys.exit(main())
