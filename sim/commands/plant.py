"""``ec_sim plant NAME FOLDER``: a copy of the tree with a bug in it, to see how it is found."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..planted import COPIED, PLANTED, PatchError, Planted, apply
from .command import EXIT_HELD, Command, UsageError


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="how the name begins: " + ", ".join([each.name for each in PLANTED])
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where the copy goes")


def _act(asked: argparse.Namespace) -> int:
    planted, folder = named(asked.name), asked.folder
    if there := [name for name in COPIED if (folder / name).exists()]:
        raise UsageError(f"{folder}: there is {' and '.join(there)} already")
    try:
        apply(planted, folder)
    except (PatchError, OSError) as wrong:
        raise UsageError(str(wrong)) from wrong
    print(f"{planted.name}, in {folder}: {planted.meaning}")
    return EXIT_HELD


def named(beginning: str) -> Planted:
    """The one planted bug whose name begins so. Raises UsageError."""
    found = [planted for planted in PLANTED if planted.name.startswith(beginning)]
    if len(found) != 1:
        raise UsageError(f"{beginning}: {'no planted bug begins' if not found else 'several planted bugs begin'} so")
    return found[0]


COMMAND = Command(_options, _act)
