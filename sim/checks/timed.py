"""When records were made, exactly: by the clock of the world, which no fault moves."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.mail.record import Record

from ..evidence import Evidence
from ..life import Life
from .custody import seconds_of


def timed(evidence: Evidence) -> Iterator[tuple[Life, Record, float]]:
    """Each record, with the virtual seconds since the load began."""
    world = evidence.world
    if len(world.record_times) == len(world.records):
        for (life, record), at in zip(world.records, world.record_times, strict=True):
            yield life, record, at - evidence.load_began
    else:  # evidence made by hand
        for life, record in world.records:
            yield life, record, seconds_of(evidence, life, record)
