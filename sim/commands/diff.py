"""``ec_sim diff TRACE1 TRACE2``: two traces at their first difference. 0: they are equal; 1: they are not."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..difference import CONTEXT_LINES, describe, first_difference
from .command import EXIT_BROKEN, EXIT_HELD, Command, UsageError


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("traces", nargs=2, type=Path, metavar="TRACE", help="as `run --trace` writes it")
    parser.add_argument("--context", type=int, default=CONTEXT_LINES, metavar="LINES", help="default: %(default)s")


def _act(asked: argparse.Namespace) -> int:
    one, other = asked.traces
    try:
        with one.open(encoding="utf-8") as lines_of_one, other.open(encoding="utf-8") as lines_of_other:
            stripped = [(line.rstrip("\n") for line in lines) for lines in (lines_of_one, lines_of_other)]
            found = first_difference(stripped[0], stripped[1], max(0, asked.context))
    except OSError as fault:
        raise UsageError(f"{fault.filename}: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise UsageError(f"{one} or {other} is no trace: {fault}") from fault
    if found is None:
        print("The traces are equal.")
        return EXIT_HELD
    print(describe(found, str(one), str(other)))
    return EXIT_BROKEN


COMMAND = Command(_options, _act)
