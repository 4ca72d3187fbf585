"""What a machine knows of itself: its worker threads, its system, its memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """Worker threads of one kind. concurrency: how many may work at once; busy, waiting: jobs at work, and not begun.

    invocations: jobs begun so far. crowd: those at work when one began, itself included, summed over all. busy_seconds:
    what they took together; observed_seconds: how long that has been counted.
    """

    name: str
    concurrency: int
    busy: int
    waiting: int
    invocations: int
    crowd: int
    busy_seconds: float
    observed_seconds: float


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What a host is, in words. distribution: of the operating system, empty where it does not say."""

    distribution: str
    uname: str
    python: str
    bits: int


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """What a process uses, octets. resident: in memory now; system: of the whole host; 0 where it does not say.

    blocks: allocated by Python. collections: of its collector of cycles, by generation; frozen: what it leaves alone.
    descriptors: that are open. tasks: of trio, which only who runs in one can count.
    """

    resident: int
    resident_peak: int
    system_used: int
    system_total: int
    blocks: int
    collections: tuple[int, ...]
    frozen: int
    threads: int
    descriptors: int = 0
    tasks: int = 0
