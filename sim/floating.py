"""The floating addresses of a scenario, and how long their elections may take."""

from __future__ import annotations

from .scenario import Scenario


def addresses_of(scenario: Scenario) -> tuple[str, ...]:
    """Those that the configuration of any node has."""
    return ()


def election_limit(scenario: Scenario) -> float:
    """Seconds from the last change of who reaches whom until each component has one owner of each."""
    return 120.0
