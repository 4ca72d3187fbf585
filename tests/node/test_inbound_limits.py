"""Limits on inbound mail in time: the pause before the greeting, throttles, rates of one address."""

from __future__ import annotations

import pytest
import trio
from simulated_host import CONTROL, MX, Site, console, read_reply

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Rejected
from momentum_trio.node.schema import DECLARED

BASE = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Suspend_Delivery = true
Control_Listener {{ Listen "{CONTROL}" {{}} }}
"""
LISTENER = 'ESMTP_Listener { Listen ":25" {} }'
EHLO, MAIL = "EHLO client.example", "MAIL FROM:<ann@client.example>"
CONNTROL = 'conntrol "c" { pause_time = 5 %s }'
RATWARE = 'disconnect_ratware = "421 4.7.0 wait for your turn\\r\\n"'


async def connected(say: bytes, after: float = 0.0) -> tuple[str, float]:
    """The first reply to a client who says something *after* he has connected, and when it came."""
    began = trio.current_time()
    with trio.socket.socket() as socket:
        await socket.connect((MX, 25))
        await trio.sleep(after)
        if say:
            await socket.send(say)
        return await read_reply(socket), round(trio.current_time() - began, 1)


def rejected(site: Site) -> list[Rejected]:
    return [record for _, record in site.world.records if isinstance(record, Rejected)]


@pytest.mark.parametrize(
    ("more", "say", "after", "code", "seconds"),
    [
        ("", b"", 0, "220", 5),  # it waits, and is greeted
        ("", b"EHLO a\r\n", 2, "220", 5),  # it talks, waits all the same, and is greeted
        (RATWARE, b"", 0, "220", 5),
        (RATWARE, b"EHLO a\r\n", 2, "421", 2),
        (RATWARE, b"E", 0, "421", 0),
    ],
)
def test_the_pause_before_the_greeting(more: str, say: bytes, after: float, code: str, seconds: float) -> None:
    async def story(site: Site) -> tuple[str, float]:
        async def client(machine: Machine) -> tuple[str, float]:
            return await connected(say, after)

        return await site.client.call(client)

    site = Site()
    reply, at = site.run(BASE + CONNTROL % more + LISTENER, story)
    assert reply[:3] == code
    assert at == pytest.approx(seconds, abs=0.5)
    spoke = [dict(record.connection_context) for record in rejected(site)]
    assert [context["early_talker"] for context in spoke] == (["yes"] if code == "421" else [])


def test_an_early_talker_is_known_later_and_his_words_are_heard() -> None:
    async def story(site: Site) -> list[str]:
        async def client(machine: Machine) -> list[str]:
            with trio.socket.socket() as socket:
                await socket.connect((MX, 25))
                await socket.send(b"EHLO a\r\nWHAT\r\nMAIL FROM:x\r\n")
                return [line[:3] for line in (await read_reply(socket)).split("\n") if line[3:4] == " "]

        return await site.client.call(client)

    site = Site()
    assert site.run(BASE + CONNTROL % 'banner = "220-Welcome\\r\\n"' + LISTENER, story) == ["220", "250", "500", "501"]
    context = dict(rejected(site)[-1].connection_context)
    words = ("early_talker", "conntrol_unrecognized_commands", "conntrol_bad_commands")
    assert [context[word] for word in words] == ["yes", "1", "1"]


def test_the_banner_stands_in_front_of_the_greeting_and_explain_knows() -> None:
    async def story(site: Site) -> tuple[str, str]:
        greeting = (await site.talk())[0]
        return greeting, await site.mx.call(console, "config explain 10.0.0.7")

    greeting, explained = Site().run(BASE + 'conntrol "c" { banner = "220-Welcome" }' + LISTENER, story)
    assert greeting.startswith("220-Welcome\n220 mail.example.com ESMTP ")
    assert "Welcome" in explained


def test_a_drain_ends_the_pause() -> None:
    async def story(site: Site) -> str:
        async def client(machine: Machine) -> str:
            return (await connected(b""))[0]

        async def shut() -> None:
            await trio.sleep(1)
            await site.mx.call(console, "shutdown", may_fail=True)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(shut)
            return await site.client.call(client)

    assert Site().run(BASE + 'conntrol "c" { pause_time = 60 }' + LISTENER, story).startswith("421 4.3.2 ")


def test_of_several_the_first_that_is_enabled_holds() -> None:
    async def story(site: Site) -> str:
        return str((await site.talk())[0])

    scopes = 'conntrol { enabled = false banner = "220-a" } conntrol "b" { banner = "220-b" }'
    assert Site().run(BASE + scopes + LISTENER, story).startswith("220-b\n220 ")
    assert Site().run(BASE + scopes.partition("}")[0] + "}" + LISTENER, story).startswith("220 ")


@pytest.mark.parametrize(
    "text",
    [
        'conntrol "c" { banner = "221-x" }',
        'conntrol "c" { banner = "220-x\\r\\n220 y" }',
        'conntrol "c" { disconnect_ratware = "250 ok" }',
        'conntrol "c" { disconnect_ratware = "421" }',
        'conntrol "c" { pause_time = 61 }',
    ],
)
def test_what_conntrol_cannot_say(text: str) -> None:
    with pytest.raises(ConfigErrors, match="expected"):
        load_text(text, declared=DECLARED)


def test_an_inbound_throttle_delays_mail_of_all_clients_together() -> None:
    async def story(site: Site) -> list[float]:
        began, at = trio.current_time(), []

        async def client(machine: Machine) -> None:
            with trio.socket.socket() as socket:
                await socket.connect((MX, 25))
                await read_reply(socket)
                for line in (EHLO, MAIL, "RSET", MAIL):
                    await socket.send(f"{line}\r\n".encode())
                    assert (await read_reply(socket)).startswith("250")
                    if line == MAIL:
                        at.append(trio.current_time() - began)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.client.call, client)
            nursery.start_soon(site.client.call, client)
        return sorted(at)

    times = Site().run(f'Inbound_Throttle_Messages = "3/60"\n{BASE}{LISTENER}', story)
    assert times == pytest.approx([0, 20, 40, 60], abs=1)


def test_a_throttle_that_is_lifted_lets_those_go_who_wait() -> None:
    async def story(site: Site) -> float:
        began = trio.current_time()

        async def lift() -> None:
            await trio.sleep(7)
            await site.mx.call(console, "config set inbound_throttle_messages 0")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lift)
            assert (await site.talk(EHLO, MAIL, "RSET", MAIL))[-1].startswith("250")
        return trio.current_time() - began

    assert Site().run(f'Inbound_Throttle_Messages = "1/20"\n{BASE}{LISTENER}', story) < 13


def test_limits_of_an_address_are_those_of_whom_a_proxy_brings() -> None:
    listener = 'ESMTP_Listener { Proxy_Protocol = true Max_Sessions_Per_Address = 1 Listen ":25" {} }'

    async def story(site: Site) -> list[str]:
        async def proxy(machine: Machine) -> list[str]:
            sockets, said = [], []
            for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
                socket = trio.socket.socket()
                sockets.append(socket)
                await socket.connect((MX, 25))
                await socket.send(f"PROXY TCP4 {client} 10.0.0.25 4711 25\r\n".encode())
                said.append((await read_reply(socket))[:9])
            for socket in sockets:
                socket.close()
            await trio.sleep(1)
            with trio.socket.socket() as socket:
                await socket.connect((MX, 25))
                await socket.send(b"PROXY TCP4 192.0.2.1 10.0.0.25 4711 25\r\n")
                said.append((await read_reply(socket))[:3])
            return said

        return await site.client.call(proxy)

    said = Site().run(BASE + listener, story)
    assert [each[:3] for each in said] == ["220", "220", "421", "220"]


def test_a_peer_of_its_own_is_exempt() -> None:
    peer = 'Peer "10.0.0.7" { Session_Rate_Per_Address = 0 }'
    listener = f'ESMTP_Listener {{ Session_Rate_Per_Address = "1/60" {peer} Listen ":25" {{}} }}'

    async def story(site: Site) -> list[str]:
        return [(await site.talk())[0][:3] for _ in range(3)]

    assert Site().run(BASE + listener, story) == ["220", "220", "220"]
