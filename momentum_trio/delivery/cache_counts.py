"""What a memory of answers counts, in the words of ``cache stat`` (spec/console.md section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class CacheCounts:
    """Since the start. hits, misses: look-ups; stores: entries put in.

    forced, expired, displaced: entries that went because somebody said so, their time was over, or there was no room.
    """

    hits: int = 0
    misses: int = 0
    stores: int = 0
    forced: int = 0
    expired: int = 0
    displaced: int = 0


@dataclass(frozen=True, slots=True)
class CacheReport:
    """One cache as it is now. pending: look-ups that wait for an answer from elsewhere."""

    name: str
    capacity: int
    entries: int
    counts: CacheCounts = field(default_factory=CacheCounts)
    pending: int = 0
