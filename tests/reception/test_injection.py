"""Mail that comes whole with its envelopes: what SMTP would say, of each message for itself, committed together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from msgspec import structs
from reception_given import Entrance, Scope, client, scope

from momentum_trio.mail.record import Received, Rejected
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception.decision import Decision, Deferred
from momentum_trio.reception.injected import Addressee, Injected
from momentum_trio.reception.injection import (
    PORTION_MESSAGES,
    PORTION_OCTETS,
    Injection,
    Injector,
    Turn,
)
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.row import by_phase
from momentum_trio.reception.policy.verdict import Continue, Discard, Disconnect, Reject, Verdict
from momentum_trio.spool.spool import SpoolFull

TERMS = Terms("mx.example", Reply(220, "", ("",)), ("8BITMIME", "SIZE", "DSN", "SMTPUTF8", "CHUNKING", "BINARYMIME"))
CONTENT = b"Subject: x\r\n\r\nbody\r\n"
TRUSTED = scope("esmtp_listener", Open_Relay="true")


def entrance(*scopes: Scope) -> Entrance:
    return Entrance(*(scopes or (TRUSTED,)), who=replace(client(), protocol="ecstream"))


def injector(here: Entrance, terms: Terms = TERMS, turn: Turn | None = None) -> Injector:
    return Injector(here.door, here.client, here.rules, terms, turn)


def message(*paths: str, content: bytes = CONTENT, reverse_path: str = "a@b.example", parameters: str = "") -> Injected:
    recipients = tuple(Addressee(path) for path in paths or ("c@d.example",))
    return Injected(reverse_path, recipients, content, parameters)


async def test_each_message_is_kept_for_itself_and_all_are_committed_together() -> None:
    here = entrance()
    injections = await injector(here).inject([message(f"{n}@d.example", "e@f.example") for n in range(5)])
    batches = [batch for batch, _ in here.spool.kept]
    assert here.spool.groups == [5]
    assert injections == [Injection(batch.batch_id, replies.OK) for batch in batches]
    assert [[m.forward_path for m in batch.messages] for batch in batches] == [
        [f"{n}@d.example", "e@f.example"] for n in range(5)
    ]
    received = [record for record in here.records if isinstance(record, Received)]
    assert len(received) == 10
    assert {record.protocol for record in received} == {"ecstream"}
    assert here.accepted == batches
    content = here.spool.content_of_last.decode()
    assert content.startswith("Received: from [192.0.2.7] ([192.0.2.7:4711])\r\n\tby system.example")
    assert "with ECSTREAM\r\n" in content
    assert content.endswith("\r\nSubject: x\r\n\r\nbody\r\n")


PATHS: list[tuple[str, int]] = [
    # what a path may not be; RFC 5321 section 4.1.2
    ("a\rb@d.example", 501),
    ("a\nRCPT TO:<x@y.example", 501),
    ("a\0@d.example", 501),
    ("c@d.example> NOTIFY=NEVER", 501),
    ("c@d.example><e@f.example", 501),
    ("<c@d.example>", 501),
    ("", 501),
    ("c@", 501),
    ("c@d.example ", 501),
    (f"{'l' * 65}@d.example", 501),
    ("ü@d.example", 553),
    # what no check takes
    ("c", 501),
    ("c@elsewhere.example", 550),
]


@pytest.mark.parametrize(("path", "code"), PATHS)
async def test_a_path_costs_its_own_recipient(path: str, code: int) -> None:
    here = entrance(scope("global", Relay_Domains=["d.example"]))
    (injection,) = await injector(here).inject([message("good@d.example", path, "better@d.example")])
    assert injection.id
    assert [reply.code for reply in injection.recipients] == [250, code, 250]
    ((batch, _),) = here.spool.kept
    assert [m.forward_path for m in batch.messages] == ["good@d.example", "better@d.example"]
    assert [record.code for record in here.records if isinstance(record, Rejected)] == [code]


MESSAGES: list[tuple[Injected, int]] = [
    (message(reverse_path="a\r\nDATA@b.example"), 501),
    (message(reverse_path="a@b.example> SIZE=1"), 501),
    (message(parameters="SIZE=1 SIZE=2"), 501),
    (message(parameters="BODY=8BITMIME\r\nDATA"), 501),
    (message(parameters="AUTH=<>"), 555),
    (message(reverse_path="ä@b.example"), 553),
    (message(parameters="SIZE=2000"), 552),
    (message(content=CONTENT + b"x" * 1000), 552),
    (message(content=b"Subject: x\r\n\r\nlone\nhere\r\n"), 550),
    (message(content=b"Subject: x\r\n\r\nnul\0\r\n"), 550),
    (message(content=b"no header\r\n\r\n"), 550),
    (message(content=b"Received: x\r\n" * 21 + CONTENT), 554),
    (structs.replace(message(), context=(("auth_user", "root"),)), 550),
    (structs.replace(message(), context=(("a b", "c"),)), 501),
    (structs.replace(message(), context=(("a", "b\r\nc"),)), 501),
    (structs.replace(message(), context=tuple((f"n{n}", "") for n in range(33))), 452),
]


@pytest.mark.parametrize(("wrong", "code"), MESSAGES)
async def test_what_is_wrong_with_one_message_costs_that_alone(wrong: Injected, code: int) -> None:
    here = entrance()
    terms = replace(TERMS, message_octets_max=1000)
    before, found, after = await injector(here, terms).inject([message(), wrong, message()])
    assert (found.id, found.reply.code) == ("", code)
    assert before.id
    assert after.id
    assert len(here.spool.kept) == 2
    assert [record.code for record in here.records if isinstance(record, Rejected)] == [code]
    assert all(entry.over for entry in here.spool.entries)


async def test_binary_content_needs_to_be_declared() -> None:
    octets = b"Subject: x\r\n\r\na\nb\0\r"
    undeclared, declared = await injector(here := entrance()).inject(
        [message(content=octets), message(content=octets, parameters="BODY=BINARYMIME")]
    )
    assert (undeclared.id, bool(declared.id)) == ("", True)
    assert here.spool.content_of_last.endswith(octets)


async def test_where_nobody_is_taken_the_message_is_answered_as_the_mildest() -> None:
    here = entrance(scope("global", Relay_Domains=["d.example"]), scope("peer", Max_Recipients_Per_Connection=1))
    first, second = await injector(here).inject([message(), message("c@elsewhere.example", "c@d.example")])
    assert first.id
    assert (second.id, second.reply.code) == ("", 452)
    assert [reply.code for reply in second.recipients] == [452, 452]


async def test_what_is_not_committed_is_not_counted_and_says_so() -> None:
    here = entrance(TRUSTED, scope("peer", Max_Receptions_Per_Connection=2))
    connection = injector(here)
    here.spool.commit_fault = SpoolFull("no room")
    assert [each.reply for each in await connection.inject([message()] * 3)] == [
        replies.SPOOL_FULL,
        replies.SPOOL_FULL,
        replies.RECEPTIONS_PER_CONNECTION,
    ]
    assert all(entry.over for entry in here.spool.entries)
    here.spool.commit_fault = None
    assert [bool(each.id) for each in await connection.inject([message()] * 3)] == [True, True, False]


async def test_after_a_421_nothing_is_taken() -> None:
    said = Deferred(replies.TOO_MANY_SESSIONS, "policy")
    turns = iter((None, said))

    async def turn(reverse_path: str) -> Decision | None:
        return next(turns)

    here = entrance()
    connection = injector(here, turn=turn)
    injections = await connection.inject([message()] * 4)
    assert [each.reply.code for each in injections] == [250, 421, 421, 421]
    assert connection.said_last is said.reply


@pytest.mark.parametrize(
    ("count", "octets", "groups"),
    [
        (PORTION_MESSAGES + 1, 0, [PORTION_MESSAGES, 1]),
        (6, PORTION_OCTETS // 3, [3, 3]),
        (1, 2 * PORTION_OCTETS, [1]),
    ],
)
async def test_so_many_and_so_much_is_held_at_a_time(count: int, octets: int, groups: list[int]) -> None:
    content = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * (octets // 72)
    here = entrance()
    assert all(each.id for each in await injector(here).inject([message(content=content)] * count))
    assert here.spool.groups == groups


async def test_content_may_wait_in_the_spool() -> None:
    here = entrance()
    waiting = here.spool.begin()
    await waiting.write(CONTENT)

    async def read(offset: int, size: int) -> bytes:
        return CONTENT[offset : offset + size]

    waiting.read = read  # type: ignore[method-assign]
    injections = await injector(here).inject([structs.replace(message(), content=waiting)] * 2)
    assert all(each.id for each in injections)
    assert here.spool.content_of_last.endswith(CONTENT)
    assert not waiting.over


async def test_context_and_parameters_go_with_the_message() -> None:
    here = entrance()
    injected = Injected(
        "a@b.example",
        (Addressee("c@d.example", "NOTIFY=SUCCESS ORCPT=rfc822;x+40y"),),
        CONTENT,
        "RET=HDRS ENVID=e BODY=8BITMIME",
        (("campaign", "autumn"),),
    )
    assert (await injector(here).inject([injected]))[0].id
    ((batch, _),) = here.spool.kept
    assert (batch.returns, batch.envelope_id, batch.body) == ("HDRS", "e", "8BITMIME")
    assert batch.context == (("can_relay", "true"), ("campaign", "autumn"))
    assert batch.messages[0].original_recipient == "rfc822;x@y"


class Policy:
    """A row that goes by who is written to, and notes when it was asked."""

    name = "policy"
    phases = frozenset(PolicyPhase)

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        self.asked.append(phase.value)
        to = asked.recipient
        if phase is PolicyPhase.RCPTTO and to.startswith("refused@"):
            return Reject("not this one")
        if phase is PolicyPhase.EACH_RCPT and to.startswith("dropped@"):
            return Discard("unwanted")
        if phase is PolicyPhase.MAILFROM and asked.mail is not None and asked.mail.reverse_path.startswith("bad@"):
            return Disconnect("go away")
        if phase is PolicyPhase.DATA:
            return Continue(fields=(("X-Seen", "yes"),))
        return Continue()

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        raise AssertionError(problem)


async def test_policy_is_asked_of_each_message_in_the_phases_of_mail() -> None:
    here, policy = entrance(), Policy()
    connection = Injector(here.door, here.client, replace(here.rules, rows=by_phase([policy])), TERMS)
    some, dropped, none, after = await connection.inject(
        [
            message("c@d.example", "refused@d.example", "dropped@d.example"),
            message("dropped@d.example"),
            message(reverse_path="bad@b.example"),
            message(),
        ]
    )
    assert policy.asked[:9] == [
        "mailfrom",
        *["rcptto"] * 3,
        "data",
        "data_spool",
        "each_rcpt",
        "each_rcpt",
        "set_binding",
    ]
    assert [reply.code for reply in some.recipients] == [250, 550, 250]
    assert (dropped.id, dropped.reply.code) == ("", 250), "the client is told that it was taken"
    assert [each.reply.code for each in (none, after)] == [421, 421]
    ((batch, content),) = here.spool.kept
    assert [kept.forward_path for kept in batch.messages] == ["c@d.example"]
    assert b"\r\nX-Seen: yes\r\n" in content
    rejected = [(record.code, record.phase) for record in here.records if isinstance(record, Rejected)]
    assert sorted(rejected) == sorted(
        [(550, "awaiting rcptto"), (550, "reading body"), (550, "reading body"), (421, "awaiting mailfrom")]
    )


async def test_cancelled_before_the_commit_nothing_is_kept() -> None:
    here = entrance()

    async def turn(reverse_path: str) -> Decision | None:
        if here.spool.entries:
            await trio.sleep_forever()
        return None

    with trio.move_on_after(0.01):
        await injector(here, turn=turn).inject([message()] * 2)
    assert here.spool.kept == []
    assert [entry.over for entry in here.spool.entries] == [True]
