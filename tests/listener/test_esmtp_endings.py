"""How SMTP sessions end: silence, drain, a new generation."""

from __future__ import annotations

import pytest
import trio
from esmtp_host import BASIC, MESSAGE, Talk, conversation, host, talk_to
from trio.testing import MockClock

from momentum_trio.limits.deadline import SLACK_SECONDS

SHORT = BASIC.replace("  Listen", "  Idle_Time = 20\n  Listen", 1)
IDLE = "421 4.4.2 mx.example idle timeout"
SHUT = "421 4.3.2 Service shutting down"
RECONFIGURED = "421 4.3.2 Reconfiguration in progress"


async def test_silence_is_answered_421(jumping_clock: MockClock) -> None:
    async with conversation(SHORT) as (at, talk):
        began = trio.current_time()
        with trio.fail_after(60):
            await trio.lowlevel.wait_readable(talk.stream.socket)
        assert 20 <= trio.current_time() - began <= 20 + SLACK_SECONDS + 0.5
        assert await talk.reply() == IDLE
        assert await talk.line() == ""
        await talk.stream.aclose()
        await trio.sleep(2)
        assert at.connections[0].why == "idle"


async def test_no_idle_time_is_no_limit(jumping_clock: MockClock) -> None:
    async with conversation(SHORT.replace("= 20", "= 0")) as (_, talk):
        await trio.sleep(80_000)
        assert await talk.ask("NOOP") == "250 2.0.0 OK"


async def test_a_client_that_speaks_is_not_silent(jumping_clock: MockClock) -> None:
    async with conversation(SHORT) as (_, talk):
        for _ in range(10):
            await trio.sleep(15)
            assert await talk.ask("NOOP") == "250 2.0.0 OK"


@pytest.mark.parametrize("where", ["command", "content", "fault"])
async def test_an_octet_now_and_then_is_not_speaking(jumping_clock: MockClock, where: str) -> None:
    """One octet each ten seconds never ends a command, nor a message: Idle_Time is no protection if it counts."""
    async with conversation(SHORT) as (at, talk):
        if where != "command":
            await talk.envelope()
            await talk.ask("DATA")
            await talk.say(MESSAGE if where == "content" else b"\n")
        for _ in range(6):
            await trio.sleep(10)
            await push(talk, b"x")
        assert await talk.reply() == IDLE
        assert at.spool.kept == []
        assert at.connections[0].why == "idle"


async def test_a_large_message_over_a_slow_line_is_taken(jumping_clock: MockClock) -> None:
    async with conversation(SHORT) as (_, talk):
        await talk.envelope()
        await talk.ask("DATA")
        await talk.say(MESSAGE)
        for _ in range(80):
            await trio.sleep(10)
            await talk.say((b"x" * 70 + b"\r\n") * 28)
        assert (await talk.ask(b".\r\n"))[:12] == "250 2.0.0 OK"


async def test_a_slow_disk_is_not_the_clients_silence(jumping_clock: MockClock) -> None:
    async with conversation(SHORT) as (at, talk):
        at.spool.gate = trio.Event()
        await talk.envelope()
        await talk.ask("DATA")
        await talk.say(MESSAGE + b".\r\n")
        await trio.sleep(100)
        at.spool.gate.set()
        assert (await talk.reply())[:12] == "250 2.0.0 OK"
        assert await talk.ask("NOOP") == "250 2.0.0 OK"


async def test_a_client_that_does_not_read_is_let_go(jumping_clock: MockClock) -> None:
    async with host(SHORT) as at, talk_to(at) as talk, trio.open_nursery() as nursery:
        nursery.start_soon(push, talk, b"HELP\r\n" * 2_000_000)
        await trio.sleep(60)
        assert at.connections[0].why == "idle"
        assert at.connections[0].octets_sent > 0
        nursery.cancel_scope.cancel()


async def test_a_flood_of_commands_does_not_keep_others_waiting() -> None:
    async with host() as at, talk_to(at) as flood, talk_to(at) as talk, trio.open_nursery() as nursery:
        nursery.start_soon(push, flood, b"NOOP\r\n" * 20_000)
        await flood.reply()
        assert await talk.ask("NOOP") == "250 2.0.0 OK"
        assert at.connections[0].octets_sent < 20_000 * len("250 2.0.0 OK\r\n")
        for _ in range(19_999):
            assert await flood.reply() == "250 2.0.0 OK"


async def push(talk: Talk, octets: bytes) -> None:
    try:
        await talk.say(octets)
    except trio.BrokenResourceError:
        return


async def test_silence_in_mid_message(jumping_clock: MockClock) -> None:
    async with conversation(SHORT) as (at, talk):
        await talk.envelope()
        await talk.ask("DATA")
        await talk.say(MESSAGE)
        await trio.sleep(30)
        assert await talk.reply() == IDLE
        assert at.spool.kept == []


async def test_a_drain_ends_a_session_at_rest() -> None:
    async with conversation() as (at, talk):
        await talk.message()
        at.drain()
        assert await talk.reply() == SHUT
        assert await talk.line() == ""
    assert at.connections[0].why == "drain"


async def test_a_drain_lets_a_transaction_finish() -> None:
    async with conversation() as (at, talk):
        await talk.envelope()
        at.drain()
        assert await talk.ask("RCPT TO:<e@d.example>") == "250 2.1.5 RCPT TO accepted."
        assert (await talk.ask("DATA"))[:3] == "354"
        assert (await talk.ask(MESSAGE + b".\r\n"))[:12] == "250 2.0.0 OK"
        assert await talk.reply() == SHUT
        assert len(at.spool.kept) == 1


async def test_a_drain_during_the_commit_does_not_lose_the_250() -> None:
    async with conversation() as (at, talk):
        at.spool.gate = trio.Event()
        await talk.envelope()
        await talk.ask("DATA")
        await talk.say(MESSAGE + b".\r\n")
        await at.spool.arrived.wait()
        at.drain()
        at.spool.gate.set()
        assert (await talk.reply())[:12] == "250 2.0.0 OK"
        assert await talk.reply() == SHUT


async def test_a_drained_host_does_not_greet() -> None:
    async with host() as at:
        at.drain()
        async with talk_to(at, greeting=False) as talk:
            assert await talk.reply() == SHUT
            assert await talk.line() == ""
        assert at.connections[0].why == "drain"


async def test_our_last_words_outlive_what_the_client_still_sends() -> None:
    text = BASIC.replace("  Listen", "  Max_Bad_Commands = 1\n  Listen", 1)
    async with conversation(text) as (_, talk):
        await talk.say(b"X\r\nY\r\n" + b"NOOP\r\n" * 20_000)
        assert (await talk.reply())[:3] == "500"
        assert await talk.reply() == "421 4.7.0 too many bad commands"


def changed(old: str, new: str, text: str = BASIC) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("after", "survives"),
    [
        (BASIC, True),
        (changed('"d.example"', '"other.example"'), True),
        (changed("SMTP_Extensions", "Idle_Time = 7\n  SMTP_Extensions"), True),
        (changed("SMTP_Extensions", 'Received_Hostname = "r.example"\n  SMTP_Extensions'), True),
        (changed("127.0.0.1:2525", "*:2525"), True),
        # there is no Listen any more that would take the client
        (changed("127.0.0.1:2525", "127.0.0.1:2526"), False),
        (changed('  Listen "127.0.0.1:2525" {}\n', ""), False),
        # what the client was told: name, banner, offer
        (changed('Hostname = "mx.example"', 'Hostname = "my.example"'), False),
        (changed("SMTP_Extensions", 'Static_Banner = "220 hello"\n  SMTP_Extensions'), False),
        (changed('( "ENHANCEDSTATUSCODES" )', "( )"), False),
        (changed("SMTP_Extensions", "Max_Message_Size = 5000\n  SMTP_Extensions"), False),
    ],
)
@pytest.mark.parametrize("verb", ["MAIL FROM:<>", "RSET"])
async def test_a_new_generation(after: str, survives: bool, verb: str) -> None:
    async with conversation() as (at, talk):
        await talk.ask("EHLO client.example")
        await talk.message()
        at.configure(after)
        assert await talk.ask("NOOP") == "250 2.0.0 OK"
        reply = await talk.ask(verb)
        if survives:
            assert reply[:3] == "250"
            assert await talk.ask("NOOP") == "250 2.0.0 OK"
        else:
            assert reply == RECONFIGURED
            assert await talk.line() == ""
    if not survives:
        assert at.connections[0].why == "reconfigured"
        assert [(r.code, r.module) for r in at.rejected] == [(421, "esmtp")]


async def test_a_listen_that_goes_leaves_nobody_with_the_laxer_rules_of_its_listener() -> None:
    strict = changed('"127.0.0.1:2525" {}', '"127.0.0.1:2525" { Open_Relay = false }')
    before = changed("SMTP_Extensions", "Open_Relay = true\n  SMTP_Extensions", strict)
    async with conversation(before) as (at, talk):
        await talk.ask("EHLO client.example")
        at.configure(changed('Listen "127.0.0.1:2525"', 'Listen "*:2525"', before))
        await talk.ask("MAIL FROM:<a@x.example>")
        assert await talk.ask("RCPT TO:<c@other.example>") == "550 5.7.1 relaying denied"
        at.configure(changed("127.0.0.1:2525", "[*]:2525", before))
        assert (await talk.ask("RSET"))[:3] == "250", "it ends the transaction of the generation before"
        assert await talk.ask("MAIL FROM:<>") == RECONFIGURED


async def test_a_message_underway_is_finished_by_the_old_rules() -> None:
    async with conversation() as (at, talk):
        await talk.envelope()
        at.configure(changed('"d.example"', '"other.example"'))
        assert await talk.ask("RCPT TO:<e@d.example>") == "250 2.1.5 RCPT TO accepted."
        assert (await talk.ask("DATA"))[:3] == "354"
        assert (await talk.ask(MESSAGE + b".\r\n"))[:3] == "250"
        assert await talk.ask("MAIL FROM:<>") == "250 2.1.0 MAIL FROM accepted"
        assert await talk.ask("RCPT TO:<c@d.example>") == "550 5.7.1 relaying denied"
        assert await talk.ask("RCPT TO:<c@other.example>") == "250 2.1.5 RCPT TO accepted."


async def test_tightened_limits_act_from_the_next_transaction() -> None:
    async with conversation() as (at, talk):
        await talk.message()
        at.configure(changed("SMTP_Extensions", "Max_Recipients_Per_Message = 1\n  SMTP_Extensions"))
        await talk.envelope()
        assert (await talk.ask("RCPT TO:<e@d.example>"))[:3] == "452"


async def test_a_changed_offer_matters_to_those_who_saw_it() -> None:
    async with conversation() as (at, talk):
        await talk.ask("HELO client.example")
        at.configure(changed('( "ENHANCEDSTATUSCODES" )', "( )"))
        assert (await talk.ask("MAIL FROM:<>"))[:3] == "250"
        # a new EHLO shows the new offer, and with it the session is up to date
    async with conversation() as (at, talk):
        await talk.ask("EHLO client.example")
        at.configure(changed('( "ENHANCEDSTATUSCODES" )', "( )"))
        assert "ENHANCED" not in await talk.ask("EHLO client.example")
        assert (await talk.ask("MAIL FROM:<>"))[:3] == "250"


async def test_the_operators_words_for_it() -> None:
    async with conversation() as (at, talk):
        await talk.message()
        after = changed("SMTP_Extensions", 'Reconfig_Message = "4.3.2 please come again"\n  SMTP_Extensions')
        at.configure(changed("mx.example", "my.example", after))
        assert await talk.ask("MAIL FROM:<>") == "421 4.3.2 please come again"


async def test_idle_time_changes_too(jumping_clock: MockClock) -> None:
    async with conversation() as (at, talk):
        at.configure(SHORT)
        await talk.ask("NOOP")
        began, talk.patience_seconds = trio.current_time(), 60
        assert await talk.reply() == IDLE
        assert 20 <= trio.current_time() - began <= 22
