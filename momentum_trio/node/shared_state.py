"""Where a node counts the limits that hold over all nodes: in Redis, over its cluster's bus, or by itself alone."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import trio

from momentum_trio.cluster.leases import LeasedState
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.contract import SharedState
from momentum_trio.limits.redis import RedisState, RedisTerms
from momentum_trio.limits.shared_state_options import FORMS, SHARED_STATE, SharedStateOptions
from momentum_trio.machine import Machine
from momentum_trio.node.cluster_standing import Standing, standing
from momentum_trio.protocol.cluster.holding import OnFailure

KIND = next(iter(SHARED_STATE))


def shared_state_problems(tree: ConfigTree) -> Iterator[str]:
    """Why limits over all nodes cannot be counted as *tree* says, a sentence each."""
    for scope in tree.root.all(KIND):
        if scope.instance.lower() not in FORMS:
            yield f'{scope.at}: Shared_State "{scope.instance}": there are Shared_State "redis" and "cluster"'
        elif scope.instance.lower() == "redis":
            if not _options(tree, "redis").uri:
                yield f'{scope.at}: Shared_State "redis" needs a URI'
            elif find_spec("coredis") is None:
                yield f'{scope.at}: Shared_State "redis" needs coredis: pip install "momentum-trio[redis]"'


def _options(tree: ConfigTree, form: str) -> SharedStateOptions:
    return SharedStateOptions.resolve(tree.chain_scope(KIND, form))


async def open_shared_state(
    machine: Machine, tree: ConfigTree, alone: SharedState, background: trio.Nursery
) -> SharedState:
    """What *tree* says, running in *background*; *alone* where the node shares with nobody. It is so for its life."""
    forms = {scope.instance.lower() for scope in tree.root.all(KIND)}
    stands = standing(machine, tree)
    node = stands.identity.nodename if isinstance(stands, Standing) else machine.process.hostname
    if "redis" in forms:
        options = _options(tree, "redis")
        on_failure = OnFailure(options.on_failure or OnFailure.LOCAL_SHARE)
        redis = RedisState(machine, node, RedisTerms(options.uri, on_failure, options.timeout, options.prefix))
        await background.start(redis.run)
        return redis
    if isinstance(stands, Standing):
        leased = LeasedState(machine, node, OnFailure(_options(tree, "cluster").on_failure or OnFailure.CLOSED))
        await background.start(leased.run)
        return leased
    return alone
