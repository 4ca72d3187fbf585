"""Logs that are gathered: each line of the node once in the manager's file, whoever crashes, and at whatever step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from node_world import LOG, TREES, node, place, world

from momentum_trio.cluster.log_pull import PullCounts, pause, pull_logs, subscribers_of
from momentum_trio.cluster.published_options import PublishedOptions
from momentum_trio.config.load import load_text
from momentum_trio.machine import Machine
from momentum_trio.node.schema import DECLARED
from sim.world import World

LINES = 12


def lines(first: int, count: int) -> list[bytes]:
    return [f"{number}@line\n".encode() for number in range(first, first + count)]


async def log_for_ever(machine: Machine, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
    """A program: a node that answers others, and logs a line now and then: numbers that go on over its lives."""
    async with node(machine, "a") as made:
        log = made.jlogs.of(LOG)
        await log.open()
        await log.subscribe(["master"])
        task_status.started(made)
        while True:
            written = log.segments[-1].header.first + log.segments[-1].lines if log.segments else 0
            if written < LINES:
                await log.append(lines(written, min(3, LINES - written)))
            await trio.sleep(1.5)


async def manage(machine: Machine, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
    """A program: a manager that gathers."""
    counts = PullCounts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pull_logs, machine, "mgr", lambda: [place("a")], lambda: TREES["mgr"], counts)
        task_status.started(counts)


def gathered(hosts: World) -> list[bytes]:
    """The lines in the manager's files, in the order of the files' names."""
    store = hosts.hosts["mgr"].store
    paths = sorted(path for path in store.files() if path.startswith("/gathered/") and "/.places/" not in path)
    return [line + b"\n" for path in paths for line in store.octets(path).splitlines()]


async def story(hosts: World, victim: str, steps: int | None) -> bool:
    """Gather all; power fails at *victim* after so many steps. Whether it did."""
    a, mgr = hosts.hosts["a"], hosts.hosts["mgr"]
    await a.start(log_for_ever)
    await mgr.start(manage)
    hosts.hosts[victim].store.cut_after = steps
    await trio.sleep(25)
    has_failed = not hosts.hosts[victim].up
    hosts.hosts[victim].store.cut_after = None
    if has_failed:
        await (a.boot(log_for_ever) if victim == "a" else mgr.boot(manage))
    await trio.sleep(130)
    mgr.power_loss()
    assert gathered(hosts) == lines(0, LINES)
    a.kill()
    return has_failed


@pytest.mark.parametrize(
    ("paces", "had_lines", "seconds"),
    [
        ("", True, 1),
        ("", False, 10),
        ("Log_Active_Interval = 0", True, 0),
        ("Log_Active_Interval = 20", False, 20),
        ("Log_Active_Interval = 0 Log_Idle_Interval = 0", False, 1),
    ],
)
def test_a_node_that_has_nothing_new_is_not_asked_without_a_pause(paces: str, had_lines: bool, seconds: float) -> None:
    tree = load_text(f"cluster {{ {paces} }}", declared=DECLARED)
    assert pause(PublishedOptions.resolve(tree.chain_scope("cluster")), had_lines=had_lines) == seconds


def test_each_line_is_gathered_once_and_its_segment_can_go() -> None:
    hosts = world(names=("a", "mgr"))
    hosts.run(story, hosts, "mgr", None)
    assert [path for path in hosts.hosts["mgr"].store.files("/gathered") if path.endswith("/mainlog/a")]


@pytest.mark.parametrize(("victim", "steps"), [("a", 31), ("a", 83), ("mgr", 17), ("mgr", 30), ("mgr", 43)])
def test_power_fails_at_some_steps(victim: str, steps: int) -> None:
    """Of the node, and of the manager. At every step: test_gathered.py, and tests/log/test_jlog.py."""
    hosts = world(steps, ("a", "mgr"))
    assert hosts.run(story, hosts, victim, steps)


@pytest.mark.parametrize(
    ("logs", "subscribers"),
    [
        ("", ("mgr", "master")),
        ('Manager "mgr" { Node "a" { Subscriber = () } }', ()),
        ('Manager "mgr" { Node "b" { Subscriber = () } }', ("mgr", "master")),
        ('Manager "other" { Node "a" { Subscriber = () } }', ("mgr", "master")),
        ('Manager "mgr" { Node "a" { Subscriber = ( "east" "west" ) } }', ("east", "west")),
    ],
)
def test_as_whom_a_manager_gathers(logs: str, subscribers: Sequence[str]) -> None:
    assert subscribers_of(load_text(f"Logs {{ {logs} }}", declared=DECLARED), "mgr", "a") == subscribers
