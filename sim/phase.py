"""How far a run has come, in words that checks use to say what they wait for."""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """What is over."""

    SETTLED = 1  # load and faults; all is mended, and members of the bus have had time to see the right views
    DRAINED = 2  # mail is in its place, and sessions have ended
    AGREED = 3  # nodes of a cluster have had time to agree on what they share, and who has which address
    EXAMINED = 4  # power has failed everywhere, and what the disks then held and owed has been looked at
