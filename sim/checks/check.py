"""What a check is: a name, and a function that looks at the evidence of one run and says what did not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..evidence import Evidence, Violation
from ..phase import Phase


class Check(NamedTuple):
    """name: the invariant's, as violations carry it and ``Expect.without`` switches it off.

    after: the phase of a run after which it knows all that it judges, or enough of it for who looks for its violations.
    """

    name: str
    find: Callable[[Evidence], Iterable[Violation]]
    after: Phase = Phase.EXAMINED
