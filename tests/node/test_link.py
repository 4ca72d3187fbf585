"""Values between the planes."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from momentum_trio.node.link import (
    ERRANDS_MAX,
    WAITING_MAX,
    Answer,
    Ask,
    Count,
    Counted,
    CountFromZero,
    Done,
    MailEnd,
    Said,
    pair,
)

COUNTED = Counted(1, 2, 3, 4, 5, 6)


async def test_more_questions_than_may_be_under_way_are_all_answered() -> None:
    control, mail = pair()
    asked = []

    async def answer() -> None:
        while True:
            number, question = await mail.receive()
            asked.append(question)
            if isinstance(question, Count):
                await mail.answer(number, COUNTED)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        assert await control.ask(Count()) == COUNTED
        control.tell(CountFromZero())
        async with trio.open_nursery() as askers:
            for _ in range(20):
                askers.start_soon(control.ask, Count())
        nursery.cancel_scope.cancel()
    assert len(asked) == 22


async def test_a_cancelled_question_does_not_leave_its_answer_to_the_next() -> None:
    control, mail = pair()
    with trio.move_on_after(0) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(control.ask, Count())
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            nursery.start_soon(_answer_in_shelter, mail)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_answer, mail, Done())
            assert await control.ask(Count()) == Done()


async def test_an_answer_that_takes_long_keeps_nobody_waiting() -> None:
    control, mail = pair()
    answers: list[Answer] = []

    async def ask(command: str) -> None:
        answers.append(await control.ask(Ask(command)))

    async with trio.open_nursery() as nursery:
        for command in ("slow", "quick", "quick"):
            nursery.start_soon(ask, command)
        numbers = {number: question.command for number, question in [await mail.receive() for _ in range(3)]}  # type: ignore[union-attr]
        for number in sorted(numbers, key=lambda number: numbers[number] == "slow"):
            await mail.answer(number, Said(numbers[number]))
            await trio.testing.wait_all_tasks_blocked()
    assert answers == [Said("quick"), Said("quick"), Said("slow")]


async def test_commands_that_take_long_keep_no_generation_waiting() -> None:
    control, mail = pair()
    async with trio.open_nursery() as nursery:
        for _ in range(2 * ERRANDS_MAX):
            nursery.start_soon(control.ask, Ask("slow"))
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(ERRANDS_MAX):
            await mail.receive()
        nursery.start_soon(_answer, mail, COUNTED)
        assert await control.ask(Count()) == COUNTED
        nursery.cancel_scope.cancel()


async def test_who_loses_patience_leaves_the_turn_to_the_next() -> None:
    control, mail = pair()
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as impatient:
            impatient.start_soon(control.ask, Ask("given up"))
            await trio.testing.wait_all_tasks_blocked()
            impatient.cancel_scope.cancel()
        nursery.start_soon(_answer_twice, mail)
        assert await control.ask(Ask("wanted")) == Said("wanted")


async def _answer_twice(mail: MailEnd) -> None:
    for _ in range(2):
        number, question = await mail.receive()
        assert isinstance(question, Ask)
        await mail.answer(number, Said(question.command))


async def _answer(mail: MailEnd, answer: Answer) -> None:
    number, _ = await mail.receive()
    await mail.answer(number, answer)


async def _answer_in_shelter(mail: MailEnd) -> None:
    with trio.CancelScope(shield=True):
        number, _ = await mail.receive()
        await mail.answer(number, COUNTED)


async def test_orders_are_bounded_and_nobody_waits_for_them() -> None:
    control, mail = pair()
    for _ in range(WAITING_MAX + 5):
        control.tell(CountFromZero())
    mail.close()
    control.tell(CountFromZero())
    with pytest.raises(trio.BrokenResourceError):
        await control.ask(Count())


async def test_the_mail_plane_learns_that_control_is_gone() -> None:
    control, mail = pair()
    control.close()
    with pytest.raises(trio.EndOfChannel):
        await mail.receive()
