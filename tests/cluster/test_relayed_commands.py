"""Console commands for other nodes: who runs them, who answers, and when nobody is left to wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio
import trio.testing
from agreed import Agreed
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.cluster.jobs import Jobs
from momentum_trio.cluster.relay import ABORTED, BUSY, RUNNING_MAX, Ran, Relay
from momentum_trio.protocol.cluster.relay import (
    ANSWER_OCTETS_MAX,
    ANSWERS_OCTETS_MAX,
    CUT,
    LINE_CHARACTERS_MAX,
    PART_OCTETS_MAX,
    QUESTIONS_MAX,
    Answer,
    Command,
    Declined,
    Outcome,
    Question,
    Questions,
    answer,
    pack,
    unpack,
)
from momentum_trio.protocol.cluster.strategies import relayed

T = TypeVar("T")
WHO = ("ann", "/tmp/2025", "")
SUBCLUSTERS = {"a": "east", "b": "east", "c": "west"}


class Nodes:
    """Three nodes and a manager ``m`` over an agreed order that is moved on with ``hear``."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.order = Agreed("m", "a", "b", "c")
        self.ran: list[tuple[str, str, str]] = []
        self.jobs = {node: Jobs() for node in self.order.seats}
        self.relays: dict[str, Relay] = {}
        self.go_on = trio.Event()
        self.go_on.set()
        for node, seat in self.order.seats.items():
            names = (node, SUBCLUSTERS[node]) if node in SUBCLUSTERS else None
            self.relays[node] = Relay(seat, nursery, self.jobs[node], names, self._performing(node))
            seat.add(self.relays[node])
        self.order.settle()

    def _performing(self, node: str) -> Callable[[str, Command], Awaitable[Ran]]:
        async def perform(sender: str, command: Command) -> Ran:
            await self.go_on.wait()
            self.ran.append((node, sender, command.line))
            return Ran(f"{node} {command.line}\n", failed=command.line == "wrong")

        return perform

    async def quiet(self) -> None:
        for _ in range(4):
            self.order.settle()
            await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize(
    ("nodes", "subcluster", "answering"),
    [((), "", "abc"), (("b",), "", "b"), ((), "east", "ab"), (("c",), "east", ""), (("m", "x"), "", "")],
)
async def test_those_it_is_for_run_it_once_and_all_others_decline(
    nodes: tuple[str, ...], subcluster: str, answering: str
) -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        question = world.relays["m"].ask("version", "text", WHO, nodes, subcluster)
        assert question is not None
        was_over = question.is_over
        await world.quiet()
        assert (was_over, question.is_over) == (False, True)
        assert sorted(node for node, *_ in world.ran) == list(answering)
        said = {member[-1]: reply for member, reply in question.replies.items()}
        assert {node for node, reply in said.items() if reply.outcome is Outcome.ANSWERED} == set(answering)
        assert {node for node, reply in said.items() if reply.outcome is Outcome.DECLINED} == set("mabc") - set(
            answering
        )
        assert all(said[node].text == f"{node} version\n" for node in answering)


async def test_what_fails_there_is_failed_here_and_who_asks_waits_for_all() -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        over: list[Question] = []

        async def ask() -> None:
            question = world.relays["m"].ask("wrong", "text", WHO, ("a",))
            assert question is not None
            await world.relays["m"].over(question)
            over.append(question)

        nursery.start_soon(ask)
        await world.quiet()
        assert len(over) == 1
        assert over[0].replies[world.order["a"].name].outcome is Outcome.FAILED


async def test_nobody_waits_for_who_has_left() -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        world.go_on = trio.Event()
        question = world.relays["m"].ask("version", "text", WHO)
        assert question is not None
        await world.quiet()
        gone = world.order["a"].name
        world.order.crash("a")
        world.go_on.set()
        await world.quiet()
        assert question.is_over
        assert question.replies[gone].outcome is Outcome.GONE
        nursery.cancel_scope.cancel()


async def test_who_asks_and_is_cut_off_waits_for_nobody() -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        untold = world.relays["m"].ask("version", "text", WHO)
        world.order.cut("m")
        await world.quiet()
        assert untold is not None
        assert untold.is_over
        assert not untold.replies
        assert world.relays["m"].ask("version", "text", WHO) is None


async def test_who_comes_anew_under_his_name_is_told_no_answer_to_what_he_asked_before() -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        world.go_on = trio.Event()
        assert world.relays["m"].ask("version", "text", WHO) is not None
        await world.quiet()
        seat = world.order["m"]
        anew = Relay(seat, nursery, Jobs(), None, world._performing("m"), first=2**48 - 1)
        del seat.parts[anew.topic]
        seat.add(anew)
        question = anew.ask("wrong", "text", WHO)
        assert question is not None
        await world.quiet()
        world.go_on.set()
        await world.quiet()
        outcomes = {member: reply.outcome for member, reply in question.replies.items() if member != seat.member}
        assert outcomes == {world.order[node].name: Outcome.FAILED for node in "abc"}
        assert all(b"wrong" in reply.octets for reply in question.replies.values() if reply.octets)
        assert sorted({line for _, _, line in world.ran}) == ["version", "wrong"]


async def test_a_command_that_runs_is_a_job_that_can_be_aborted_and_there_is_a_bound() -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        world.go_on = trio.Event()
        questions = [world.relays["m"].ask("version", "text", WHO, ("a",)) for _ in range(RUNNING_MAX + 1)]
        await world.quiet()
        at_a = [question.replies[world.order["a"].name] for question in questions if question is not None]
        assert (at_a[-1].outcome, at_a[-1].text) == (Outcome.FAILED, BUSY)
        jobs = world.jobs["a"].running
        assert [job.what for job in jobs.values()] == ["ann: version"] * RUNNING_MAX
        assert world.jobs["a"].abort(min(jobs))
        assert not world.jobs["a"].abort(10_000)
        await world.quiet()
        assert [reply.text for reply in at_a if reply.outcome is Outcome.FAILED and reply.text != BUSY] == [ABORTED]
        world.go_on.set()
        await world.quiet()
        assert all(question is not None and question.is_over for question in questions)
        assert not world.jobs["a"].running


@settings(max_examples=30)
@given(st.text(max_size=200), st.integers(0, 3))
def test_an_answer_comes_in_parts_and_is_bounded(text: str, times: int) -> None:
    whole = text * (times * ANSWER_OCTETS_MAX // max(1, len(text.encode("utf-8", "replace")) * 2))
    parts = list(answer(7, whole, failed=False))
    assert all(len(part.octets) <= PART_OCTETS_MAX for part in parts)
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    octets = b"".join(part.octets for part in parts)
    expected = whole.encode("utf-8", "replace")
    assert octets == expected if len(expected) <= ANSWER_OCTETS_MAX else octets.endswith(CUT.encode())
    assert len(octets) <= ANSWER_OCTETS_MAX


def test_so_many_questions_are_kept() -> None:
    questions = Questions()
    for number in range(QUESTIONS_MAX + 5):
        questions.ask(Command(number, "version", "text", *WHO))
    assert list(questions.asked) == list(range(5, QUESTIONS_MAX + 5))


def test_who_waits_for_a_question_that_is_not_kept_waits_no_more() -> None:
    questions = Questions()
    questions.view(["#x#a"])
    first = questions.ask(Command(0, "version", "text", *WHO))
    questions.told(first.command)
    for number in range(1, QUESTIONS_MAX + 1):
        questions.ask(Command(number, "version", "text", *WHO))
    assert first.is_over
    assert first.replies["#x#a"].outcome is Outcome.GONE


def answered(questions: Questions, number: int, members: int) -> Question:
    """A question that each of so many members has answered with as much as is kept of one."""
    names = [f"#x#{member}" for member in range(members)]
    questions.view(names)
    question = questions.ask(Command(number, "version", "text", *WHO))
    questions.told(question.command)
    for name in names:
        for part in answer(number, "x" * ANSWER_OCTETS_MAX, failed=False):
            questions.answered(name, part)
    return question


def test_so_many_octets_of_answers_are_kept() -> None:
    questions, fit = Questions(), ANSWERS_OCTETS_MAX // ANSWER_OCTETS_MAX
    first = answered(questions, 1, fit // 2)
    second = answered(questions, 2, fit // 2)
    assert set(questions.asked) == {1, 2}
    third = answered(questions, 3, fit // 2)
    assert set(questions.asked) == {2, 3}
    assert not any(reply.is_cut for question in (first, second, third) for reply in question.replies.values())
    too_much = answered(questions, 4, fit + 2)
    assert set(questions.asked) == {4}
    cut = [reply.text.endswith(CUT) for reply in too_much.replies.values()]
    assert cut == [False] * fit + [True] * 2
    assert too_much.is_over
    assert questions.octets <= ANSWERS_OCTETS_MAX
    assert (questions.forget(), questions.forget(), questions.octets) == (1, 0, 0)


async def test_who_waits_for_what_is_flushed_waits_no_more() -> None:
    async with trio.open_nursery() as nursery:
        world = Nodes(nursery)
        world.go_on = trio.Event()
        question = world.relays["m"].ask("version", "text", WHO)
        assert question is not None
        nursery.start_soon(world.relays["m"].over, question)
        await world.quiet()
        assert world.relays["m"].flush() == 1
        world.go_on.set()
        await world.quiet()
        assert {reply.outcome for reply in question.replies.values()} == {Outcome.GONE, Outcome.DECLINED}
        assert not world.relays["m"].questions.asked


async def test_a_line_that_nobody_would_take_is_not_asked() -> None:
    async with trio.open_nursery() as nursery:
        assert Nodes(nursery).relays["m"].ask("x" * (LINE_CHARACTERS_MAX + 1), "text", WHO) is None


@given(relayed)
def test_what_is_said_is_what_is_heard(said: Command | Answer | Declined) -> None:
    assert unpack(pack(said)) == said
