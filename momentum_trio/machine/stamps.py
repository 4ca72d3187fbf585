"""When files were changed last: by that it is known whether what was made of them still holds."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.machine.disk import Disk, Stat

LOOK_SECONDS = 5.0
"""How old the news about a file may be."""

Stamps = tuple[tuple[float, int], ...]
"""Time of change and size of each of some files."""


async def stamps_of(disk: Disk, files: Sequence[str]) -> Stamps:
    """Those of *files*, in their order; without files the disk is not asked. Raises OSError."""
    if not files:
        return ()
    facts = await disk.perform([Stat(path) for path in files])
    return tuple((fact.modified, fact.size) for fact in facts)
