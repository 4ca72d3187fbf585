"""The console of a cluster's manager, over simulated nodes: whom commands reach, and what comes back."""

from __future__ import annotations

import re
from functools import partial

import trio
from managed import MANAGER_NAME, Managed
from simulated_host import CONTROL
from transcript import exchanges

from momentum_trio.machine import Machine
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import Banner

TRANSCRIPT = """
> version
eccmgr version: 0.1.0
! retrieve config get Suspend_Delivery
There are no answers to that: it was not asked, or not of them, or is forgotten
> broadcast config set Suspend_Delivery true
Sent to labrat-1, labrat-2, labrat-3
> retrieve config set Suspend_Delivery true
[labrat-1]
Suspend_Delivery = true
[labrat-2]
Suspend_Delivery = true
[labrat-3]
Suspend_Delivery = true
> broadcast config get Suspend_Delivery
Sent to labrat-1, labrat-2, labrat-3
> retrieve config get Suspend_Delivery
[labrat-1]
Suspend_Delivery = true
[labrat-2]
Suspend_Delivery = true
[labrat-3]
Suspend_Delivery = true
> retrieve_node labrat-2 config get Suspend_Delivery
[labrat-2]
Suspend_Delivery = true
> subcluster retrieve west config get Suspend_Delivery
[labrat-3]
Suspend_Delivery = true
> unicast labrat-2 config set Suspend_Delivery false
Sent to labrat-2
> retrieve config set Suspend_Delivery false
[labrat-2]
Suspend_Delivery = false
> subcluster broadcast default config get Suspend_Delivery
Sent to labrat-1, labrat-2
> retrieve config get Suspend_Delivery
[labrat-1]
Suspend_Delivery = true
[labrat-2]
Suspend_Delivery = false
[labrat-3]
Suspend_Delivery = true
> json retrieve_node labrat-2 config get Suspend_Delivery
[
  {
    "node": "labrat-2",
    "subcluster": "default",
    "state": "answered",
    "text": "Suspend_Delivery = false\\n"
  }
]
> unicast labrat-1 config set Sspend true
Sent to labrat-1
> retrieve_node labrat-1 config set Sspend true
[labrat-1] failed
@FAILURE@
! unicast labrat-9 version
There is no node 'labrat-9'; there are: labrat-1, labrat-2, labrat-3
! unicast labrat-1
usage: unicast NODE COMMAND
> unicast  LABRAT-2	 pid
Sent to labrat-2
> retrieve_node Labrat-2	 pid
[labrat-2]
1002
! broadcast
usage: broadcast COMMAND
> subcluster broadcast WEST version
Sent to labrat-3
! subcluster broadcast east version
There is no node in subcluster 'east'; there are: default, west
! retrieve_node labrat-2 config set Sspend true
There are no answers to that: it was not asked, or not of them, or is forgotten
> flush control cache
Forgotten: 7 commands and their answers
! retrieve config get Suspend_Delivery
There are no answers to that: it was not asked, or not of them, or is forgotten
! cluster membership
@REFUSED@
! summary
@REFUSED@
"""


def test_what_an_operator_sees() -> None:
    async def story(site: Managed) -> None:
        for mark, typed, answer in exchanges(TRANSCRIPT):
            ask = site.answered if mark == ">" and "retrieve" in typed and "json" not in typed else site.order
            text = await (site.order(typed, may_fail=True) if mark == "!" else ask(typed))
            if answer == "@REFUSED@\n":
                assert text.startswith(f"Unknown command '{typed}'")
            elif "@FAILURE@" in answer:
                assert text.startswith("[labrat-1] failed\n")
                assert "Sspend" in text
            else:
                assert text == answer, typed

    Managed().tell(story)


async def greeted_by(machine: Machine) -> str:
    """The program that the console of this host says it is."""
    client = Client("test")
    with trio.fail_after(30), trio.socket.socket(trio.socket.AF_UNIX) as socket:
        await socket.connect(CONTROL)
        while (event := client.next_event()) is None:
            client.receive(await socket.recv(65536))
        assert isinstance(event, Banner)
        return event.product


def test_a_console_is_told_which_program_it_is_at() -> None:
    async def story(site: Managed) -> None:
        assert await site.hosts[MANAGER_NAME].call(greeted_by) == "eccmgr"
        assert await site.hosts["labrat-1"].call(greeted_by) == "ecelerity"

    Managed().tell(story)


def test_who_is_there() -> None:
    async def story(site: Managed) -> None:
        text = await site.order("show cluster membership")
        assert re.sub("ec0-[0-9]+", "ec0-1", text).count("<Member>") == 4
        manager = next(part for part in text.split("  <Member>") if "Manager" in part)
        assert "<NodeName>(Null)</NodeName>" in manager
        assert f"#{MANAGER_NAME}</PrivateName>" in manager
        assert "<Group>ec_cluster</Group>" in manager
        assert manager.count("<Group>") == 1
        assert text.count("<Subcluster>west</Subcluster>") == 1
        info = await site.order("info")
        assert "Cluster Group: ec_cluster (labrat-1 is leader)" in info

    Managed().tell(story)


def test_a_node_that_dies_is_waited_for_no_more_and_answers_when_it_is_back() -> None:
    async def story(site: Managed) -> None:
        site.hosts["labrat-2"].kill()
        await site.order("broadcast version")
        text = await site.answered("retrieve version")
        assert "[labrat-1]\n" in text
        assert "[labrat-3]\n" in text
        if "labrat-2" in text:  # it was still in the view when the command was told
            assert "[labrat-2] left before it had answered" in text
        await site.managed("labrat-1", "labrat-3")
        assert await site.order("broadcast pid") == "Sent to labrat-1, labrat-3\n"
        await site.boot("labrat-2")
        await site.managed(*site.names)
        await site.order("broadcast version")
        text = await site.answered("retrieve version")
        assert [line for line in text.splitlines() if line.startswith("[")] == [f"[{name}]" for name in site.names]

    Managed().tell(story)


def test_a_manager_that_is_cut_off_asks_nobody() -> None:
    async def story(site: Managed) -> None:
        await site.order("broadcast version")
        await site.answered("retrieve version")
        site.world.partition(site.hosts[MANAGER_NAME], [site.hosts[name] for name in site.names])
        await site.until(lambda: nobody(site))
        assert (await site.order("retrieve version")).count("ecelerity version") == 3

    async def nobody(site: Managed) -> bool:
        said = await site.order("broadcast pid", may_fail=True)
        return said == "There is no node; there are: none\n"

    Managed().tell(story)


def test_what_was_sent_is_told_of_before_it_has_its_place_in_the_order_and_when_it_never_gets_one() -> None:
    """Of nodes alone: the manager is a member itself, and runs nothing."""

    async def story(site: Managed) -> None:
        site.world.partition(site.hosts[MANAGER_NAME], [site.hosts[name] for name in site.names])
        assert await site.order("broadcast version") == f"Sent to {', '.join(site.names)}\n"
        assert await site.order("retrieve version") == told("has not answered yet", *site.names)
        assert await site.order("subcluster retrieve west version") == told("has not answered yet", "labrat-3")
        await site.until(partial(over, site))
        assert await site.order("retrieve version") == told("left before it had answered", *site.names)

    async def over(site: Managed) -> bool:
        return "has not answered yet" not in await site.order("retrieve version")

    def told(what: str, *names: str) -> str:
        return "".join(f"[{name}] {what}\n" for name in names)

    Managed().tell(story)


ROLES = """
Authorization { Role "root" { allow = ( "^version$" "^cluster membership$" "^config get " ) } }
"""


def test_the_operator_is_judged_where_the_command_runs() -> None:
    """The manager's own roles let him say it; those of the nodes do not let him do it."""

    async def story(site: Managed) -> None:
        await site.order("broadcast version")
        await site.order("broadcast config set Suspend_Delivery true")
        await site.answered("retrieve version")
        text = await site.answered("retrieve config set Suspend_Delivery true")
        assert text == "".join(f"[{name}] failed\nNot Authorized for this command\n" for name in site.names)
        assert await site.ask("labrat-1", "config get Suspend_Delivery", may_fail=True) != "Suspend_Delivery = true\n"

    Managed().tell(story, control="Enable_Authorization = true", more=ROLES)
