"""The simulator's own SMTP server: what it says 250 to is durable, and nothing else is."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import trio
from small_scenario import SCENARIO, mail, mails

from momentum_trio.machine import Machine
from sim import World
from sim.evidence import Told, Verdict
from sim.letter import name_in, unchanged
from sim.run import run
from sim.scenario import Fault, FaultKind
from sim.sink import kept, run_sink


def test_a_sink_keeps_what_it_accepts_with_each_forward_path() -> None:
    letter = replace(mail("one", target="sink", octets=9000), forward_paths=("a@x.example", "B@y.example"))
    result = run(replace(SCENARIO, mails=(letter,), duration_seconds=5.0), 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD
    assert result.evidence is not None
    assert [(each.host, each.forward_path) for each in result.evidence.arrived] == [
        ("sink", "a@x.example"),
        ("sink", "B@y.example"),
    ]
    assert all(unchanged(letter, each.octets) for each in result.evidence.arrived)


def test_power_losses_take_nothing_from_a_sink() -> None:
    losses = tuple(Fault(FaultKind.POWER, 1.07 + 1.5 * n, ("sink",), 0.5) for n in range(6))
    steps = tuple(Fault(FaultKind.POWER_AT_STEP, 12.0 + 2 * n, ("sink",), 0.5, n + 1) for n in range(6))
    scenario = replace(SCENARIO, mails=mails(100, "sink", 0.25), faults=losses + steps, duration_seconds=30.0)
    result = run(scenario, 2, keep_evidence=True)
    assert result.verdict is Verdict.HELD
    assert result.evidence is not None
    assert sum(attempt.told is Told.ACCEPTED for attempt in result.evidence.attempts) >= 100
    assert {attempt.told for attempt in result.evidence.attempts} >= {Told.DEFERRED, Told.ACCEPTED}


def test_a_sick_disk_is_answered_451() -> None:
    fault = Fault(FaultKind.SYNC_ERROR, 0.5, ("sink",), 5.0, 1.0)
    scenario = replace(SCENARIO, mails=mails(2, "sink"), faults=(fault,), duration_seconds=10.0)
    result = run(scenario, 1, keep_evidence=True)
    assert result.verdict is Verdict.HELD
    assert result.evidence is not None
    first = result.evidence.attempts[0]
    assert (first.told, first.reply[:3]) == (Told.DEFERRED, "451")
    arrived = [name_in(each.octets) for each in result.evidence.arrived]
    assert sorted(filter(None, arrived)) == ["sink-0", "sink-1"]


def test_what_a_backlog_has_no_room_for_is_sent_again() -> None:
    letters = tuple(replace(each, session=number, at_seconds=1.0) for number, each in enumerate(mails(12, "sink")))
    dropped = []
    for backlog in (4, 12):
        hosts = tuple(
            replace(plan, sink=replace(plan.sink, backlog=backlog)) if plan.name == "sink" else plan
            for plan in SCENARIO.hosts
        )
        result = run(replace(SCENARIO, hosts=hosts, mails=letters, duration_seconds=5.0), 1, keep_trace=True)
        assert result.verdict is Verdict.HELD
        dropped.append(sum(" syn-dropped " in line for line in result.trace))
    assert dropped[0] >= 8  # all but four, one of them perhaps twice
    assert dropped[1] == 0


def test_a_sink_has_descriptors_for_the_servers_of_many_domains() -> None:
    """More than the 1,024 that a process has unless it asks for more."""
    count, greeted = 1_030, list[bytes]()

    async def connect(machine: Machine) -> None:
        machine.process.raise_descriptors_max(2 * count)
        with trio.fail_after(600), ExitStack() as opened:
            for _ in range(count):
                socket = opened.enter_context(trio.socket.socket())
                await socket.connect(("10.0.0.90", 25))
                greeted.append(await socket.recv(100))

    async def main(world: World) -> None:
        await world.host("sink", "10.0.0.90").start(run_sink)
        await world.host("client", "10.1.0.7").call(connect)

    world = World(1, keep_trace=False)
    world.run(main, world)
    assert greeted == [b"220 sink sink\r\n"] * count


def test_a_file_that_is_not_whole_holds_nothing() -> None:
    assert list(kept(b"<a@b.example>\n<c@d.example>\n\nSubject: x\r\n")) == [
        ("a@b.example", b"Subject: x\r\n"),
        ("c@d.example", b"Subject: x\r\n"),
    ]
    assert list(kept(b"<a@b.exam")) == []
    assert list(kept(b"")) == []
