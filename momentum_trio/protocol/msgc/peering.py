"""Which of two connections between the same two servers stays. Both sides try to connect, so two may meet.

The one that the server with the lower name began stays, once it is certain to work both ways: from when its HELLO was
answered. Before that it gives way: it may never come about where only one of the two can reach the other.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Ours(Enum):
    """How far our own attempt to connect to the other is."""

    NONE = "none"
    BEGUN = "begun"
    ANSWERED = "answered"


class Established(NamedTuple):
    """A connection that is open. by_us: who began it. incarnation: of the other end."""

    by_us: bool
    incarnation: int


def is_let_in(us: str, them: str, incarnation: int, attempt: Ours, established: Established | None) -> bool:
    """Whether a connection that *them*, in that *incarnation*, began and proved takes the place of ours.

    Who connects again lost what there was, or did not know of it: then ours stays if it is the lower name's.
    """
    ours_comes_first = us < them
    if established is None:
        return not (ours_comes_first and attempt is Ours.ANSWERED)
    return established.incarnation != incarnation or not established.by_us or not ours_comes_first
