"""What trusted peers say about the client behind them, over loopback TCP: XCLIENT, XREMOTEIP, XSETCONTEXT, PROXY."""

from __future__ import annotations

import pytest
import trio
from esmtp_host import BASIC, MESSAGE, Talk, host, talk_to
from trio.testing import MockClock

from momentum_trio.limits.deadline import SLACK_SECONDS
from momentum_trio.protocol.proxy.strategies import version_2

PROXY_PEER, STRANGER = "10.0.0.9", "192.0.2.66"
TRUSTING = BASIC.replace(
    "  Listen",
    """
  Peer "10.0.0.9" { SMTP_Extensions = ( XCLIENT XREMOTEIP XSETCONTEXT XDUMPCONTEXT ) }
  Peer "192.0.2.0/24" { Banner_Hostname = "outside.example" SMTP_Extensions = ( "DSN" ) }
  Peer "203.0.113.7" { Relay_Hosts = ( "203.0.113.7" ) Max_Recipients_Per_Message = 1 }
  Listen""",
    1,
)
BEHIND_PROXY = TRUSTING.replace('  Peer "10.0.0.9" {', '  Peer "10.0.0.9" { Proxy_Protocol = true')
OFFER = "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT"
ELSEWHERE = "RCPT TO:<x@elsewhere.example>"


async def send(talk: Talk) -> None:
    assert (await talk.message()).startswith("250")


async def test_xclient_makes_the_session_another_ones() -> None:
    async with host(TRUSTING, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        assert (await talk.ask("EHLO proxy.example")).endswith(
            f"250-8BITMIME|250-{OFFER}|250-XREMOTEIP|250-XSETCONTEXT|250 XDUMPCONTEXT"
        )
        reply = await talk.ask("XCLIENT ADDR=192.0.2.66 PORT=4711 HELO=spike DESTADDR=198.51.100.1 DESTPORT=26")
        assert reply.startswith("220 outside.example ESMTP ")
        # greeted as his Peer says, offered what his Peer lists, and what the proxy may say
        assert (await talk.ask("EHLO client.example")).startswith(
            "250-outside.example says EHLO to 192.0.2.66|250-PIPELINING|250-8BITMIME|250-DSN|"
        )
        assert (await talk.ask("MAIL FROM:<>")).startswith("250")
        assert (await talk.ask(ELSEWHERE)).startswith("550")
        assert (at.rejected[-1].remote, at.rejected[-1].local) == ("192.0.2.66:4711", "198.51.100.1:26")
        await talk.ask("RSET")
        await send(talk)
        batch, content = at.spool.kept[0]
        assert batch.peer_address == "192.0.2.66"
        assert content.startswith(b"Received: from [192.0.2.66] ([192.0.2.66:4711] helo=client.example)")


async def test_the_hello_of_xclient_is_kept_until_there_is_another() -> None:
    async with host(TRUSTING, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        await talk.ask("EHLO proxy.example")
        await talk.ask("XCLIENT ADDR=192.0.2.66 HELO=spike.example")
        await send(talk)
        assert b"[192.0.2.66:0] helo=spike.example)" in at.spool.kept[0][1]


async def test_an_address_gives_the_rights_that_are_its() -> None:
    async with host(TRUSTING, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        await talk.ask("XCLIENT ADDR=203.0.113.7")
        await talk.ask("MAIL FROM:<>")
        assert (await talk.ask(ELSEWHERE)).startswith("250")
        assert (await talk.ask(ELSEWHERE)).startswith("452")
        await talk.ask("RSET")
        # whom the proxy names does not decide what the proxy may say
        assert (await talk.ask("XCLIENT ADDR=192.0.2.66")).startswith("220")
        await talk.ask("MAIL FROM:<>")
        assert (await talk.ask(ELSEWHERE)).startswith("550")


@pytest.mark.parametrize("line", ["XCLIENT ADDR=10.0.0.9", "XREMOTEIP 10.0.0.9", "XSETCONTEXT a=1", "XDUMPCONTEXT"])
async def test_strangers_are_not_heard(line: str) -> None:
    async with host(TRUSTING, connected_as=STRANGER) as at, talk_to(at) as talk:
        assert "X" not in (await talk.ask("EHLO x")).replace("EHLO", "").replace("EXAMPLE", "")
        assert await talk.ask(line) == "500 5.5.2 unrecognized command"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_who_is_elsewhere_knows_nobody_on_loopback(address: str) -> None:
    for line in (f"XREMOTEIP {address}", f"XCLIENT ADDR={'IPV6:' if ':' in address else ''}{address}"):
        async with host(TRUSTING, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
            assert (await talk.ask(line)).startswith("501 5.5.4 ")
            assert at.rejected[-1].code == 501


async def test_xremoteip_at_any_time() -> None:
    async with host(TRUSTING, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        await talk.ask("EHLO proxy.example")
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask("XREMOTEIP 203.0.113.7")).startswith("250")
        # the rules of a transaction that is open stay
        assert (await talk.ask(ELSEWHERE)).startswith("550")
        assert at.rejected[-1].remote == "203.0.113.7:0"
        await talk.ask("RCPT TO:<c@d.example>")
        await talk.ask("DATA")
        assert (await talk.ask(MESSAGE + b".\r\n")).startswith("250")
        assert at.spool.kept[0][0].peer_address == "203.0.113.7"
        assert at.spool.kept[0][1].startswith(b"Received: from [203.0.113.7] ")
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE)).startswith("250")
        assert (await talk.ask(ELSEWHERE)).startswith("452")


async def test_after_xremoteip_the_limits_are_those_of_the_peer_that_matches_now(jumping_clock: MockClock) -> None:
    of_peer = 'Max_Message_Size = 50 Idle_Time = 7 Static_Banner = "220 other" Pathway = "p"'
    text = TRUSTING.replace('  Peer "203.0.113.7" {', f'  Peer "203.0.113.7" {{ {of_peer}').replace(
        "XCLIENT", "SIZE XCLIENT"
    )
    text = f'Pathway "p" {{ RFC2821_Pedantic_Address_Rules = false }}\n{text}'
    async with host(text, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        offered = await talk.ask("EHLO proxy.example")
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask("XREMOTEIP 203.0.113.7")).startswith("250")
        await talk.ask("RCPT TO:<c@d.example>")
        await talk.ask("DATA")
        assert (await talk.ask(MESSAGE + b".\r\n")).startswith("250"), "the transaction that was open had its rules"
        assert (await talk.ask("MAIL FROM:<a@b.example> SIZE=51")).startswith("552 5.3.4")
        assert (await talk.ask("MAIL FROM:<a..a@b.example>")).startswith("250")
        await talk.ask("RCPT TO:<c@d.example>")
        await talk.ask("DATA")
        assert (await talk.ask(MESSAGE + b".\r\n")).startswith("552 5.3.4")
        assert await talk.ask("EHLO proxy.example") == offered.replace(PROXY_PEER, "203.0.113.7")
        await talk.ask("MAIL FROM:<a@b.example>")
        began = trio.current_time()
        with trio.fail_after(60):
            await trio.lowlevel.wait_readable(talk.stream.socket)
        assert (await talk.reply()).startswith("421 4.4.2")
        assert 7 <= trio.current_time() - began <= 7 + SLACK_SECONDS + 0.5


async def test_contexts() -> None:
    async with host(TRUSTING, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        await talk.ask("ehlo there")
        assert (await talk.ask("XSETCONTEXT campaign=a+20b ehlo_domain=other")).startswith("250")
        assert (await talk.ask("XDUMPCONTEXT")) == (
            "250-[connection] pathway default|250-[connection] ehlo_string ehlo there|"
            "250-[connection] ehlo_domain other|250-[connection] campaign a b|250 XDUMPCONTEXT complete"
        )
        await talk.ask("MAIL FROM:<a@b.example>")
        assert "250-[message] mailfrom_domain b.example" in await talk.ask("XDUMPCONTEXT")
        await talk.ask("RCPT TO:<c@d.example>")
        assert "|250-[connection] message_rcpt_count 1|" in await talk.ask("XDUMPCONTEXT")
        await talk.ask(ELSEWHERE)
        assert ("campaign", "a b") in at.rejected[-1].connection_context
        await talk.ask("RSET")
        assert "message_rcpt_count" not in await talk.ask("XDUMPCONTEXT")
        assert (await talk.ask("XSETCONTEXT can_relay=true")).startswith("550 5.7.1 ")
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE)).startswith("550")


async def test_who_may_relay_for_one_transaction_is_known_to_for_as_long() -> None:
    text = TRUSTING.replace("ESMTP_Listener {", "ESMTP_Listener {\n  Relay_For_Sending_Domains = ( b.example )")
    async with host(text, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        seen = []
        for reverse_path in ("a@b.example", "", "a@c.example"):
            await talk.ask(f"MAIL FROM:<{reverse_path}>")
            seen.append("250-[connection] can_relay true|" in await talk.ask("XDUMPCONTEXT"))
            await talk.ask("RSET")
            assert "can_relay" not in await talk.ask("XDUMPCONTEXT")
        assert seen == [True, False, False]


async def test_the_context_is_bounded() -> None:
    async with host(TRUSTING, connected_as=PROXY_PEER) as at, talk_to(at) as talk:
        codes = [(await talk.ask(f"XSETCONTEXT name{number}=x"))[:3] for number in range(34)]
        assert codes == ["250"] * 32 + ["452"] * 2


HEADERS = [
    b"PROXY TCP4 192.0.2.66 198.51.100.1 4711 26\r\n",
    version_2(bytes([192, 0, 2, 66, 198, 51, 100, 1]) + (4711).to_bytes(2) + (26).to_bytes(2) + b"\x04\0\0"),
]


@pytest.mark.parametrize("header", HEADERS)
async def test_a_proxy_says_who_has_connected(header: bytes) -> None:
    async with host(BEHIND_PROXY, connected_as=PROXY_PEER) as at, talk_to(at, greeting=False) as talk:
        await talk.say(header[:5])
        await talk.say(header[5:] + b"EHLO client.example\r\n")
        assert (await talk.reply()).startswith("220 outside.example ESMTP ")
        # his own Peer matches; nothing that is for the proxy alone is offered to him
        assert (await talk.reply()) == (
            "250-outside.example says EHLO to 192.0.2.66|250-PIPELINING|250-8BITMIME|250 DSN"
        )
        assert (await talk.ask("XCLIENT ADDR=10.0.0.9")).startswith("500")
        await talk.ask("MAIL FROM:<>")
        await talk.ask(ELSEWHERE)
        assert (at.rejected[-1].remote, at.rejected[-1].local) == ("192.0.2.66:4711", "198.51.100.1:26")
        connection = at.connections[0]
        assert (str(connection.peer_address), connection.peer) == ("192.0.2.66", "192.0.2.66:4711")


async def test_a_proxy_that_speaks_for_itself() -> None:
    for header in (b"PROXY UNKNOWN\r\n", version_2(b"", command=0x20, family=0)):
        async with host(BEHIND_PROXY, connected_as=PROXY_PEER) as at, talk_to(at, greeting=False) as talk:
            await talk.say(header)
            assert (await talk.reply()).startswith("220 mx.example")
            assert (await talk.ask("EHLO x")) == "250-mx.example says EHLO to 10.0.0.9|250-PIPELINING|250 8BITMIME"


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO there\r\n",
        b"PROXY TCP4 192.0.2.66 198.51.100.1 4711\r\n",
        b"PROXY TCP4 127.0.0.1 198.51.100.1 4711 25\r\n",
        version_2(b"", command=0x41),
    ],
)
async def test_without_a_header_nothing_is_said(octets: bytes) -> None:
    async with host(BEHIND_PROXY, connected_as=PROXY_PEER) as at, talk_to(at, greeting=False) as talk:
        await talk.say(octets)
        assert await talk.line() == ""
        assert (at.rejected[-1].code, at.rejected[-1].module, at.rejected[-1].phase) == (421, "proxy", "just connected")
        assert at.rejected[-1].text.startswith("4.7.0 no header of the PROXY protocol: ")


@pytest.mark.parametrize("header", [*HEADERS, b"PROXY UNKNOWN\r\n"])
async def test_where_none_is_expected_the_connection_ends(header: bytes) -> None:
    # what follows are a stranger's commands, and they would have the rights of the proxy's address
    for peer in (STRANGER, PROXY_PEER):
        async with host(TRUSTING, connected_as=peer) as at, talk_to(at) as talk:
            await talk.say(header + b"EHLO x\r\nMAIL FROM:<>\r\n")
            replies = [await talk.reply() for _ in range(3 if header.startswith(b"\r") else 1)]
            assert replies[-1] == "421 4.7.0 the PROXY protocol is not spoken here"
            assert await talk.line() == ""


async def test_others_need_no_header() -> None:
    async with host(BEHIND_PROXY, connected_as=STRANGER) as at, talk_to(at) as talk:
        assert (await talk.ask("EHLO x")).startswith("250-outside.example")
