"""The agreed order that parts are tested over keeps what extended virtual synchrony promises."""

from __future__ import annotations

from agreed import Agreed
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.net.group import GroupEvent, GroupView, Told
from momentum_trio.protocol.cluster.envelope import unpack

NODES = "abcd"
steps = st.lists(
    st.tuples(st.sampled_from(["say", "order", "order", "hear", "hear"]), st.sampled_from(NODES))
    | st.tuples(st.just("cut"), st.sampled_from(NODES))
    | st.tuples(
        st.just("regroup"), st.tuples(st.integers(0, 2 ** len(NODES) - 1), st.integers(0, 3), st.integers(0, 3))
    ),
    max_size=60,
)


def play(order: Agreed, story: list[tuple[str, object]]) -> list[bytes]:
    """What was said in *story*, which is played to its end: all together, and all heard."""
    said: list[bytes] = []
    for step, what in story:
        if step == "regroup":
            assert isinstance(what, tuple)
            mask, lost, late = what
            parts = [[n for i, n in enumerate(NODES) if bool(mask >> i & 1) is side] for side in (True, False)]
            order.regroup(*parts, lost=lost, late=late)
            continue
        node = str(what)
        match step:
            case "say":
                octets = b"%d" % len(said)
                if order[node].publish("t", octets):
                    said.append(octets)
            case "order":
                order.order(node)
            case "hear":
                order.hear(node)
            case "cut" if order[node].connected:
                order.cut(node)
            case "cut":
                order.mend(node)
    for node in NODES:
        if not order[node].connected:
            order.mend(node)
    order.regroup(NODES)
    order.settle()
    return said


@given(steps)
def test_who_goes_on_together_has_heard_the_same(story: list[tuple[str, object]]) -> None:
    order = Agreed(*NODES)
    play(order, story)
    whole = {node: list(order[node].heard) for node in NODES}
    for a in NODES:
        for b in NODES:
            for at, view in _views_with(whole[a], order[b].name):
                other = next(
                    (i for i, e in _views_with(whole[b], order[a].name) if (e.id, e.number) == (view.id, view.number)),
                    None,
                )
                if other is not None:
                    assert _since_view(whole[a], at) == _since_view(whole[b], other)


def _views_with(heard: list[GroupEvent], member: str) -> list[tuple[int, GroupView]]:
    """The views that the owner came to together with *member*, with their places."""
    return [
        (i, e) for i, e in enumerate(heard) if isinstance(e, GroupView) and not e.transitional and member in e.together
    ]


def _since_view(heard: list[GroupEvent], at: int) -> list[bytes]:
    """The messages between the view before and that at *at*."""
    before = max((i for i, e in enumerate(heard[:at]) if isinstance(e, GroupView) and not e.transitional), default=0)
    return [e.octets for e in heard[before:at] if isinstance(e, Told)]


@given(steps)
def test_everybody_hears_what_he_said_once_while_he_is_connected(story: list[tuple[str, object]]) -> None:
    order = Agreed(*NODES)
    play(order, [step for step in story if step[0] != "cut"])
    for node in NODES:
        own = [
            unpack(e.octets).octets for e in order[node].heard if isinstance(e, Told) and e.sender == order[node].name
        ]
        assert own == sorted(own, key=int)
        assert len(own) == len(set(own))
        for other in NODES:
            heard = [
                unpack(e.octets).octets
                for e in order[other].heard
                if isinstance(e, Told) and e.sender == order[node].name
            ]
            assert set(heard) <= set(own)


def test_what_is_for_one_member_is_heard_by_him_alone_and_in_order() -> None:
    order = Agreed(*"abc")
    for step in range(3):
        order["a"].publish("t", b"%d" % step)
        order["a"].tell(order["b"].name, "t", b"%d private" % step)
    order.settle()
    heard = {n: [unpack(e.octets).octets for e in order[n].heard if isinstance(e, Told)] for n in "abc"}
    assert heard["b"] == [b"0", b"0 private", b"1", b"1 private", b"2", b"2 private"]
    assert heard["a"] == heard["c"] == [b"0", b"1", b"2"]


def test_a_newcomer_comes_alone_and_is_the_last() -> None:
    order = Agreed(*"ab")
    order.settle()
    order.start("c")
    order.settle()
    shown = {node: order[node].heard[-1] for node in "abc"}
    names = tuple(order[node].name for node in "abc")
    assert all(isinstance(view, GroupView) and view.members == names for view in shown.values())
    assert [view.together for view in shown.values() if isinstance(view, GroupView)] == [
        names[:2],
        names[:2],
        names[2:],
    ]
