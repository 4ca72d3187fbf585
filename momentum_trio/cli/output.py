"""Standard output whose reader may leave early (``| head``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

READER_LEFT = 1


def for_readers(command: Callable[[], int]) -> int:
    """The exit status of *command*, which prints; READER_LEFT, and no trace, when nobody reads to the end."""
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return READER_LEFT
    return status
