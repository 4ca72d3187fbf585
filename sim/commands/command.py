"""What a command of ``ec_sim`` is, and what several of them share: arguments, scenario files, traces."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from momentum_trio.config.error import render

from ..scenario import Scenario
from ..scenario_text import ScenarioErrors, read

EXIT_HELD, EXIT_BROKEN, EXIT_USAGE = 0, 1, 2
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
SEEDS_MAX = 10_000_000  # of one campaign


class UsageError(Exception):
    """What was asked for cannot be done: a file that cannot be read, a scenario that is wrong. Exit status 2."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. options: adds what it takes to its parser; act: does it and returns the exit status.

    A command that runs seeds itself begins with ``surroundings.settle``, which may start the program again.
    """

    options: Callable[[argparse.ArgumentParser], object]
    act: Callable[[argparse.Namespace], int]


def scenario_in(path: str) -> Scenario:
    """The scenario in that file. Raises UsageError with all that is wrong with it."""
    try:
        return read(path)
    except ScenarioErrors as wrong:
        raise UsageError(render(wrong.errors, wrong.texts)) from wrong


def write_file(path: Path, text: str) -> None:
    """Write a file, and the folder it is in. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{path}: {fault.strerror}") from fault


def write_trace(path: Path, trace: Iterable[str]) -> None:
    """Write a trace, a line an event."""
    write_file(path, "".join([line.replace("\r", "\\r").replace("\n", "\\n") + "\n" for line in trace]))


def add_file(parser: argparse.ArgumentParser) -> None:
    """The scenario file."""
    parser.add_argument("file", metavar="FILE", help="a scenario file")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """The seed of one run."""
    parser.add_argument("--seed", type=seed, metavar="N", help="default: the file's own seed")
    parser.add_argument(
        "--hash-seed", type=seed, metavar="H", help="PYTHONHASHSEED of the run; default: made from the seed"
    )


def seed(text: str) -> int:
    """A seed as it is written."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: a number from 0 on")
    return int(text)


def seeds(text: str) -> range:
    """``A..B``, both included, or one seed."""
    first, dots, last = text.partition("..")
    begin = seed(first)
    found = range(begin, (seed(last) if dots else begin) + 1)
    if not found or len(found) > SEEDS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: from 1 to {SEEDS_MAX} seeds are a range, as in 1..1000")
    return found


def duration(text: str) -> float:
    """Seconds: ``90``, ``90s``, ``10m``, ``1h``."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: as in 90s, 10m or 1h")
    return float(found[1]) * UNITS[found[2]]


def program(arguments: str) -> str:
    """A line to paste."""
    return f"{Path(sys.executable).name} -m sim {arguments}"
