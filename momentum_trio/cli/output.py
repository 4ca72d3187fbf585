"""What a tool ends with: its output, whose reader may leave early (``| head``), or why it had nothing to say."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from momentum_trio.config.error import ConfigErrors

READER_LEFT = 1
UNUSABLE = 2


def for_readers(command: Callable[[], int]) -> int:
    """The exit status of *command*, which prints; READER_LEFT, and no trace, when nobody reads to the end."""
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return READER_LEFT
    return status


def for_operators(program: str, command: Callable[[], int], *faults: type[Exception]) -> int:
    """As ``for_readers``; UNUSABLE, and the reason on stderr, when what *command* was given is not good.

    That is: it raises ConfigErrors, or one of *faults*.
    """

    def obeyed() -> int:
        try:
            return command()
        except ConfigErrors as wrong:
            print(wrong.render(), file=sys.stderr)
        except BrokenPipeError:
            raise
        except faults as fault:
            print(f"{program}: {fault}", file=sys.stderr)
        return UNUSABLE

    return for_readers(obeyed)


def leaves(fault: BaseException) -> list[BaseException]:
    """The faults in a group of them, however deep; *fault* itself, where it is no group."""
    if isinstance(fault, BaseExceptionGroup):
        return [leaf for inner in fault.exceptions for leaf in leaves(inner)]
    return [fault]
