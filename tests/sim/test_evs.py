"""The laws of extended virtual synchrony as a checker: what a good bus shows breaks none, and each bad one its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from momentum_trio.net.group import Apart, GroupView, Service, Told, ViewId
from sim.bus import Began, Deed, Entry, Joined, Left, Spoke
from sim.evs import breaches

A, B, C = (f"#ec0-1#ec{number}" for number in (1, 2, 3))
ONE, TWO, BETWEEN = ViewId(2, "ec1"), ViewId(4, "ec1"), ViewId(3, "ec1")
NAMES = {"ec1": A, "ec2": B, "ec3": C}


@dataclass
class Tape:
    """A history in the making."""

    entries: list[Entry] = field(default_factory=list)

    def on(self, host: str, *deeds: Deed) -> Tape:
        self.entries += [Entry(float(len(self.entries) + n), host, 1, deed) for n, deed in enumerate(deeds)]
        return self


def view(*members: str, id: ViewId = ONE, number: int = 1, together: Sequence[str] | None = None) -> GroupView:  # noqa: A002
    whole = tuple(members) if together is None else tuple(together)
    return GroupView("red", id, number, members, transitional=False, primary=len(members) > 1, together=whole)


def moved(*members: str, number: int = 1) -> GroupView:
    return GroupView("red", BETWEEN, number, members, transitional=True, primary=False, together=members)


def said(text: bytes, sender: str = A, service: Service = Service.AGREED, *, taken: bool = True) -> Spoke:
    return Spoke(sender, "red", "", text, service, taken)


def told(text: bytes, sender: str = A, service: Service = Service.AGREED, id: ViewId = ONE) -> Told:  # noqa: A002
    return Told("red", sender, text, service, id)


def begun(*hosts: str) -> Tape:
    """Everybody is in the first view."""
    tape = Tape()
    for host in hosts:
        tape.on(host, Began(), Joined("red"), view(*(NAMES[each] for each in hosts)))
    return tape


def laws(tape: Tape) -> set[str]:
    return {breach.law for breach in breaches(tape.entries)}


def passed(tape: Tape, host: str, *early: Told, late: Sequence[Told] = ()) -> Tape:
    """*host* is told that, and passes with ec2 from the first view to the second, without ec3."""
    return tape.on(host, *early, moved(A, B), *late, view(A, B, id=TWO))


def test_a_good_history_breaks_no_law() -> None:
    tape = begun("ec1", "ec2", "ec3").on("ec1", said(b"a"), said(b"b"), said(b"s", service=Service.SAFE))
    safe = told(b"s", service=Service.SAFE, id=BETWEEN)
    passed(tape, "ec1", told(b"a"), told(b"b"), late=[safe])
    passed(tape, "ec2", told(b"a"), told(b"b"), late=[safe])
    tape.on("ec3", told(b"a"), Apart("cut off"))  # it knows no more, and goes on alone
    tape.on("ec3", view(C, id=ViewId(4, "ec3"), together=()))
    tape.on("ec2", Left("red"), Joined("red"), view(B, A, id=TWO, number=3, together=(B,)))
    assert laws(tape) == set()


def test_who_leaves_and_comes_back_owes_nothing_of_the_time_between() -> None:
    tape = begun("ec1", "ec2").on("ec1", said(b"a"))
    tape.on("ec2", Left("red"), Joined("red"), view(A, B, number=3, together=(B,)))
    tape.on("ec1", view(A, number=2), told(b"a"), view(A, B, number=3, together=(A,)))
    assert laws(tape) == set()


def other_view() -> Tape:
    return begun("ec1").on("ec2", Began(), view(A, B))


def two_primaries() -> Tape:
    return begun("ec1", "ec2").on("ec3", Began(), view(B, C, id=ViewId(ONE.epoch, "ec2")))


def not_in_it() -> Tape:
    return Tape().on("ec3", Began(), view(A, B))


def new_in_a_transitional_view() -> Tape:
    return begun("ec1", "ec2").on("ec1", moved(A, B, C), view(A, B, C, id=TWO, together=(A, B)))


def nothing_between() -> Tape:
    return begun("ec1", "ec2").on("ec1", view(A, B, id=TWO))


def not_together() -> Tape:
    """ec2 was in another view before, and ec1 is told that it comes along."""
    tape = begun("ec1").on("ec2", Began(), view(A, B, number=7), moved(A, B), view(A, B, id=TWO, together=(B,)))
    return tape.on("ec1", moved(A), view(A, B, id=TWO, together=(A, B)))


def one_was_not_told() -> Tape:
    tape = begun("ec1", "ec2").on("ec1", said(b"a"), said(b"b"))
    return passed(passed(tape, "ec1", told(b"a"), told(b"b")), "ec2", told(b"a"))


def another_order() -> Tape:
    tape = begun("ec1", "ec2").on("ec1", said(b"a")).on("ec2", said(b"b", B))
    passed(tape, "ec1", told(b"a"), told(b"b", B))
    return passed(tape, "ec2", told(b"b", B), told(b"a"))


def another_order_in_components() -> Tape:
    """They never pass together; yet there is one order."""
    tape = begun("ec1", "ec2").on("ec1", said(b"a")).on("ec2", said(b"b", B))
    return tape.on("ec1", told(b"a"), told(b"b", B)).on("ec2", told(b"b", B), told(b"a"))


def the_wrong_view() -> Tape:
    return begun("ec1", "ec2").on("ec1", said(b"a"), told(b"a")).on("ec2", moved(A, B), told(b"a"))


def a_later_view() -> Tape:
    tape = begun("ec1", "ec2").on("ec1", said(b"a"), told(b"a"))
    return tape.on("ec2", moved(A, B), view(A, B, id=TWO), told(b"a", id=TWO))


def not_safe() -> Tape:
    """ec1 was told safely in the regular view; ec2 goes on elsewhere without it."""
    tape = begun("ec1", "ec2").on("ec1", said(b"s", service=Service.SAFE), told(b"s", service=Service.SAFE))
    return tape.on("ec2", moved(B), view(B, id=ViewId(4, "ec2")))


def invented() -> Tape:
    return begun("ec1").on("ec1", told(b"a"))


def of_somebody_else() -> Tape:
    return begun("ec1", "ec2").on("ec1", said(b"a"), told(b"a", B))


def twice() -> Tape:
    return begun("ec1").on("ec1", said(b"a"), told(b"a"), told(b"a"))


def out_of_the_senders_order() -> Tape:
    fifo = Service.FIFO
    return begun("ec1").on("ec1", said(b"a", A, fifo), said(b"b", A, fifo), told(b"b", A, fifo), told(b"a", A, fifo))


def a_gap() -> Tape:
    tape = begun("ec1", "ec2").on("ec1", said(b"a"), said(b"b"), said(b"c"), told(b"a"), told(b"b"), told(b"c"))
    return tape.on("ec2", told(b"a"), told(b"c"))


def own_words_lost() -> Tape:
    return begun("ec1").on("ec1", said(b"a"), said(b"b"), told(b"b"))


@pytest.mark.parametrize(
    ("tape", "law"),
    [
        (other_view(), "one_view"),
        (two_primaries(), "one_primary"),
        (not_in_it(), "in_itself"),
        (new_in_a_transitional_view(), "transitional"),
        (nothing_between(), "transitional"),
        (not_together(), "together"),
        (one_was_not_told(), "same_messages"),
        (another_order(), "same_order"),
        (another_order_in_components(), "one_order"),
        (the_wrong_view(), "own_view"),
        (a_later_view(), "own_view"),
        (not_safe(), "safe"),
        (invented(), "as_said"),
        (of_somebody_else(), "as_said"),
        (twice(), "once"),
        (out_of_the_senders_order(), "sender_order"),
        (a_gap(), "no_gap"),
        (own_words_lost(), "own_words"),
    ],
)
def test_each_law_is_seen_broken(tape: Tape, law: str) -> None:
    assert law in laws(tape)


def test_what_was_not_taken_is_owed_to_nobody() -> None:
    assert laws(begun("ec1").on("ec1", said(b"a", taken=False))) == set()


def test_members_leave_one_after_the_other_between_two_views() -> None:
    tape = Tape().on("ec1", Began(), Joined("red"), view(A, B, C), moved(A, B, C, number=0))
    tape.on("ec1", moved(A, B, number=1), moved(A, number=2))
    assert laws(Tape([*tape.entries]).on("ec1", view(A, id=TWO))) == set()
    assert laws(Tape([*tape.entries]).on("ec1", moved(A, number=3))) == {"transitional"}
