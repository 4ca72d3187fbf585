"""Seeds that go on from one night to the next: a file keeps the number of the first that was not run yet."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import UsageError, seed, write_file


def onward(path: Path, seeds: range) -> range:
    """As many seeds as *seeds* from the one on that the file *path* keeps; without it, *seeds*. Raises UsageError."""
    try:
        first = seed(path.read_text("ascii").strip())
    except FileNotFoundError:
        return seeds
    except (OSError, UnicodeError, argparse.ArgumentTypeError) as wrong:
        raise UsageError(f"{path}: {wrong}") from None
    return range(first, first + len(seeds))


def move_on(path: Path, next_seed: int) -> None:
    """Keep in the file *path* that *next_seed* is the next. Raises UsageError."""
    write_file(path, f"{next_seed}\n")
