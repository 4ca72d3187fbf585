"""What comes over a node's connection goes to one part each, in the order it came; what is for none is counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from momentum_trio.cluster.assembly import EXPULSIONS_BITS, Connection
from momentum_trio.net.group import Apart, GroupEvent, GroupView, Service, Told, ViewId
from momentum_trio.protocol.cluster.envelope import pack

US, B, C = "#ec1-1#a", "#ec1-2#b", "#ec1-3#c"
CLUSTER, SUBCLUSTER = "ec_cluster", "ec_sc_default"
ID = ViewId(1, "a")


class Bus:
    """A member of the bus that writes down what is asked of it."""

    def __init__(self) -> None:
        self.name = US
        self.asked: list[tuple[str, str]] = []
        self.takes = True

    def join(self, group: str) -> None:
        self.asked.append(("join", group))

    def leave(self, group: str) -> None:
        self.asked.append(("leave", group))

    def publish(self, group: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        self.asked.append(("publish", group))
        return self.takes

    def tell(self, member: str, octets: bytes) -> bool:
        self.asked.append(("tell", member))
        return self.takes

    async def next_event(self) -> GroupEvent:
        raise NotImplementedError


class Part:
    """A part that writes down what it is told."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.heard: list[object] = []

    def told(self, sender: str, octets: bytes) -> None:
        if octets == b"nonsense":
            raise ValueError("nothing that I know")
        self.heard.append((sender, octets))

    def view(self, view: GroupView) -> None:
        self.heard.append(view)

    def apart(self) -> None:
        self.heard.append("apart")


def view(
    members: tuple[str, ...], number: int = 0, *, together: tuple[str, ...] = (), group: str = CLUSTER
) -> GroupView:
    return GroupView(group, ID, number, members, False, True, together or members)


def told(topic: str, octets: bytes = b"x", sender: str = B, group: str = CLUSTER) -> Told:
    return Told(group, sender, pack(topic, octets), Service.AGREED, ID)


def connected() -> tuple[Connection, Bus, Part, Part]:
    bus = Bus()
    connection = Connection("s", bus, CLUSTER, SUBCLUSTER)
    one, other = Part("one"), Part("other")
    connection.assemblies[CLUSTER].add(one)
    connection.assemblies[SUBCLUSTER].add(other)
    for group in (CLUSTER, SUBCLUSTER):
        connection.take(view((US, B, C), group=group))
    for part in (one, other):
        part.heard.clear()
    return connection, bus, one, other


def test_each_publication_reaches_the_part_of_its_topic_and_group() -> None:
    connection, _, one, other = connected()
    for event in (
        told("one"),
        told("other", group=SUBCLUSTER),
        told("other", group=""),
        told("one", sender=US, group=""),
    ):
        connection.take(event)
    assert one.heard == [(B, b"x"), (US, b"x")]
    assert other.heard == [(B, b"x"), (B, b"x")]
    assert not connection.traffic.dropped


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (told("none"), "topic"),
        (told("other"), "topic"),
        (told("one", b"nonsense"), "meaning"),
        (Told(CLUSTER, B, b"\x02\x92", Service.AGREED, ID), "envelope"),
        (Told(CLUSTER, B, b"", Service.AGREED, ID), "envelope"),
    ],
)
def test_what_is_for_no_part_is_dropped_and_counted(event: GroupEvent, why: str) -> None:
    connection, _, one, other = connected()
    connection.take(event)
    assert connection.traffic.dropped == {why: 1}
    assert one.heard == other.heard == []


def test_who_is_put_out_is_in_no_view_and_says_nothing_until_somebody_comes() -> None:
    connection, _, one, _ = connected()
    assembly = connection.assemblies[CLUSTER]
    assembly.expel([C])
    shown = one.heard.pop()
    assert shown == view((US, B), 1)
    connection.take(told("one", sender=C))
    assert one.heard == []
    assert connection.traffic.dropped == {"expelled": 1}
    connection.take(view((US, B, C), 1))
    assert one.heard.pop() == view((US, B), 1 << EXPULSIONS_BITS), "nobody came: who is out stays out"
    connection.take(view((US, B, C, "#x#d"), 2, together=(US, B, C)))
    newest = one.heard.pop()
    assert isinstance(newest, GroupView)
    assert newest.members == (US, B, C, "#x#d"), "who comes cannot know of it"


def test_numbers_of_views_grow_with_expulsions_too() -> None:
    connection, _, one, _ = connected()
    assembly = connection.assemblies[CLUSTER]
    assembly.expel([C])
    assembly.expel([B])
    connection.take(view((US, B, C), 1))
    numbers = [each.number for each in one.heard if isinstance(each, GroupView)]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    "on_its_way",
    [view((US, B), 1), view((US, B, C), 1), GroupView(CLUSTER, ID, 1, (US,), True, False, (US,)), told("one")],
    ids=["view", "same view", "transitional", "message"],
)
def test_after_a_reset_what_was_on_its_way_is_not_heard(on_its_way: GroupEvent) -> None:
    connection, bus, one, other = connected()
    connection.reset()
    assert one.heard == other.heard == ["apart"]
    assert bus.asked == [(do, group) for group in (CLUSTER, SUBCLUSTER) for do in ("leave", "join")]
    connection.take(on_its_way)
    assert one.heard == ["apart"]
    connection.take(view((B, C, US), 5, together=(US,)))
    connection.take(told("one"))
    assert one.heard[1:] == [view((B, C, US), 5 << EXPULSIONS_BITS, together=(US,)), (B, b"x")]


def test_who_is_cut_off_is_told_so_once() -> None:
    connection, _, one, _ = connected()
    for _ in range(2):
        connection.take(Apart("gone"))
    connection.take(told("one"))
    assert one.heard == ["apart"]


def test_a_part_that_comes_late_is_shown_the_view_that_holds_and_one_that_goes_nothing() -> None:
    connection, _, one, _ = connected()
    assembly, late = connection.assemblies[CLUSTER], Part("late")
    assembly.add(late)
    assert late.heard == [view((US, B, C))]
    assembly.remove(one)
    connection.take(told("one"))
    assert one.heard == []


@pytest.mark.parametrize("say", [lambda a: a.publish("one", b"x"), lambda a: a.tell(B, "one", b"x")])
def test_what_the_bus_does_not_take_is_not_counted(say: Callable[[object], bool]) -> None:
    connection, bus, _, _ = connected()
    assembly = connection.assemblies[CLUSTER]
    assert say(assembly)
    bus.takes = False
    assert not say(assembly)
    assert connection.traffic.published == 1
