"""``ec_sim``, from the checkout ``python -m sim``: the simulated world from the command line.

Exit status: 0 every invariant held, 1 one was broken, 2 wrong usage, 3 a seed gave two different runs, 4 the simulated
program reached for the real world.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from momentum_trio.cli.output import for_readers

from .commands import COMMANDS, load
from .commands.command import EXIT_USAGE, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(
        prog="ec_sim",
        description="The product in a simulated world: deterministic, under faults.",
        epilog="Exit status: 0 held, 1 broken, 2 usage, 3 nondeterminism, 4 escape.",
    )
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    words = sys.argv[1:] if arguments is None else arguments
    for name, summary in COMMANDS.items():
        options = choices.add_parser(name, help=summary, description=f"ec_sim {name}: {summary}.")
        if name in words[:1]:
            command = load(name)
            command.options(options)
            options.set_defaults(act=command.act)
    asked = parser.parse_args(words)
    return for_readers(partial(_act, asked))


def _act(asked: argparse.Namespace) -> int:
    try:
        status: int = asked.act(asked)
    except UsageError as wrong:
        print(f"ec_sim: {wrong}", file=sys.stderr)
        return EXIT_USAGE
    return status


if __name__ == "__main__":
    sys.exit(main())
