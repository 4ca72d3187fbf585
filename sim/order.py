"""What comes first of what happens at one instant."""

from __future__ import annotations

from enum import IntEnum


class Order(IntEnum):
    """Ranks of events, the lowest first. All others are drawn, from 0 to 1 (``Kernel.at``)."""

    MEND = -5
    STRIKE = -4
    SEND = -3
    END = -2  # of the load
    HAND = -1  # somebody at the simulation's console
