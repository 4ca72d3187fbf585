"""Where scopes of one kind stand: ``config locate`` (spec: console, section 6)."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.config.merged import Scope
from momentum_trio.config.pattern import Pattern

Line = tuple[Scope, ...]  # scopes from the outermost inwards, the file level left out


def located(root: Scope, kind: str, wanted: str | None = None) -> Iterator[Line]:
    """Every scope *kind* (lower case) in *root*, with those around it.

    wanted: part of their instance as a pattern of RE2, case counts; or the whole instance, however that is spelt.
    Raises ValueError when it is neither.
    """
    lines = [line for line in lines_of(root) if line[-1].kind == kind]
    if wanted is None:
        return iter(lines)
    exact = [line for line in lines if _is_named(line, wanted)]
    try:
        pattern = Pattern(wanted)
    except ValueError:
        if not exact:
            raise
        return iter(exact)
    return (line for line in lines if _is_named(line, wanted) or pattern.found_in(line[-1].instance) is not None)


def location(line: Line) -> str:
    """``ESMTP_Listener::Listen:\\:587:``: name and instance of each, colons of an instance escaped."""
    return "".join(f"{scope.name}:{scope.instance.replace(':', chr(92) + ':')}:" for scope in line)


def _is_named(line: Line, wanted: str) -> bool:
    return wanted in (line[-1].instance, line[-1].key)


def lines_of(scope: Scope, around: Line = ()) -> Iterator[Line]:
    """Every scope in *scope*, at any depth, with those *around* it."""
    for member in scope.members.values():
        line = (*around, member)
        yield line
        yield from lines_of(member, line)
