"""The law of forms: mail whose sender was taken before becomes what it would if each message were judged by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from reception_given import Entrance, Scope, client, scope
from test_injection import TERMS, entrance, injector, message

from momentum_trio.mail.record import Rejected
from momentum_trio.protocol.smtp import replies
from momentum_trio.reception import form
from momentum_trio.reception.decision import Deferred
from momentum_trio.reception.door import Judged, Reception
from momentum_trio.reception.injected import Addressee, Injected
from momentum_trio.reception.injection import Injection
from momentum_trio.reception.senders import FORMS_MAX, RECIPIENTS_MAX
from momentum_trio.reception.transaction import Recipient
from momentum_trio.spool.message import Batch
from momentum_trio.spool.spool import SpoolFull

FIELDS = (
    b"Subject: x\r\n",
    b"Date: Tue, 29 Sep 2009 10:11:56 +0000\r\n",
    b"Message-ID: <a@b>\r\n",
    b"Return-Path: <x@y>\r\n folded\r\n",
    b"Received: by z\r\n",
    b"Received: by z\r\n" * 21,
    b"no field\r\n",
    b" folded\r\n",
)
OPTIONS: tuple[dict[str, str], ...] = (
    {},
    {"RFC2822_Date_Header": "pedantic"},
    {"RFC2822_Missing_Headers": "allow"},
    {"RFC2822_Trace_Headers": "false"},
    {"Max_Recipients_Per_Message": "2"},
    {"Max_Recipients_Per_Connection": "3"},
    {"Max_Receptions_Per_Connection": "2"},
    {"RFC2822_Max_Line_Length": "20", "RFC2822_Max_Line_Length_Policy": "truncate"},
    {"Allow_NULL_Envelope_Sender": "false"},
)

contents = st.builds(
    lambda fields, body: b"".join(fields) + body,
    st.lists(st.sampled_from(FIELDS), max_size=3),
    st.sampled_from((b"", b"\r\n", b"\r\nbody\r\n", b"\r\n" + b"x" * 50 + b"\r\n", b"\r\nlone\n", b"\r\n\0\r\n")),
)
addressees = st.builds(
    Addressee,
    st.sampled_from(("c@d.example", "E@D.example", "f@elsewhere.example", "postmaster", "g", "h@", '"q q"@d.example')),
    st.sampled_from(("", "", "NOTIFY=NEVER", "NOTIFY=SUCCESS ORCPT=rfc822;o@p.example", "X=Y")),
)
messages = st.builds(
    Injected,
    st.sampled_from(("a@b.example", "a@b.example", "", "i@j.example", "k@")),
    st.lists(addressees, min_size=1, max_size=3).map(tuple),
    contents,
    st.sampled_from(("", "", "BODY=8BITMIME RET=HDRS", "SMTPUTF8", "BODY=BINARYMIME", "SIZE=99999")),
    st.sampled_from(((), (), (("name", "value"),), (("tls", "on"),))),
    not_before=st.sampled_from((0.0, 0.0, 2e9)),
)


async def outcome(scopes: tuple[Scope, ...], mail: list[Injected], fault: Exception | None) -> tuple[object, ...]:
    """All that somebody else learns of *mail*, which one connection brings."""
    here = Entrance(*scopes, who=replace(client(), protocol="ecstream"))
    ours = injector(here, replace(TERMS, message_octets_max=1000))
    async with ours:
        first = await ours.inject(mail[: len(mail) // 2])
        here.spool.commit_fault = fault
        last = await ours.inject(mail[len(mail) // 2 :])
    return first, last, here.spool.kept, here.spool.groups, here.records, here.accepted


@settings(max_examples=150)
@given(
    st.lists(messages, min_size=2, max_size=8),
    st.sampled_from(OPTIONS),
    st.sampled_from(({"Open_Relay": "true"}, {})),
    st.sampled_from((None, None, SpoolFull("full"))),
)
def test_what_is_asked_once_says_the_same_as_what_is_asked_each_time(
    mail: list[Injected], options: dict[str, str], right: dict[str, str], fault: Exception | None
) -> None:
    scopes = (scope("esmtp_listener", **options, **right), scope("global", Relay_Domains=["d.example"]))
    short = trio.run(outcome, scopes, mail, fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form, "STEADY", frozenset())  # so that no check may be asked once for several messages
        assert trio.run(outcome, scopes, mail, fault) == short


async def judged(here: Entrance, mail: list[Injected], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Injection], int]:
    """What became of *mail*, and how much of it was judged by its sender's form."""
    formed = 0
    judge_by = type(here.reception).judge_by

    def counted(
        reception: Reception, given: form.Form, recipients: Sequence[Recipient], content: bytes
    ) -> Judged | None:
        nonlocal formed
        formed += 1
        return judge_by(reception, given, recipients, content)

    monkeypatch.setattr(type(here.reception), "judge_by", counted)
    return await injector(here).inject(mail), formed


async def test_the_third_message_of_a_sender_is_judged_by_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    here = entrance()
    injections, formed = await judged(here, [message(f"{n}@d.example") for n in range(10)], monkeypatch)
    assert formed == 8
    assert [each.reply for each in injections] == [replies.OK] * 10
    assert [batch.messages[0].forward_path for batch, _ in here.spool.kept] == [f"{n}@d.example" for n in range(10)]


@pytest.mark.parametrize("option", ["Max_Recipients_Per_Connection", "Max_Receptions_Per_Connection"])
async def test_where_messages_are_counted_each_is_asked_about(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = entrance(scope("esmtp_listener", Open_Relay="true", **{option: "5"}))
    injections, formed = await judged(here, [message() for _ in range(7)], monkeypatch)
    assert formed == 0
    assert [each.reply.code for each in injections] == [250] * 5 + [452] * 2


async def test_what_is_remembered_is_bounded() -> None:
    here = entrance()
    ours = injector(here)
    senders = [f"{n // 2}@b.example" for n in range(4 * FORMS_MAX)]
    await ours.inject([message(reverse_path=sender) for sender in senders])
    assert 0 < len(ours._senders._known) <= FORMS_MAX
    await ours.inject([message(f"{n}@d.example") for n in range(3 * RECIPIENTS_MAX)])
    assert all(len(known.taken) <= RECIPIENTS_MAX for known in ours._senders._known.values())
    assert len(here.spool.kept) == len(senders) + 3 * RECIPIENTS_MAX


async def test_other_rules_hold_from_the_next_call_on() -> None:
    here = entrance()
    ours = injector(here)
    assert [each.reply.code for each in await ours.inject([message() for _ in range(4)])] == [250] * 4
    ours.reception.rules = Entrance(scope("esmtp_listener")).rules
    assert [each.reply.code for each in await ours.inject([message() for _ in range(2)])] == [550] * 2


async def test_other_terms_hold_from_the_next_call_on() -> None:
    here = entrance()
    ours = injector(here)
    eight_bit = message(parameters="BODY=8BITMIME")
    assert [each.reply.code for each in await ours.inject([eight_bit] * 4)] == [250] * 4
    ours.terms = replace(TERMS, extensions=())
    begun = await ours.begin(eight_bit)
    assert isinstance(begun, Injection)
    assert [begun.reply.code, *(each.reply.code for each in await ours.inject([eight_bit]))] == [555] * 2


@pytest.mark.parametrize("again", ["context", "later"])
async def test_a_message_that_differs_by_more_than_its_recipient_has_another_sender(
    again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, mail = entrance(), list[Injected]()
    for number in range(6):
        other = {"context": (("n", str(number)),)} if again == "context" else {"not_before": 2e9 + number}
        mail.append(structs.replace(message(), **other))
    injections, formed = await judged(here, mail, monkeypatch)
    assert formed == 0
    assert [each.reply for each in injections] == [replies.OK] * 6


async def test_a_limit_that_comes_is_asked_about_each_message() -> None:
    here = entrance()
    ours = injector(here)
    await ours.inject([message() for _ in range(4)])
    asked = list[str]()

    async def turn(reverse_path: str) -> Deferred:
        asked.append(reverse_path)
        return Deferred(replies.MESSAGES_TOO_FAST, "limits", "")

    ours.turn = turn
    said = await ours.inject([message() for _ in range(3)])
    assert asked == ["a@b.example"] * 3
    assert {each.reply for each in said} == {replies.MESSAGES_TOO_FAST}


async def test_what_could_not_be_kept_is_recorded_with_its_own_transaction() -> None:
    here = entrance()
    ours = injector(here)
    await ours.inject([message("first@d.example") for _ in range(3)])
    here.spool.commit_fault = SpoolFull("full")
    await ours.inject([message("a@d.example", "last@d.example", content=b"Date: now\r\n\r\n")])
    (rejected,) = [record for record in here.records if isinstance(record, Rejected)]
    context = dict(rejected.message_context)
    assert context["rcptto_string"] == "RCPT TO:<last@d.example>"
    assert dict(rejected.connection_context)["message_rcpt_count"] == "2"
    assert "rfc2822_date_missing" not in context
    assert all(isinstance(batch, Batch) for batch in here.accepted)
