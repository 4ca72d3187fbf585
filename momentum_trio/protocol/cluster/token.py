"""Throttles that all nodes share: who grants counts a rate (GCRA), nodes spend what they were granted, soon.

What is counted is the grant: in any time no more is granted than rate and burst allow. A node that does not use a grant
within TOKEN_SECONDS loses it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from momentum_trio.protocol.cluster.holding import Key, is_sayable

TOKEN_SECONDS = 1.0
BLOCK_SECONDS = 0.05
"""A node asks for what the whole rate is in such a time, so that it asks seldom and keeps little from others."""
RETRY_SECONDS = 0.02
"""Whoever wants an event while nobody has said when there will be one comes again after that."""
ANSWER_SECONDS = 1.0
"""An ask without an answer for so long is lost."""
KEYS_MAX = 100_000
SLACK = 1e-6


def granted(free_at: float, now: float, rate: float, burst: float, least: float, most: float) -> tuple[float, float]:
    """How many events between *least* and *most* fit, and when the throttle is free again if they are counted.

    free_at: when it would be. 0 events: then the second is how many seconds from now *least* may fit.
    """
    free_at = max(free_at, now)
    room = burst - (free_at - now) * rate
    count = min(most, room + SLACK)
    if count + SLACK < least:
        return 0.0, max((least - room) / rate, RETRY_SECONDS / 2)
    return count, free_at + count / rate


class Buckets:
    """Throttles as who grants counts them."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._free_at: dict[Key, float] = {}
        self._keys_max = keys_max

    def grant(self, key: Key, rate: float, burst: float, least: float, most: float, now: float) -> tuple[float, float]:
        """How many events are granted; with 0, how many seconds to wait."""
        count, after = granted(self._free_at.get(key, 0.0), now, rate, burst, least, most)
        if not count:
            return 0.0, after
        if key not in self._free_at and len(self._free_at) >= self._keys_max:
            self._free_at = {known: at for known, at in self._free_at.items() if at > now}
            if len(self._free_at) >= self._keys_max:
                return 0.0, 1.0
        self._free_at[key] = after
        return count, 0.0


@dataclass(frozen=True, slots=True)
class TokenAsk:
    """*most* events of *key* are wanted, *least* are of use."""

    number: int
    key: Key
    rate: float
    burst: float
    least: float
    most: float


@dataclass(slots=True)
class Block:
    """What a node has of one throttle. left: until *until*. least: of use to whoever was refused last; 0: nobody.

    asked_at: when the ask *asked* was made. again_at: nothing is to be had before.
    """

    rate: float
    burst: float
    left: float = 0.0
    until: float = -math.inf
    least: float = 0.0
    asked: int = 0
    asked_at: float = -math.inf
    again_at: float = -math.inf


class Tokens:
    """Those of one node."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._blocks: dict[Key, Block] = {}
        self._due: dict[Key, None] = {}
        self._keys_max = keys_max
        self._asks = 0

    def take(self, key: Key, rate: float, burst: float, cost: float, now: float) -> float:
        """0: *cost* events are ours to make. Else after how many seconds to come again."""
        block = self._of(key, rate, burst, now)
        if block is None:
            return 1.0
        block.rate, block.burst = rate, burst
        if now >= block.until:
            block.left = 0.0
        if block.left + SLACK >= cost:
            block.left -= cost
            if block.left < self._size(block) / 2:
                self._due[key] = None
            return 0.0
        block.least = max(block.least, cost)
        self._due[key] = None
        return max(block.again_at - now, RETRY_SECONDS)

    def give_back(self, key: Key, cost: float, now: float) -> None:
        """Events that were taken and not made: they are ours to make for as long as others that we have."""
        block = self._blocks.get(key)
        if block is not None and now < block.until:
            block.left += cost

    @property
    def next_at(self) -> float:
        """When something is to be asked next."""
        return min((self._ask_at(self._blocks[key]) for key in self._due), default=math.inf)

    def asks(self, now: float) -> list[TokenAsk]:
        """What is to be asked now."""
        asks = []
        for key in list(self._due):
            block = self._blocks[key]
            if now < self._ask_at(block):
                continue
            del self._due[key]
            self._asks += 1
            block.asked, block.asked_at = self._asks, now
            missing = max(block.least - (block.left if now < block.until else 0.0), 0.0)
            most = min(max(self._size(block), missing), block.burst)
            asks.append(TokenAsk(self._asks, key, block.rate, block.burst, max(missing, min(1.0, most)), most))
        return asks

    def answered(self, number: int, key: Key, count: float, after_seconds: float, now: float) -> None:
        """An ask came to *count* events; with 0, none are to be had for *after_seconds*."""
        block = self._blocks.get(key)
        if block is None or block.asked != number:
            return
        block.asked = 0
        if count:
            block.left = count + (block.left if now < block.until else 0.0)
            block.until = block.asked_at + TOKEN_SECONDS
            block.least, block.again_at = 0.0, -math.inf
        else:
            block.again_at = now + after_seconds
            if not block.least:
                self._due.pop(key, None)

    def forget(self) -> None:
        """Nobody will answer what was asked."""
        for block in self._blocks.values():
            block.asked = 0

    def _ask_at(self, block: Block) -> float:
        return max(block.again_at, block.asked_at + ANSWER_SECONDS if block.asked else -math.inf)

    def _size(self, block: Block) -> float:
        return min(block.burst, max(1.0, math.floor(block.rate * BLOCK_SECONDS)))

    def _of(self, key: Key, rate: float, burst: float, now: float) -> Block | None:
        block = self._blocks.get(key)
        if block is None:
            if not is_sayable(key):
                return None
            if len(self._blocks) >= self._keys_max:
                self._blocks = {key: block for key, block in self._blocks.items() if now < block.until or block.asked}
                self._due = {key: None for key in self._due if key in self._blocks}
                if len(self._blocks) >= self._keys_max:
                    return None
            block = self._blocks[key] = Block(rate, burst)
        return block
