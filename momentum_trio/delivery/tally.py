"""What a binding has done since the start."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Messages. received: that came into custody for it, reports included; moved ones count where they came."""

    received: int = 0
    delivered: int = 0
    failed: int = 0


Tallies = defaultdict[tuple[str, str], Tally]
"""By binding group and binding."""
