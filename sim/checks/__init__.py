"""What must hold in every run, one check a file; ``run`` asks them all when a run is over.

They judge durable state and what clients were told. What the product says of itself (its records) may excuse, where it
is the only witness, and accuses only of what nothing but itself can do.
"""

from __future__ import annotations

from .check import Check
from .content_unchanged import content_unchanged
from .no_accepted_lost import no_accepted_lost
from .nothing_invented import nothing_invented

ALL = (
    Check("no_accepted_lost", no_accepted_lost),
    Check("content_unchanged", content_unchanged),
    Check("nothing_invented", nothing_invented),
)
