"""A simulated node whose console is guessed at: an address has a number of guesses, whatever it does."""

from __future__ import annotations

import base64

import trio
from simulated_host import MX, Site, console, read_folder, send_all, write_file

from momentum_trio.console.authentication import ATTEMPTS_MAX, PAUSE_SECONDS
from momentum_trio.limits.guesses import GUESS_SECONDS, GUESSES_AT_ONCE
from momentum_trio.machine import Machine
from momentum_trio.protocol.console.client import Client
from momentum_trio.protocol.console.frame import Challenge, Farewell, Refused, ServerFrames, Welcome
from momentum_trio.protocol.sasl.client import client_side

PORT = 2025
PASSWORDS = "/etc/passwords"
CONFIG = f"""
SpoolBase = /var/spool
ec_logger l {{ acctlog = /var/log/accounts }}
Control_Listener {{
  AuthCramMD5Parameters = [ uri = "file://{PASSWORDS}" ]
  Listen "/run/control" {{}}
  Listen ":{PORT}" {{}}
}}
"""
FAILED = "authentication failed"
TOO_MANY = "too many failures from your address: try again in "


async def guess(machine: Machine, *passwords: str) -> list[str]:
    """What a connection hears to *passwords*, one after the other, as far as it gets."""
    client, heard = Client("test"), []
    with trio.socket.socket() as socket:
        await socket.connect((MX, PORT))

        async def answer() -> ServerFrames:
            await send_all(socket, client.octets_to_send())
            while (event := client.next_event()) is None:
                client.receive(await socket.recv(65536))
            return event

        await answer()  # the banner
        for password in passwords:
            side = client_side("CRAM-MD5", "ann", password, f"console/{MX}", "nonce")
            client.authenticate("", "CRAM-MD5")
            while isinstance(event := await answer(), Challenge):
                response = side.answer(base64.b64decode(event.challenge))
                client.authenticate(base64.b64encode(response).decode())
            assert isinstance(event, Welcome | Refused | Farewell)
            heard.append(event.user if isinstance(event, Welcome) else event.why)
            if not isinstance(event, Refused):
                break
    return heard


async def prepare(site: Site) -> None:
    await site.mx.call(write_file, PASSWORDS, b"ann:right\n")


def test_connections_at_once_gain_no_guesses() -> None:
    async def story(site: Site) -> None:
        await prepare(site)
        heard: list[str] = []

        async def attack() -> None:
            heard.extend(await site.client.call(guess, *(["wrong"] * ATTEMPTS_MAX)))

        async with trio.open_nursery() as attackers:
            for _ in range(20):
                attackers.start_soon(attack)
        assert heard.count(FAILED) == GUESSES_AT_ONCE
        assert all(said == FAILED or said.startswith(TOO_MANY) for said in heard)
        lines = (await site.mx.call(read_folder, "/var/log"))[0].decode().splitlines()
        assert len(lines) == len(heard)
        assert all("@N@" in line and line.endswith("@0") for line in lines)

    Site().run(CONFIG, story)


def test_who_waits_may_guess_again_and_others_need_not_wait() -> None:
    async def story(site: Site) -> None:
        await prepare(site)
        other = site.world.host("other", "10.0.0.8")
        for _ in range(GUESSES_AT_ONCE):
            assert await site.client.call(guess, "wrong") == [FAILED]
        (said,) = await site.client.call(guess, "right")
        assert said.startswith(TOO_MANY)  # a guess that is not judged tells nothing
        assert await other.call(guess, "right") == ["ann"]
        assert "ann" not in await site.mx.call(console, "show inbound")
        await trio.sleep(GUESS_SECONDS - PAUSE_SECONDS * GUESSES_AT_ONCE)
        failed, again = await site.client.call(guess, "wrong", "right")
        assert (failed, again.startswith(TOO_MANY)) == (FAILED, True)
        await trio.sleep(GUESS_SECONDS)
        assert await site.client.call(guess, "right") == ["ann"]

    Site().run(CONFIG, story)


def test_right_passwords_are_no_guesses() -> None:
    async def story(site: Site) -> None:
        await prepare(site)
        for _ in range(5 * GUESSES_AT_ONCE):
            assert await site.client.call(guess, "right") == ["ann"]

    Site().run(CONFIG, story)
