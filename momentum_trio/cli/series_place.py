"""Where the journals of series are: what ``cidr_cli``, ``cidr_server`` and ``cidr_maintain`` are told of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from momentum_trio.protocol.series.upkeep import FOLDER, TEXT_OCTETS_MAX, Upkeep, configured

DEFAULT_CONFIG = Path("/opt/msys/ecelerity/etc/cidr_maintain.conf")


class Wrong(Exception):
    """The operator's words are wrong: an argument, or a line of cidr_maintain.conf."""


def add_place(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take where they are."""
    parser.add_argument(
        "-c", dest="config", metavar="FILE", type=Path, help=f"cidr_maintain.conf (default: {DEFAULT_CONFIG}, if any)"
    )
    parser.add_argument("--basedir", metavar="FOLDER", help=f"where the journals are, whatever it says ({FOLDER})")


def upkeep_of(asked: argparse.Namespace) -> Upkeep:
    """What the file and the arguments say. Raises Wrong, OSError."""
    path = asked.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    upkeep = Upkeep()
    if path is not None:
        with path.open("rb") as file:
            text = file.read(TEXT_OCTETS_MAX + 1)
        try:
            if len(text) > TEXT_OCTETS_MAX:
                raise ValueError(f"more than {TEXT_OCTETS_MAX} octets")
            upkeep = configured(text.decode())
        except ValueError as fault:
            raise Wrong(f"{path}: {fault}") from None
    return replace(upkeep, folder=str(Path(asked.basedir).absolute())) if asked.basedir else upkeep
