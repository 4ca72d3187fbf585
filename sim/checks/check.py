"""What a check is: a name, and a function that looks at the evidence of one run and says what did not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..evidence import Evidence, Violation


class Check(NamedTuple):
    """name: the invariant's, as violations carry it and ``Expect.without`` switches it off."""

    name: str
    find: Callable[[Evidence], Iterable[Violation]]
