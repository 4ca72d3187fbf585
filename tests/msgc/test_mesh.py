"""Servers of the bus and their members over real loopback: views, one order, and what becomes of both."""

from __future__ import annotations

import pytest
import trio

from mesh import mesh, until
from momentum_trio.net.group import Apart, GroupView, Service

SECRET = 'Cluster_Secret = "what we know and they do not"'


@pytest.mark.parametrize("text", ["", SECRET])
async def test_three_servers_order_what_three_members_say(text: str) -> None:
    async with mesh("a", "b", "c", text=text) as bus:
        await bus.until_together()
        ears = [bus.member(name, more=text) for name in "abc"]
        for ear in ears:
            ear.member.join("g")
        everybody = {"#ec1-1#a", "#ec1-1#b", "#ec1-1#c"}
        await until(lambda: all(set(ear.view()) == everybody for ear in ears))
        for number in range(50):
            for ear in ears:
                assert ear.member.publish("g", b"%d" % number, Service.SAFE if number % 10 == 0 else Service.AGREED)
            await trio.sleep(0)
        await until(lambda: all(len(ear.told()) == 150 for ear in ears))
        assert ears[0].order == ears[1].order == ears[2].order
        views = [[event for event in ear.events if isinstance(event, GroupView)][-1] for ear in ears]
        assert views[0].members == views[1].members == views[2].members
        assert all(view.primary for view in views)
