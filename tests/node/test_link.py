"""Values between the planes."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from momentum_trio.node.link import WAITING_MAX, Count, Counted, CountFromZero, Done, MailEnd, pair

COUNTED = Counted(1, 2, 3, 4, 5, 6)


async def test_questions_are_answered_one_at_a_time() -> None:
    control, mail = pair()
    asked = []

    async def answer() -> None:
        while True:
            asked.append(await mail.receive())
            if isinstance(asked[-1], Count):
                await mail.answer(COUNTED)

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


async def _answer(mail: MailEnd, answer: Done) -> None:
    await mail.receive()
    await mail.answer(answer)


async def _answer_in_shelter(mail: MailEnd) -> None:
    with trio.CancelScope(shield=True):
        await mail.receive()
        await mail.answer(COUNTED)


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
