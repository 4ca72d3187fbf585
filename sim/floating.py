"""The floating addresses of a scenario, and how long their elections may take."""

from __future__ import annotations

from momentum_trio.cluster.duravip import LEASE_SECONDS
from momentum_trio.config.floating import floating
from momentum_trio.config.floating_options import DuravipOptions
from momentum_trio.config.tree import ConfigTree
from momentum_trio.protocol.cluster.duravip import PATIENCE_SECONDS

from .bus_client import settle_limit
from .checks.configuration import configuration_of
from .scenario import Program, Scenario


def addresses_of(scenario: Scenario) -> tuple[str, ...]:
    """Those that the configuration of any node has."""
    return tuple(dict.fromkeys(address for tree in _trees(scenario) for address in floating(tree)))


def election_limit(scenario: Scenario) -> float:
    """Seconds from the last change of who reaches whom until each component has one owner of each address.

    Views come to be right, are mature, and whoever says nothing has been waited for; what a node that stands still has
    left up goes down by itself; and what is missing is noticed.
    """
    options = [DuravipOptions.resolve(tree.chain_scope("cluster")) for tree in _trees(scenario)]
    longest = max((each.mature_seconds + each.check_seconds + each.missing_seconds for each in options), default=0.0)
    return settle_limit(scenario) + longest + PATIENCE_SECONDS + LEASE_SECONDS


def _trees(scenario: Scenario) -> list[ConfigTree]:
    plans = [plan for plan in scenario.hosts if plan.program is Program.ECELERITY]
    return [tree for tree in map(configuration_of, plans) if tree is not None]
