"""A client of the message bus beside a node, as that node's configuration has it, and how long views may take there."""

from __future__ import annotations

from momentum_trio.config.floating_options import DuravipOptions
from momentum_trio.config.tree import ConfigTree
from momentum_trio.machine import Machine
from momentum_trio.msgc.member import Member
from momentum_trio.msgc.msgc_options import LineOptions, MsgcClientOptions, MsgcServerOptions

from .checks.configuration import configuration_of
from .scenario import CONFIGURED, HostPlan, Scenario
from .service import PAUSE_MAX_SECONDS

SILENT_ROUNDS = 3  # of missed heartbeats, after which a silent connection is given up (momentum_trio.protocol.msgc)
MARGIN_SECONDS = 10.0
MEETING_BEATS = 3
ELECTED_SECONDS = 5.0  # until what a mature view has given out is up
SERVER, CLUSTER = "msgc_server", "cluster"


def client(machine: Machine, plan: HostPlan) -> Member:
    """A member that is connected as ``msgc_client`` of *plan* says."""
    tree = configuration_of(plan)
    assert tree is not None, plan.name
    options = _client_options(tree)
    return Member(machine, f"sim-{machine.process.pid}", lambda: options)


def settle_limit(scenario: Scenario) -> float:
    """Seconds from healing until all members see the views that are right: from the configurations, not guessed.

    A program is started again; connections that died with a fault are given up as silent, and made again; a server that
    was not heard comes back; then the same for the connections of members.
    """
    trees = [configuration_of(plan) for plan in scenario.hosts if plan.program in CONFIGURED]
    limits = [_servers(tree) + _again(_client_options(tree)) for tree in trees if tree is not None]
    return 2 * PAUSE_MAX_SECONDS + max(limits, default=0.0) + MARGIN_SECONDS


def meeting_seconds(scenario: Scenario) -> float:
    """How long nodes that all run, and have just begun, need until they are in one view and know who has what."""
    trees = [configuration_of(plan) for plan in scenario.hosts if plan.program in CONFIGURED]
    meshes = [tree for tree in trees if tree is not None and tree.root.child(SERVER) is not None]
    return max(map(_meeting, meshes), default=0.0)


def _meeting(tree: ConfigTree) -> float:
    options, rest = MsgcServerOptions.resolve(tree.chain_scope(SERVER)), 0.0
    if tree.root.child(CLUSTER) is not None:
        terms = DuravipOptions.resolve(tree.chain_scope(CLUSTER))
        rest = _client_options(tree).reconnect_interval + terms.mature_seconds + ELECTED_SECONDS
    return 2 * options.reconnect_interval + MEETING_BEATS * options.heartbeat_interval + rest


def _servers(tree: ConfigTree) -> float:
    options = MsgcServerOptions.resolve(tree.chain_scope(SERVER))
    return _again(options) + SILENT_ROUNDS * options.heartbeats_missed * options.heartbeat_interval


def _client_options(tree: ConfigTree) -> MsgcClientOptions:
    return MsgcClientOptions.resolve(tree.chain_scope("msgc_client"))


def _again(options: LineOptions) -> float:
    """A connection falls silent, and is made again: connecting, and the opening."""
    return options.idle_timeout + 2 * options.reconnect_interval + 2 * options.connect_timeout
