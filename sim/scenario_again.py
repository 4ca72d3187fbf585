"""Whether a scenario from which something was taken away is one still, when it is written down and read again."""

from __future__ import annotations

import posixpath

from momentum_trio.cli.configuration import read

from .scenario import Scenario
from .scenario_text import check, write


def can_be_read(scenario: Scenario, path: str) -> bool:
    """Whether *scenario*, written to *path*, is a scenario still: no host's configuration lacks what was left out."""
    octets = write(scenario, posixpath.dirname(path)).encode()
    return check(path, lambda wanted: octets if wanted == path else read(wanted)).scenario is not None
