"""The example of a cluster with a manager: both files are good, and say nothing that has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from momentum_trio.config.schema import Schema
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.node.cluster_standing import cluster_problems
from momentum_trio.node.configuration import read_configuration, warnings, without_effect
from momentum_trio.node.eccmgr import unfit
from momentum_trio.node.schema import DECLARED

EXAMPLES = Path(__file__).parents[2] / "docs/examples/cluster"


@pytest.mark.parametrize(("name", "is_manager"), [("ecelerity.conf", False), ("eccluster.conf", True)])
async def test_the_example_is_good(name: str, is_manager: bool) -> None:
    machine = os_machine()
    tree = await read_configuration(machine, str(EXAMPLES / name), Schema.load(DECLARED))
    assert warnings(tree) == without_effect(tree) == cluster_problems(machine, tree) == ()
    assert (unfit(tree) == ()) == is_manager
