"""Random histories of three to seven servers, and as many more as MOMENTUM_STORMS asks for: the laws hold in each."""

from __future__ import annotations

import os
from random import Random

import pytest
from mesh import Mesh
from storm import storm
from test_every_order import finish

STORMS = int(os.environ.get("MOMENTUM_STORMS", "10"))


@pytest.mark.parametrize(("count", "steps"), [(3, 400), (4, 600), (5, 800), (7, 1000)])
def test_the_laws_hold_in_a_storm(count: int, steps: int) -> None:
    for seed in range(STORMS):
        mesh = Mesh(tuple("abcdefg"[:count]))
        for name in mesh.names:
            mesh.start(name)
        mesh.connect_all()
        storm(mesh, Random(seed), steps)
        finish(mesh, f"seed {seed}")
