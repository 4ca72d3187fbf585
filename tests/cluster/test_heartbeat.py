"""Members that are connected and do nothing are put out, by all at the same place, and may come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from agreed import Agreed, Seat
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.cluster.assembly import BusTraffic, GroupAssembly
from momentum_trio.cluster.heartbeat import Heartbeat
from momentum_trio.net.group import GroupEvent, GroupView, Service, Told
from momentum_trio.protocol.cluster.envelope import unpack as unpack_envelope
from momentum_trio.protocol.cluster.heartbeat import MISSED_MAX, Accusation, Beat, Pulse, pack, unpack

DELAY = 15.0


class SeatOnBus:
    """A seat of the agreed order as a member of the bus."""

    def __init__(self, order: Agreed, node: str) -> None:
        self.order, self.node = order, node

    @property
    def seat(self) -> Seat:
        return self.order[self.node]

    @property
    def name(self) -> str:
        return self.seat.member

    def join(self, group: str) -> None:
        self.order.mend(self.node)

    def leave(self, group: str) -> None:
        self.order.cut(self.node)

    def publish(self, group: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        envelope = unpack_envelope(octets)
        return self.seat.publish(envelope.topic, envelope.octets, service)

    def tell(self, member: str, octets: bytes) -> bool:
        envelope = unpack_envelope(octets)
        return self.seat.tell(member, envelope.topic, envelope.octets)

    async def next_event(self) -> GroupEvent:
        raise NotImplementedError


class Witness:
    """A part that keeps the views it is shown."""

    topic = "witness"

    def __init__(self) -> None:
        self.views: list[GroupView] = []
        self.parted = 0

    def told(self, sender: str, octets: bytes) -> None:
        raise AssertionError

    def view(self, view: GroupView) -> None:
        self.views.append(view)

    def apart(self) -> None:
        self.parted += 1
        self.views.clear()

    @property
    def nodes(self) -> str:
        return "".join(sorted(member[-1] for member in self.views[-1].members)) if self.views else ""


class World:
    """Nodes whose hearts beat when they are let, on one clock."""

    def __init__(self, nodes: str) -> None:
        self.now = 0.0
        self.order = Agreed(*nodes)
        self.assemblies: dict[str, GroupAssembly] = {}
        self.hearts: dict[str, Heartbeat] = {}
        self.witnesses: dict[str, Witness] = {}
        for node in nodes:
            self.live(node)
        self.order.settle()

    def live(self, node: str) -> None:
        assembly = GroupAssembly(SeatOnBus(self.order, node), "ec_cluster", BusTraffic())
        pulse = Pulse(1, DELAY, self.now)

        def expel(members: frozenset[str]) -> None:
            assembly.expel(members)
            if assembly.member in members:
                assembly.reset()

        heart = Heartbeat(assembly, pulse, expel, lambda: self.now)
        witness = Witness()
        assembly.guard = heart
        assembly.add(witness)
        self.assemblies[node], self.hearts[node], self.witnesses[node] = assembly, heart, witness
        self.order[node].listener = self._taking(node)

    def _taking(self, node: str) -> Callable[[GroupEvent], None]:
        def take(event: GroupEvent) -> None:
            assembly = self.assemblies[node]
            match event:
                case Told():
                    assembly.told(event.sender, unpack_envelope(event.octets))
                case GroupView():
                    assembly.view(event)
                case _:
                    assembly.apart()

        return take

    def seconds(self, count: int, living: str, hearing: str = "") -> None:
        """*count* seconds in which the hearts of *living* beat; the others of *hearing* hear, or nothing."""
        for _ in range(count):
            self.now += 1
            for node in living:
                self.hearts[node].beat()
            for _ in range(6):
                for node in (*living, *hearing):
                    if node in self.order.seats:
                        while self.order.order(node):
                            pass
                        while self.order.hear(node):
                            pass


def test_who_does_nothing_is_put_out_by_all_and_comes_back_when_he_does_something() -> None:
    world = World("abcd")
    world.seconds(20, "abcd")
    world.seconds(MISSED_MAX + 2, "abc")
    assert [world.witnesses[node].nodes for node in "abc"] == ["abc"] * 3
    numbers = {world.witnesses[node].views[-1][1:3] for node in "abc"}
    assert len(numbers) == 1, "the view without him has one number for all"
    world.seconds(5, "abcd")
    assert world.witnesses["d"].parted == 1
    assert [world.witnesses[node].nodes for node in "abcd"] == ["abcd"] * 4


def test_nobody_is_put_out_before_the_hearts_may_beat() -> None:
    world = World("abc")
    world.seconds(int(DELAY) + MISSED_MAX - 1, "ab")
    assert world.witnesses["a"].nodes == "abc"
    world.seconds(3, "ab")
    assert world.witnesses["a"].nodes == "ab"


def test_who_slept_accuses_nobody() -> None:
    world = World("ab")
    world.seconds(20, "ab")
    world.now += 1000  # both: a stopped clock, or both are stopped
    world.seconds(3, "ab")
    assert [world.witnesses[node].nodes for node in "ab"] == ["ab"] * 2


def test_a_minority_puts_nobody_out() -> None:
    pulse = Pulse(1, 0, 0.0)
    members = tuple(f"#x#{node}" for node in "abcde")
    view = GroupView("g", (1, "a"), 0, members, False, True, members)  # type: ignore[arg-type]
    pulse.view(members[0], view, 0.0)
    assert not pulse.accused(members[0], members[4:])
    assert not pulse.accused(members[1], members[4:])
    assert not pulse.accused(members[1], members[4:]), "nobody votes twice"
    assert not pulse.accused(members[4], members[:1])
    assert pulse.accused(members[2], members[4:]) == {members[4]}
    assert not pulse.accused(members[4], members[:1]), "who is out has no say"


def test_of_two_who_accuse_each_other_the_first_is_believed() -> None:
    members = ("#x#a", "#x#b")
    view = GroupView("g", (1, "a"), 0, members, False, True, members)  # type: ignore[arg-type]
    for us in members:
        pulse = Pulse(1, 0, 0.0)
        pulse.view(us, view, 0.0)
        assert pulse.accused("#x#b", ("#x#a",)) == {"#x#a"}
        assert not pulse.accused("#x#a", ("#x#b",))


@given(st.lists(st.tuples(st.integers(0, 4), st.frozensets(st.integers(0, 4))), max_size=20))
def test_all_who_hear_the_same_put_out_the_same_and_never_all(story: list[tuple[int, frozenset[int]]]) -> None:
    members = tuple(f"#x#{node}" for node in range(5))
    view = GroupView("g", (1, "a"), 0, members, False, True, members)  # type: ignore[arg-type]
    pulses = [Pulse(1, 0, 0.0) for _ in members]
    for us, pulse in zip(members, pulses, strict=True):
        pulse.view(us, view, 0.0)
    for sender, accused in story:
        for pulse in pulses:
            pulse.accused(members[sender], [members[place] for place in accused])
    assert len({pulse.out for pulse in pulses}) == 1
    assert len(pulses[0].out) < 5


@pytest.mark.parametrize("said", [Beat(), Accusation(()), Accusation(("#ec1-1#a",))])
def test_what_is_said_is_what_is_heard(said: Beat | Accusation) -> None:
    assert unpack(pack(said)) == said
