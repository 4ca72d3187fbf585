"""What a node keeps of its event stream (docs/events.md)."""

from __future__ import annotations

from momentum_trio.config.kind import integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import GLOBAL

EVENTS_KEPT_MAX = 1_000_000


class EventOptions(Options):
    """Of the whole node."""

    kept = Option(
        "Events_Kept",
        integer_between(100, EVENTS_KEPT_MAX),
        16_384,
        GLOBAL,
        "Events kept in memory for those who come again, or are slow: about 1 KiB each.",
        dynamic=False,
        ours=True,
    )
