"""The core of the bus in named cases: what clients see when servers die, part, meet, are stuck or talk nonsense."""

from __future__ import annotations

import pytest
from mesh import Mesh, member, mesh

from momentum_trio.net.group import Apart, GroupView, Service, Told, node_of
from momentum_trio.protocol.msgc.clients import CLIENT_WAITING_MAX, GROUPS_MAX
from momentum_trio.protocol.msgc.order import WINDOW
from momentum_trio.protocol.msgc.payload import CLIENTS_MAX
from momentum_trio.protocol.msgc.server import Server


def alone(*names: str) -> Mesh:
    """Servers that run, not connected."""
    made = Mesh(names)
    for name in names:
        made.start(name)
    return made


def since(made: Mesh, name: str, seen: int) -> list[str]:
    """What the client of *name* saw after its first *seen* things."""
    return made.seen(name)[seen:]


# messages


def test_all_see_one_order_and_hear_themselves() -> None:
    made = mesh()
    for name in "cab":
        made.say(name)
    made.run()
    orders = {name: since(made, name, 3) for name in "abc"}
    assert orders["a"] == orders["b"] == orders["c"]
    assert sorted(orders["a"]) == ["a2", "b3", "c1"]


def test_a_private_message_stands_in_its_senders_order() -> None:
    made = mesh()
    made.say("b")
    made.say("b", to="c")
    made.say("b")
    made.run()
    assert since(made, "c", 3) == ["b1", "b2", "b3"]
    assert since(made, "a", 3) == ["b1", "b3"]


def test_who_is_in_no_group_may_publish() -> None:
    made = mesh()
    made.leave("b")
    made.run()
    seen = len(made.seen("b"))
    made.say("b")
    made.run()
    assert made.seen("a")[-2:] == ["red: a c", "b1"]
    assert since(made, "b", seen) == []


def test_safe_waits_until_all_have_it() -> None:
    made = mesh()
    made.stalled |= {("a", "c")}
    made.say("b", Service.SAFE)
    made.say("b")
    made.run()
    assert since(made, "b", 3) == since(made, "a", 3) == []
    made.stalled.clear()
    made.run()
    assert since(made, "a", 3) == since(made, "b", 3) == since(made, "c", 3) == ["b1", "b2"]


def test_without_clients_nothing_but_heartbeats_and_acknowledgements_passes() -> None:
    made = mesh()
    made.beats(2)
    sizes = []
    for _ in range(3):
        for name in made.names:
            made.tick(name)
            made.now += 1
        sizes.append(sum(len(item[1]) for queue in made.queues.values() for item in queue if len(item) > 1))
        made.run()
    assert max(sizes) <= 2 * 6


# views


def test_a_client_that_dies_leaves_in_the_order() -> None:
    made = mesh()
    made.say("b")
    made.servers["b"].gone(member("b"))
    made.drain("b")
    made.say("c")
    made.run()
    assert [seen for seen in since(made, "a", 3) if seen != "c2"] == ["b1", "red: a c"]


def test_a_join_is_seen_by_all_at_one_place() -> None:
    made = mesh()
    made.join("c", "blue")
    made.run()
    made.say("a", group="blue")
    made.join("b", "blue")
    made.run()
    views = {
        name: [
            (deed.number, "".join(map(node_of, deed.members)), "".join(map(node_of, deed.together)))
            for entry in made.history
            if entry.host == name and isinstance(deed := entry.deed, GroupView) and deed.group == "blue"
        ]
        for name in "bc"
    }
    assert views == {"b": [(2, "cb", "b")], "c": [(1, "c", "c"), (2, "cb", "c")]}
    assert "a1" in made.seen("c")
    assert "a1" not in made.seen("b")


def test_the_sequencer_dies_with_messages_it_had_ordered_for_one() -> None:
    made = mesh()
    made.say("c")
    made.deliver("c", "a")
    made.deliver("a", "b")  # b has its place, c does not
    made.say("b")
    made.crash("a", lambda count: 0)
    made.run()
    assert since(made, "b", 3) == ["c1", "(red: b c)", "b2", "red: b c"]
    assert since(made, "c", 3) == ["c1", "(red: b c)", "b2", "red: b c"]
    assert made.broken() == []


def test_of_a_b_and_b_c_without_a_c_the_best_connected_leads() -> None:
    made = mesh()
    made.cut_off.add(frozenset("ac"))
    made.part("a", "c")
    made.settle()
    assert made.sets() == [("a", "b"), ("c",)]
    before = {name: len(made.seen(name)) for name in "abc"}
    made.beats(20)
    assert {name: len(made.seen(name)) for name in "abc"} == before, "it rests"
    made.say("a")
    made.say("c")
    made.run()
    assert made.seen("b")[-1] == "a1"
    made.cut_off.clear()
    made.settle()
    assert made.sets() == [("a", "b", "c")]
    assert made.broken() == []


def test_a_newcomer_that_reaches_but_one_does_not_split_the_others() -> None:
    made = alone(*"abcd")
    made.cut_off |= {frozenset("ac"), frozenset("ad")}
    made.settle()
    assert made.sets() == [("a",), ("b", "c", "d")]
    assert made.servers["b"].view.primary


def test_two_components_merge_at_once() -> None:
    made = mesh("abcde")
    sides = [frozenset(x + y) for x in "ab" for y in "cde"]
    made.cut_off |= set(sides)
    for x in "ab":
        for y in "cde":
            made.part(x, y)
    made.run()
    assert made.sets() == [("a", "b"), ("c", "d", "e")]
    assert not made.servers["a"].view.primary
    assert made.servers["c"].view.primary
    made.say("a")
    made.say("d")
    made.run()
    made.cut_off.clear()
    made.settle()
    last = {name: [entry.deed for entry in made.history if entry.host == name][-1] for name in "abcde"}
    views = {name: deed for name, deed in last.items() if isinstance(deed, GroupView)}
    assert {view.members for view in views.values()} == {tuple(map(member, "cdeab"))}, "the larger component first"
    assert views["a"].together == tuple(map(member, "ab"))
    assert views["d"].together == tuple(map(member, "cde"))
    assert made.broken() == []


def test_what_a_partition_left_in_flight_is_told_on_its_own_side() -> None:
    made = mesh()
    made.say("b")
    made.cut_off |= {frozenset("ab"), frozenset("ac")}
    made.part("a", "b", lambda count: 0)
    made.part("a", "c")
    made.run()
    assert since(made, "a", 3) == ["(red: a)", "red: a"]
    assert since(made, "b", 3) == since(made, "c", 3) == ["(red: b c)", "b1", "red: b c"]


# stuck


def test_who_is_stuck_is_expelled_and_returns_as_another() -> None:
    made = mesh()
    made.paused.add("c")
    made.beats(8)
    assert made.sets() == [("a", "b"), ("a", "b", "c")]
    incarnation = made.servers["c"].view.members[2].incarnation
    made.say("c")  # its client does not know yet
    made.paused.clear()
    made.settle()
    assert made.sets() == [("a", "b", "c")]
    assert made.servers["a"].view.members[2].incarnation == incarnation + 1
    apart = [entry.deed for entry in made.history if isinstance(entry.deed, Apart)]
    assert [event.why.split(":")[0] for event in apart] in (["expelled by a"], ["expelled by b"])
    assert made.broken() == []


def test_who_slept_does_not_think_that_the_others_did() -> None:
    made = mesh()
    made.now += 100.0
    made.tick("c")
    made.beats()
    assert made.sets() == [("a", "b", "c")]
    assert made.seen("a")[3:] == []


def test_a_side_that_went_on_itself_is_not_expelled_when_it_meets_the_other() -> None:
    """Silence both ways, without an end of the connection: a partition, not somebody stuck."""
    made = mesh()
    for pair in ("ac", "ca", "bc", "cb"):
        made.stalled.add((pair[0], pair[1]))
    made.beats(10)
    assert made.sets() == [("a", "b"), ("c",)]
    made.settle()
    assert made.sets() == [("a", "b", "c")]
    assert not [entry for entry in made.history if isinstance(entry.deed, Apart)]
    assert made.broken() == []


def test_a_name_that_joins_elsewhere_takes_the_seat() -> None:
    made = mesh()
    assert made.servers["a"].come(member("b"))
    assert made.servers["a"].join(member("b"), "red")
    for name in "ab":
        for peers, message in made.servers[name].messages_to_send():
            for peer in peers:
                made.servers[peer].receive(name, message)
    events = made.servers["b"].events_to_tell()
    assert [type(event) for _, event in events] == [Apart]


# bounds


def test_a_sender_is_held_back_while_one_does_not_acknowledge() -> None:
    made = mesh()
    made.stalled |= {("a", "c"), ("c", "a")}
    server = made.servers["b"]
    taken = 0
    while server.publish(member("b"), "red", b"x"):
        taken += 1
        made.drain("b")
        made.run()
    assert taken == WINDOW + CLIENT_WAITING_MAX
    assert server.room(member("b")) == 0
    assert len([seen for seen in made.seen("a") if seen == "x"]) == WINDOW
    made.stalled.clear()
    made.beats(3 * taken // WINDOW)
    assert server.room(member("b")) == CLIENT_WAITING_MAX
    assert made.seen("c").count("x") == taken
    assert not made.servers["a"]._order._held, "all is stable, nothing is kept"


def test_large_sendings_hold_back_sooner_and_flow_without_a_beat() -> None:
    made = mesh()
    for _ in range(100):
        assert made.servers["b"].publish(member("b"), "red", b"x" * 60_000)
    made.drain("b")
    made.run()
    assert len([entry for entry in made.history if entry.host == "c" and isinstance(entry.deed, Told)]) == 100


def test_clients_and_their_groups_are_bounded() -> None:
    server = Server("a", ["a"], 1)
    assert [server.come(f"#{number}#a") for number in range(CLIENTS_MAX + 1)] == [True] * CLIENTS_MAX + [False]
    assert [server.join("#0#a", f"g{number}") for number in range(GROUPS_MAX + 1)] == [True] * GROUPS_MAX + [False]
    assert not server.come("#0#a"), "it is here"
    assert not server.come("#" + "é" * 32)
    assert not server.publish("#0#a", "", b"")
    assert not server.publish("#0#a", "red", b"x" * 65_537)
    assert not server.publish("#nobody#a", "red", b"x")


@pytest.mark.parametrize("peer", ["a", "z"])
def test_who_is_not_a_peer_is_cut(peer: str) -> None:
    server = Server("a", ["a", "b"], 1)
    server.connected(peer)
    assert [cut.peer for cut in server.peers_to_cut()] == [peer]
