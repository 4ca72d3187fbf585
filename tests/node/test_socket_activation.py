"""A node whose port is held by the host: whoever connects while no node lives waits, and is served by the next one."""

from __future__ import annotations

import pytest
import trio
from simulated_host import MX, Site  # beside this file; pytest puts its folder on the path

CONFIG = f"""
Delivery_Method = "BLACKHOLE"
ESMTP_Listener {{ Listen "{MX}:25" {{ }} }}
Control_Listener {{ Listen "/run/control" {{ }} }}
"""


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_client_that_comes_between_two_lives_is_served(how: str) -> None:
    async def story(site: Site) -> list[str]:
        replies = await site.talk("QUIT")
        if how == "killed":
            site.life.kill()
        else:
            await site.life.stop(60)
        async with trio.open_nursery() as nursery:

            async def patient() -> None:
                replies.extend(await site.talk("QUIT"))

            nursery.start_soon(patient)
            await trio.sleep(3)
            assert len(replies) == 2
            await site.boot()
        return replies

    site = Site()
    site.mx.units.add("smtp", (MX, 25))
    replies = site.run(CONFIG, story)
    assert [reply[:3] for reply in replies] == ["220", "221"] * 2
