"""Floating addresses over an agreed order that breaks and heals: one owner, agreed by all, released before taken."""

from __future__ import annotations

from dataclasses import dataclass, field

from agreed import Agreed, Seat
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.net.group import GroupView, node_of
from momentum_trio.protocol.cluster.duravip import Duravip, Terms
from momentum_trio.protocol.cluster.duravip_message import Claim, Key, decode, encode
from momentum_trio.protocol.cluster.duravip_register import Safety

NODES = "abcd"
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
TERMS = Terms(balance_moves=2)
SETTLING_SECONDS = 200

Snapshots = dict[tuple[Key, int], object]


@dataclass(eq=False)
class Node:
    """A node's part over a seat; its interfaces obey when ``work`` is called, one address at a time."""

    seat: Seat
    snapshots: Snapshots
    clock: list[float]
    topic: str = "duravip"
    duravip: Duravip = field(default_factory=lambda: Duravip(TERMS))
    members: tuple[str, ...] = ()

    def told(self, sender: str, octets: bytes) -> None:
        self.duravip.hear(sender, decode(octets), self.clock[0])
        register = self.duravip.register
        if register is not None:
            said = (sorted(register.owners.items()), sorted((a, sorted(h)) for a, h in register.holders.items()))
            assert self.snapshots.setdefault((register.view, register.changes), said) == said  # agreement
        self.speak()

    def view(self, view: GroupView) -> None:
        self.duravip.view(view, self.seat.member, self.clock[0])
        self.members = view.members
        self.speak()

    def apart(self) -> None:
        self.duravip.apart()
        self.members = ()

    def speak(self) -> None:
        self.duravip.tick(self.clock[0])
        while self.duravip.outbox and self.seat.publish(self.topic, encode(self.duravip.outbox[0])):
            self.duravip.outbox.popleft()

    def work(self, others: list[Node]) -> bool:
        """Take down, or bring up, one address; whether there was one."""
        down = sorted(self.duravip.held - self.duravip.wanted)
        up = sorted(self.duravip.wanted - self.duravip.held)
        if down:
            self.duravip.dropped(down[0])
        elif up:
            for other in others:  # released before taken
                assert other.seat.name not in self.members or up[0] not in other.duravip.held
            self.duravip.take(up[0])
        self.speak()
        return bool(down or up)


class Cluster:
    """Some nodes, and what befalls them."""

    def __init__(self, claims: dict[str, dict[str, Claim]]) -> None:
        self.order, self.snapshots, self.clock = Agreed(), Snapshots(), [0.0]
        self.nodes: dict[str, Node] = {}
        self.claims = claims
        for name in claims:
            self.start(name)

    def start(self, name: str) -> None:
        node = Node(self.order.start(name), self.snapshots, self.clock)
        node.duravip.configure(TERMS, self.claims[name], self.clock[0])
        node.seat.add(node)
        self.nodes[name] = node

    def crash(self, name: str) -> None:
        self.order.crash(name)
        del self.nodes[name]

    def work(self, name: str) -> bool:
        others = [node for other, node in self.nodes.items() if other != name and node.seat.connected]
        return self.nodes[name].work(others)

    def settle(self, seconds: float = SETTLING_SECONDS) -> None:
        """All is heard and done, and so many seconds pass."""
        until = self.clock[0] + seconds
        while True:
            for node in self.nodes.values():
                node.speak()
            self.order.settle()
            while sum(self.work(name) for name in self.nodes):
                self.order.settle()
            self.clock[0] = min(node.duravip.due(self.clock[0]) for node in self.nodes.values())
            if self.clock[0] > until:
                break
        self.clock[0] = until

    def owners(self) -> dict[str, str]:
        """The node that each address is up at; one at most."""
        found: dict[str, str] = {}
        for name, node in self.nodes.items():
            for address in node.duravip.held:
                assert address not in found, f"{address} is up at {found[address]} and {name}"
                found[address] = name
        return found


def claims_of(preferences: dict[str, str], *, follows: bool = False) -> dict[str, Claim]:
    claims = {a: Claim(a, ("multivip",), (f"b{a}",), preferences.get(a, "")) for a in ADDRESSES}
    if follows:
        claims["10.0.0.4"] = Claim("10.0.0.4", ("ESMTP:25",), follows="10.0.0.1")
    return claims


steps = st.lists(
    st.tuples(
        st.sampled_from(["order", "hear", "hear", "flow", "flow", "work", "work", "cut", "crash", "time", "fail"]),
        st.sampled_from(NODES),
    )
    | st.tuples(st.just("regroup"), st.tuples(st.integers(0, 15), st.integers(0, 3), st.integers(0, 3)))
    | st.tuples(st.just("move"), st.tuples(st.sampled_from(NODES), st.sampled_from(ADDRESSES), st.sampled_from(NODES))),
    max_size=80,
)
preferences = st.dictionaries(st.sampled_from(ADDRESSES[:3]), st.sampled_from(NODES), max_size=2)


def step(cluster: Cluster, what: str, whom: object) -> None:
    order, nodes = cluster.order, cluster.nodes
    if what == "regroup":
        assert isinstance(whom, tuple)
        mask, lost, late = whom
        sides = [
            [n for i, n in enumerate(NODES) if bool(mask >> i & 1) is side and n in nodes] for side in (True, False)
        ]
        order.regroup(*sides, lost=lost, late=late)
        return
    if what == "move":
        assert isinstance(whom, tuple)
        node, address, to = whom
        if node in nodes:
            nodes[node].duravip.move([address], "", to)
            nodes[node].speak()
        return
    name = str(whom)
    if name not in nodes:
        if what == "crash":
            cluster.start(name)
        return
    match what:
        case "order":
            order.order(name)
        case "hear":
            order.hear(name)
        case "work":
            cluster.work(name)
        case "cut":
            (order.cut if nodes[name].seat.connected else order.mend)(name)
        case "crash" if len(nodes) > 1:
            cluster.crash(name)
        case "flow":  # everybody but this one is up to date
            while any(order.order(other) or (other != name and order.hear(other)) for other in nodes):
                pass
        case "time":
            cluster.clock[0] += TERMS.mature_seconds
            for node in nodes.values():
                node.speak()
        case "fail" if nodes[name].duravip.wanted - nodes[name].duravip.held:
            address = min(nodes[name].duravip.wanted - nodes[name].duravip.held)
            nodes[name].duravip.take(address)
            nodes[name].duravip.failed(address, cluster.clock[0])
            nodes[name].speak()


@settings(deadline=None)
@given(steps, preferences, st.booleans(), st.booleans())
def test_one_owner_agreed_by_all_and_released_before_taken(
    story: list[tuple[str, object]], preferred: dict[str, str], follows: bool, settled: bool
) -> None:
    claims = claims_of(preferred, follows=follows)
    cluster = Cluster(dict.fromkeys(NODES, claims))
    if settled:
        cluster.settle()
    for what, whom in story:
        step(cluster, what, whom)
    for name in NODES:
        if name not in cluster.nodes:
            cluster.start(name)
        elif not cluster.nodes[name].seat.connected:
            cluster.order.mend(name)
    cluster.order.regroup(NODES)
    cluster.settle()
    owners = cluster.owners()
    assert owners.keys() == claims.keys()
    for address, node in preferred.items():
        assert owners[address] == node or _is_pinned(cluster, address)
    if follows:
        assert owners["10.0.0.4"] == owners["10.0.0.1"]
    quiet = [list(node.seat.heard) for node in cluster.nodes.values()]
    cluster.settle(60)
    assert [list(node.seat.heard) for node in cluster.nodes.values()] == quiet  # and nothing more is said


def _is_pinned(cluster: Cluster, address: str) -> bool:
    register = cluster.nodes["a"].duravip.register
    assert register is not None
    return address in register._fixed  # an operator moved it in this very view


def test_the_first_election_waits_for_the_view_to_be_mature() -> None:
    cluster = Cluster({name: claims_of({}) for name in "ab"})
    cluster.settle(4)
    assert cluster.owners() == {}
    cluster.settle(3)
    assert cluster.owners().keys() == set(ADDRESSES)
    assert sorted(map(list(cluster.owners().values()).count, "ab")) == [2, 2]


def test_what_a_dead_node_had_is_given_out_at_once_and_nothing_else_moves() -> None:
    cluster = Cluster({name: claims_of({"10.0.0.1": "a"}) for name in "abc"})
    cluster.settle()
    before = cluster.owners()
    cluster.crash("a")
    cluster.settle(1)  # no second passes in it before all is done
    after = cluster.owners()
    assert after.keys() == before.keys()
    assert {a: n for a, n in before.items() if n != "a"}.items() <= after.items()
    cluster.start("a")
    cluster.settle()
    assert cluster.owners()["10.0.0.1"] == "a"


def test_the_sides_of_a_partition_each_have_all_and_the_losers_take_down_first() -> None:
    cluster = Cluster({name: claims_of({}) for name in "abcd"})
    cluster.settle()
    cluster.order.regroup("ab", "cd")
    for _ in range(3):
        cluster.order.settle()
        for name in "abcd":
            while cluster.work(name):
                pass
    held = {name: set(node.duravip.held) for name, node in cluster.nodes.items()}
    assert held["a"] | held["b"] == held["c"] | held["d"] == set(ADDRESSES)
    assert not held["a"] & held["b"]
    assert not held["c"] & held["d"]
    cluster.order.regroup("abcd")
    cluster.settle()
    assert cluster.owners().keys() == set(ADDRESSES)


def test_an_address_is_missing_on_one_node_unsafe_or_broken() -> None:
    plain = Claim("10.0.0.1", ("ESMTP:25", "multivip"), ("x",))
    claims = {
        "a": {"10.0.0.1": plain, "10.0.0.2": Claim("10.0.0.2", ("multivip",), ("y",), "a")},
        "b": {"10.0.0.1": Claim("10.0.0.1", ("multivip",), ("x",)), "10.0.0.2": Claim("10.0.0.2", (), ("y",), "b")},
        "c": {"10.0.0.3": Claim("10.0.0.3", ("multivip",), ("z",))},
        "d": {"10.0.0.3": Claim("10.0.0.3", ("multivip",), ("other",))},
    }
    cluster = Cluster(claims)
    cluster.settle()
    register = cluster.nodes["a"].duravip.register
    assert register is not None
    standings = register.standings
    assert [standings[a].safety for a in ADDRESSES[:3]] == [Safety.UNSAFE, Safety.UNSAFE, Safety.BROKEN]
    assert [standings[a].in_conflict for a in ADDRESSES[:3]] == [False, True, False]
    owners = cluster.owners()
    assert owners.keys() == {"10.0.0.1", "10.0.0.2"}
    assert node_of(standings["10.0.0.1"].candidates[0]) == "a"


def test_a_minority_that_must_not_has_nothing() -> None:
    cluster = Cluster({name: claims_of({}) for name in "abc"})
    for node in cluster.nodes.values():
        node.duravip.configure(Terms(primary_only=True), claims_of({}), 0.0)
    cluster.settle()
    cluster.order.regroup("ab", "c")
    cluster.settle()
    assert cluster.nodes["c"].duravip.held == set()
    assert cluster.owners().keys() == set(ADDRESSES)


def test_an_operators_move_holds_against_a_preference_until_the_view_changes() -> None:
    cluster = Cluster({name: claims_of({"10.0.0.1": "a"}) for name in "abc"})
    cluster.settle()
    assert cluster.nodes["c"].duravip.move(["10.0.0.1"], "", "b") == ["10.0.0.1"]
    assert cluster.nodes["c"].duravip.move(["10.0.0.1"], "", "nobody") == []
    cluster.settle(30)
    assert cluster.owners()["10.0.0.1"] == "b"
    assert len(cluster.nodes["a"].duravip.move([], "b", "c")) > 0
    cluster.settle(1)
    assert "b" not in cluster.owners().values()
    cluster.order.regroup("abc")
    cluster.settle()
    assert cluster.owners()["10.0.0.1"] == "a"


def _moving_to_b() -> Cluster:
    """*a* has taken down what was moved to *b*, and nobody has heard it say so."""
    cluster = Cluster({name: claims_of({"10.0.0.1": "a"}) for name in "ab"})
    cluster.settle()
    cluster.nodes["b"].duravip.move(["10.0.0.1"], "", "b")
    cluster.nodes["b"].speak()
    cluster.order.settle()
    assert cluster.work("a")
    assert "10.0.0.1" not in cluster.nodes["a"].duravip.held
    return cluster


def test_what_is_being_released_is_not_taken_again_before_all_have_heard_of_it() -> None:
    cluster = _moving_to_b()
    cluster.nodes["b"].duravip.move(["10.0.0.1"], "", "a")
    cluster.nodes["b"].speak()
    cluster.order.order("b")  # ahead of what a has said
    cluster.order.hear("a")
    assert not cluster.work("a")
    cluster.settle()
    assert cluster.owners().keys() == set(ADDRESSES)


def test_a_release_that_a_new_view_overtakes_binds_nobody() -> None:
    cluster = _moving_to_b()
    cluster.crash("b")
    cluster.settle()
    assert cluster.owners() == dict.fromkeys(ADDRESSES, "a")
