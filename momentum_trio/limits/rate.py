"""So many events in a time, and whose count it is: that of the scope which sets the option (spec: by reference)."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.config.chain import Chain
from momentum_trio.config.kind import Throttle
from momentum_trio.config.option import Option
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.contract import Key

BURST_SECONDS = 0.1
"""A rate for all together is spread evenly, but for so much of it that may come at once."""


@dataclass(frozen=True, slots=True)
class Rate:
    """key: the path of the scope that sets it, the option, and who is counted. burst: events that may come at once."""

    key: Key
    events_per_second: float
    burst: float


def rate_of(tree: ConfigTree, chain: Chain, option: Option[Throttle | None], client: str = "") -> Rate | None:
    """What *option* says along *chain*. client: he alone is counted, and may use all of the rate at once."""
    throttle, owner = option.resolve(chain), chain.owner(option.key, option.scopes)
    if throttle is None or owner is None:
        return None
    rate = throttle.count / throttle.seconds
    burst = float(throttle.count) if client else max(1.0, float(int(rate * BURST_SECONDS)))
    return Rate((*tree.path_of(owner), option.key, client), rate, burst)
