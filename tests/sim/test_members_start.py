"""Members of the bus are started once, whoever wants that and however long it takes."""

from __future__ import annotations

from pathlib import Path

import trio

from sim.bus import BusHistory
from sim.draw import draw
from sim.members import Members
from sim.scenario_text import read
from sim.world import World

SCENARIO = Path(__file__).resolve().parents[2] / "sim" / "scenarios" / "bus.sim"


def test_a_frozen_host_starts_its_member_once() -> None:
    """A member that crashed is on its way back when its node comes back, too; both wait until the host thaws."""
    scenario = draw(read(str(SCENARIO)), 1)
    world = World(1)
    hosts = {plan.name: world.host(plan.name, *plan.addresses, "127.0.0.1") for plan in scenario.hosts}
    members = Members(scenario, BusHistory(), hosts, world.kernel, trio.current_time)

    async def main() -> None:
        hosts["ec1"].freeze()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(members.start, "ec1")
            await trio.sleep(1)
            await members.start("ec1")
            hosts["ec1"].thaw()
        assert len(hosts["ec1"].lives) == 1
        hosts["ec1"].kill()

    world.run(main)
