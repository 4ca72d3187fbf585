"""Policy sends clients and messages through pathways: whose options hold from there on, and for how long."""

from __future__ import annotations

import pytest
import trio
from http_api import OPEN, WHOLE, Api
from simulated_host import MX, console, read_reply, send_all
from test_policy import CONFIG, Policy, told

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Rejected

THROUGH = (
    CONFIG
    + """
Pathway "strict" { Max_Recipients_Per_Message = 1 Banner_Hostname = "strict.example" SMTP_Extensions = ( "DSN" ) }
Pathway_Group "friends" { Relay_Domains = ( "elsewhere.example" ) Pathway "friend" {} }
"""
)
HELLO, MAIL = "EHLO client.example", "MAIL FROM:<a@b.example>"
TWO = ("RCPT TO:<c@example.com>", "RCPT TO:<d@example.com>")
FAR = "RCPT TO:<c@elsewhere.example>"


def replies_to(module: str, *lines: str) -> tuple[list[str], list[Rejected]]:
    """What a client that says *lines* is told, from the greeting on, and what the rejectlog has."""

    async def story(site: Policy) -> tuple[list[str], list[Rejected]]:
        return await site.talk(*lines), site.rejected

    return told(module, story, THROUGH)


def test_at_connect_the_greeting_is_already_that_of_the_pathway() -> None:
    replies, rejected = replies_to("async def connect(session): return Done(pathway='strict')", HELLO, MAIL, *TWO)
    assert replies[0].startswith("220 strict.example ")
    assert "DSN" in replies[1]
    assert [reply[:3] for reply in replies[2:]] == ["250", "250", "452"]
    assert [(each.pathway, dict(each.connection_context)["pathway"]) for each in rejected] == [("strict", "strict")]


def test_at_ehlo_the_offer_is_that_of_the_pathway_and_the_greeting_that_was_said_is_not_held_against_it() -> None:
    module = "async def ehlo(session): return Continue(pathway='strict' if session.hello == 'x' else '')"
    replies, _ = replies_to(module, HELLO, "EHLO x", MAIL, *TWO, "RSET", MAIL)
    assert ["DSN" in reply for reply in replies[1:3]] == [False, True]
    assert [reply[:3] for reply in replies[3:]] == ["250", "250", "452", "250", "250"]


def test_a_message_of_its_own_pathway_changes_what_is_decided_about_it_alone() -> None:
    module = """
async def mailfrom(session, mail):
    return Continue(pathway='friend' if mail.reverse_path.startswith('friend') else '')
async def rcptto(session, mail, recipient):
    return Reject('through ' + session.pathway) if recipient.startswith('who') else Continue()
"""
    friend, who = "MAIL FROM:<friend@b.example>", "RCPT TO:<who@elsewhere.example>"
    replies, rejected = replies_to(module, HELLO, friend, FAR, who, "RSET", MAIL, FAR, "RSET", friend, FAR)
    assert [reply[:3] for reply in replies[2:]] == ["250", "250", "550", "250", "250", "550", "250", "250", "250"]
    assert replies[4] == "550 5.7.1 through friend"
    assert [(each.pathway, each.pathway_group) for each in rejected] == [("friend", "friends"), ("default", "default")]


@pytest.mark.parametrize(
    ("phase", "lines"),
    [
        ("connect(session)", ()),
        ("ehlo(session)", (HELLO,)),
        ("mailfrom(session, mail)", (HELLO, MAIL)),
    ],
)
def test_a_pathway_that_there_is_not_is_a_fault_of_the_module(phase: str, lines: tuple[str, ...]) -> None:
    replies, rejected = replies_to(f"async def {phase}: return Continue(pathway='nowhere')", *lines)
    assert replies[-1].startswith("451 4.3.0 policy not available")
    assert [each.module for each in rejected] == ["site"]


def test_where_no_pathway_can_be_chosen_the_verdict_is_none() -> None:
    module = "async def rcptto(session, mail, recipient): return Done(pathway='strict')"
    replies, _ = replies_to(module, HELLO, MAIL, TWO[0])
    assert replies[-1].startswith("451 4.3.0 policy not available")


def test_what_is_chosen_after_the_greeting_is_forgotten_when_somebody_else_talks() -> None:
    module = """
async def connect(session): return Continue(pathway='friend')
async def ehlo(session): return Continue(pathway='strict' if session.hello == 'x' else '')
"""
    trusting = THROUGH.replace("ESMTP_Listener {", 'ESMTP_Listener { SMTP_Extensions = ( "XCLIENT" )')
    lines = ("EHLO x", "XCLIENT ADDR=192.0.2.9", MAIL, FAR, FAR)

    async def story(site: Policy) -> list[str]:
        return await site.talk(*lines)

    assert [reply[:3] for reply in told(module, story, trusting)[2:]] == ["220", "250", "250", "250"]


def test_a_reload_without_the_pathway_asks_the_client_to_come_again() -> None:
    async def story(site: Policy) -> list[str]:
        async def talk(machine: Machine) -> list[str]:
            with trio.socket.socket() as socket:
                await socket.connect((MX, 25))
                replies = [await read_reply(socket)]
                for line in (HELLO, MAIL, "RSET", "", MAIL):
                    if line:
                        await send_all(socket, line.encode() + b"\r\n")
                        replies.append(await read_reply(socket))
                    else:
                        await site.mx.call(console, "config unset Pathway strict")
                return replies

        return await site.client.call(talk)

    replies = told("async def connect(session): return Continue(pathway='strict')", story, THROUGH)
    assert [reply[:3] for reply in replies] == ["220", "250", "250", "250", "421"]


def test_a_message_over_http_is_judged_by_the_rules_of_its_own_pathway() -> None:
    module = """
async def mailfrom(session, mail):
    return Continue(pathway='strict' if mail.reverse_path.startswith('strict') else '')
"""
    config = f'{THROUGH}HTTP_Listener {{ Listen "127.0.0.1:{OPEN}" {{}} }}'

    async def story(site: Policy) -> list[list[int]]:
        async def codes(sender: str) -> list[int]:
            path = f"/api/v1/messages?return_path={sender}@b.example&to=c@example.com&to=d@example.com"
            answer = await Api(site).ask("POST", path, b"Subject: x\r\n\r\nhello\r\n", fields=WHOLE)
            return [each["reply"]["code"] for each in answer.said["results"][0]["recipients"]]

        return [await codes(sender) for sender in ("a", "strict", "a")]

    assert told(module, story, config) == [[250, 250], [250, 452], [250, 250]]
