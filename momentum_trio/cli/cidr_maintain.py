"""``cidr_maintain [-c FILE] [--basedir FOLDER] [-v]``: look after the journals of ``as_logger``; meant for cron.

What is older than ``retention`` is removed, what is of days that are over is condensed. Exit status: 0 done; 1 some
could not be done (said on stderr); 2 wrong arguments or configuration, or no such folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial

import trio

from momentum_trio.cli.output import for_operators
from momentum_trio.cli.series_place import Wrong, add_place, upkeep_of
from momentum_trio.cluster.series_files import Done, SeriesFiles
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.protocol.series.upkeep import Upkeep


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="cidr_maintain", description="Look after journals of series.")
    add_place(parser)
    parser.add_argument("-v", dest="verbose", action="store_true", help="say what was done")
    asked = parser.parse_args(arguments)
    return for_operators("cidr_maintain", partial(_maintain, asked), OSError, Wrong)


def _maintain(asked: argparse.Namespace) -> int:
    upkeep = upkeep_of(asked)
    done = trio.run(_look_after, upkeep)
    for complaint in done.complaints:
        print(f"cidr_maintain: {complaint}", file=sys.stderr)
    if asked.verbose:
        print(f"{upkeep.folder}: {done.removed} files removed, {done.condensed} days condensed")
    return 1 if done.complaints else 0


async def _look_after(upkeep: Upkeep) -> Done:
    disk = OsDisk()
    try:
        return await SeriesFiles(disk, upkeep.folder).look_after(upkeep, int(time.time()))
    finally:
        await disk.aclose()


if __name__ == "__main__":
    sys.exit(main())
