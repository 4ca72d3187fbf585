"""The steps from the Listens that are open to those that are wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.listener.accept import SocketTerms
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.reconcile import Close, Keep, Open, Place, Retune, steps

TERMS = SocketTerms(500, 0o660, 0, 0, True, 1)
OTHER = SocketTerms(10, 0o600, 0, 0, True, 1)

places = st.builds(
    Place,
    st.sampled_from(["esmtp_listener", "control_listener"]),
    st.sampled_from(["*:25", "127.0.0.1:25", "[::]:25", "127.0.0.2:26", "/tmp/2025"]).map(Endpoint.parse),
)
states = st.dictionaries(places, st.sampled_from([TERMS, OTHER]))


@given(states, states)
def test_the_steps_lead_to_what_is_wanted(running: dict[Place, SocketTerms], wanted: dict[Place, SocketTerms]) -> None:
    plan = steps(running, wanted)
    state = dict(running)
    for step in plan:
        if isinstance(step, Open):
            assert step.place not in state
            state[step.place] = step.terms
            assert set(step.beside) <= set(running)
            assert all(other.endpoint.overlaps(step.place.endpoint) for other in step.beside)
        elif isinstance(step, Retune):
            assert state[step.place] != step.terms
            state[step.place] = step.terms
        elif isinstance(step, Keep):
            assert state[step.place] == wanted[step.place]
        else:
            del state[step.place]
    assert state == wanted


@given(states, states)
def test_each_place_has_one_step_and_what_opens_comes_before_what_closes(
    running: dict[Place, SocketTerms], wanted: dict[Place, SocketTerms]
) -> None:
    plan = steps(running, wanted)
    assert sorted(map(str, (step.place for step in plan))) == sorted(map(str, {*running, *wanted}))
    order = [type(step) for step in plan]
    assert order == sorted(order, key=lambda kind: (kind is Close) - (kind is Open))


@given(states)
def test_what_is_already_so_is_kept(running: dict[Place, SocketTerms]) -> None:
    assert all(isinstance(step, Keep) for step in steps(running, running))


def test_a_unix_path_that_changes_hands_is_not_removed() -> None:
    path = Endpoint.parse("/tmp/2025")
    old, new = Place("control_listener", path), Place("esmtp_listener", path)
    assert steps({old: TERMS}, {new: TERMS}) == (Open(new, TERMS, (old,)), Close(old, replaced=True, succeeded=True))


def test_from_a_specific_address_to_the_wildcard_the_new_socket_knows_its_port_is_ours() -> None:
    old = Place("esmtp_listener", Endpoint.parse("127.0.0.1:25"))
    new = Place("esmtp_listener", Endpoint.parse("*:25"))
    assert steps({old: TERMS}, {new: TERMS}) == (Open(new, TERMS, (old,)), Close(old, succeeded=True))


def test_what_closes_knows_whether_somebody_takes_its_clients() -> None:
    old, other = [Place("esmtp_listener", Endpoint.parse(text)) for text in ("127.0.0.1:25", "127.0.0.2:25")]
    assert steps({old: TERMS}, {other: TERMS}) == (Open(other, TERMS), Close(old))
    assert steps({old: TERMS, other: TERMS}, {other: TERMS}) == (Keep(other), Close(old))
