"""The whole node under clients that vanish, storms of them, and consoles that ask for what cannot be."""

from __future__ import annotations

import errno
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from fault_story import (
    CONFIG,
    LETTERS,
    SPOOL,
    Letter,
    Post,
    all_arrive,
    ask,
    delivered,
    failing,
    faults_of_ours,
    names,
    of,
    panics,
    post,
    posted,
)
from simulated_host import CONFIG_PATH, CONTROL, MX, Site, console, read_reply, send_all

from momentum_trio.listener.ceiling import DESCRIPTORS_RESERVE
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Rename, Step, Unlink
from momentum_trio.mail.record import SessionBegan, SessionEnded
from momentum_trio.node.node import run_node
from sim.admin import Console
from sim.host import current_life

WORLDS = [{}, {"latency_seconds": 0.05, "short": 0.3}]
RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends RST


def run(story: Callable[[Site], Awaitable[None]], config: str = CONFIG, seed: int = 1, **world: Any) -> Site:
    """Boot, tell the *story*, end in order; nothing of ours may have failed."""

    async def main() -> None:
        if world.get("latency_seconds"):
            for path in site.world.link(site.mx, site.client):
                path.jitter_seconds = 0.03
        await site.configure(config)
        await site.boot()
        await story(site)
        assert not faults_of_ours(site)
        await site.life.stop(60)
        began = Counter(r.connection_id for _, r in site.world.records if isinstance(r, SessionBegan))
        ended = Counter(r.connection_id for _, r in site.world.records if isinstance(r, SessionEnded))
        assert began == ended

    site = Site(seed, **world)
    site.world.run(main)
    return site


async def sessions(site: Site) -> int:
    """SMTP sessions open now, as the console has them."""
    rows = [line.split() for line in (await site.mx.call(console, "listeners")).splitlines()]
    return sum(int(row[3]) for row in rows if row[0] == "ESMTP_Listener")


# Clients that go away

LARGE = Letter("big", ("carol@example.com",), 9000)
DIALOGUE = (
    b"EHLO c.example\r\n",
    b"MAIL FROM:<ann@client.example>\r\n",
    b"RCPT TO:<carol@example.com>\r\n",
    b"DATA\r\n",
)
STEPS = (
    *(b"".join(DIALOGUE[:count]) for count in range(len(DIALOGUE) + 1)),
    *(b"".join(DIALOGUE) + LARGE.stuffed[:cut] for cut in (1, 100, 5000, -5, -3, -2)),
    b"".join(DIALOGUE) + LARGE.stuffed,
    b"".join(DIALOGUE) + LARGE.stuffed + b"QUIT\r\n",
    b"".join(DIALOGUE) + LARGE.stuffed + DIALOGUE[1],
    b"".join(DIALOGUE)[:-5],
    b"EHLO c.example\r\nRSET\r\nMAIL FROM:<",
)


async def vanish(machine: Machine, octets: bytes, how: str, wait: bool) -> list[str]:
    """Send *octets*, pipelined or reply by reply, then go away; what was answered after that, for half a close."""
    replies: list[str] = []
    with trio.move_on_after(1000), trio.socket.socket() as socket:
        await socket.connect((MX, 25))
        if wait:
            await read_reply(socket)
            for line in DIALOGUE:
                if octets.startswith(line):
                    octets = octets.removeprefix(line)
                    await ask(socket, line.decode().rstrip())
        await send_all(socket, octets)
        if how == "reset":
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET)
        elif how == "half":
            socket.shutdown(trio.socket.SHUT_WR)
            while reply := await read_reply(socket):
                replies += reply.splitlines()
        elif how == "late":
            await trio.sleep(0.003)
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET)
    return replies


@pytest.mark.parametrize("world", WORLDS, ids=["good network", "bad network"])
@pytest.mark.parametrize("how", ["reset", "late", "close", "half"])
def test_clients_go_away_at_every_step(how: str, world: dict[str, Any]) -> None:
    async def story(site: Site) -> None:
        for octets in STEPS:
            for wait in (False, True):
                before = len(delivered(site))
                replies = await site.client.call(vanish, octets, how, wait)
                await trio.sleep(3)
                came = len(delivered(site)) - before
                whole = LARGE.stuffed in octets
                assert came in ((0, 1) if whole else (0,)), octets[-40:]
                if how == "half":
                    accepted = any(reply.startswith("250 2.0.0 OK ") for reply in replies)
                    assert accepted == bool(came) == whole, (octets[-40:], replies)
                assert not site.mx.store.files(f"{SPOOL}/content"), "content of nobody"
        assert await sessions(site) == 0
        told = await posted(site)
        await all_arrive(site, of(told))

    run(story, **world)


def test_silent_clients_are_let_go() -> None:
    """Hosts that lose power say nothing more: Idle_Time frees what they held."""

    async def story(site: Site) -> None:
        gone = site.world.host("gone", "10.0.0.8")
        async with trio.open_nursery() as clients:
            for octets in STEPS:
                clients.start_soon(hang, site, octets)
            await trio.sleep(1)
            gone.power_loss()
            clients.cancel_scope.cancel()
        assert len(delivered(site)) <= 3
        await trio.sleep(700)
        assert await sessions(site) == 0
        assert not site.mx.store.files(f"{SPOOL}/content")
        await all_arrive(site, of(await posted(site)))

    async def hang(site: Site, octets: bytes) -> None:
        async def client(machine: Machine) -> None:
            socket = trio.socket.socket()
            await socket.connect((MX, 25))
            await send_all(socket, octets)
            await trio.sleep_forever()

        await site.world.host("gone").call(client)

    run(story)


# Descriptors


async def hold(machine: Machine, greetings: list[str], leave: trio.Event) -> None:
    """One session that does nothing until *leave*."""
    with trio.socket.socket() as socket:
        await socket.connect((MX, 25))
        with trio.move_on_after(120):
            greetings.append(await read_reply(socket))
            if greetings[-1].startswith("220"):
                await leave.wait()
                await ask(socket, "QUIT")


@pytest.mark.parametrize("seed", range(4))
def test_descriptors_run_out_and_come_back(seed: int) -> None:
    """EMFILE itself: accept fails, one is refused with the spare, the rest wait for a session to end."""

    async def story(site: Site) -> None:
        for _ in range(3):
            await trio.sleep(1)  # sessions have ended, spares are held
            site.life.descriptors_max = len(site.life.descriptors()) + 3 + 4
            greetings: list[str] = []
            leave = trio.Event()
            async with trio.open_nursery() as clients:
                for _ in range(12):
                    clients.start_soon(site.client.call, hold, greetings, leave)
                await trio.sleep(2)
                kinds = Counter(greeting[:3] for greeting in greetings)
                assert kinds["220"] == 4
                assert 1 <= kinds["421"] <= 8
                assert set(kinds) == {"220", "421"}
                leave.set()
            assert {greeting[:3] for greeting in greetings} == {"220", "421"}
            assert len(greetings) == 12, "those who waited were served"
            told = await posted(site)
            assert len(told.accepted) == len(LETTERS)
            site.life.descriptors_max = 1024
        assert any("no descriptor left" in text for text in panics(site))

    run(story, seed=seed, short=0.3 if seed % 2 else 0)


async def come_and_go(_: Machine) -> None:
    """Connect and quit, again and again."""
    for _attempt in range(20):
        with trio.move_on_after(5), trio.socket.socket() as socket:
            await socket.connect((MX, 25))
            if (await read_reply(socket)).startswith("220"):
                await ask(socket, "QUIT")


@pytest.mark.parametrize("seed", range(6))
def test_several_accepting_tasks_without_descriptors_are_in_nobodys_way(seed: int) -> None:
    """One that refuses with its spare may find another waiting for the socket: that is no fault of the Listen."""

    async def story(site: Site) -> None:
        await trio.sleep(1)
        site.life.descriptors_max = len(site.life.descriptors()) + 3 + 2
        async with trio.open_nursery() as clients:
            for _ in range(8):
                clients.start_soon(site.client.call, come_and_go)
        site.life.descriptors_max = 1024
        assert not any("accepting at" in text for text in panics(site))

    run(story, CONFIG.replace('Listen ":25" {', 'Listen ":25" { Concurrency = 4 '), seed=seed, short=0.3)


async def open_and_stay(_: Machine, told: list[tuple[str, bool]], leave: trio.Event) -> None:
    """An operator who enables a Listen, and does nothing then until *leave*."""
    with trio.socket.socket(trio.socket.AF_UNIX) as socket:
        await socket.connect(CONTROL)
        told.append(await Console(socket).ask("config set esmtp_listener listen :25 enable true"))
        await leave.wait()


@pytest.mark.parametrize(("left", "is_taken"), [(1, False), (2, True), (3, True)])
def test_a_listen_is_opened_with_hardly_a_descriptor_left(left: int, is_taken: bool) -> None:
    """With two his session and the socket have them, the spare has none: clients wait, though no session ends."""

    async def story(site: Site) -> None:
        await site.mx.call(console, "config set esmtp_listener listen :25 enable false")
        await trio.sleep(1)
        site.life.descriptors_max = len(site.life.descriptors()) + 3 + left
        told: list[tuple[str, bool]] = []
        leave = trio.Event()
        async with trio.open_nursery() as operators:
            operators.start_soon(site.mx.call, open_and_stay, told, leave)
            await trio.sleep(5)
            site.life.descriptors_max = 1024
            ((text, ok),) = told
            assert ok is is_taken, text
            if not ok:
                await site.mx.call(console, "config set esmtp_listener listen :25 enable true")
            assert len((await posted(site)).accepted) == len(LETTERS)
            leave.set()
        assert ("no descriptor left to accept with at *:25" in panics(site)) is (left == 2)

    run(story)


def test_sessions_are_capped_below_the_descriptors() -> None:
    """Of the seats that descriptors allow a quarter is for outbound connections."""

    async def small(machine: Machine, path: str, **options: Any) -> object:
        life = current_life()
        life.descriptors_max = life.descriptors_hard_max = DESCRIPTORS_RESERVE + 16
        return await run_node(machine, path, **options)

    async def main() -> None:
        await site.configure(CONFIG)
        site.life = await site.mx.start(small, CONFIG_PATH)
        for _ in range(2):
            greetings: list[str] = []
            leave = trio.Event()
            async with trio.open_nursery() as clients:
                for _ in range(40):
                    clients.start_soon(site.client.call, hold, greetings, leave)
                await trio.sleep(5)
                assert Counter(greeting[:9] for greeting in greetings) == {"220 mail.": 12, "421 4.4.5": 28}
                leave.set()
            await all_arrive(site, of(await posted(site)))
        assert not panics(site)
        await site.life.stop(60)

    site = Site(1)
    site.world.run(main)


# The console, while things fail

TWO_LISTENERS = (
    CONFIG
    + 'ESMTP_Listener { Listen "10.0.0.25:587" { } Listen "/run/smtp" { } }\n'
    + 'Control_Listener { Listen "/run/other" {} }\n'
)


async def state_of(site: Site) -> list[object]:
    """What an operator, a client and the kernel see of the node's listeners."""
    shown = await site.mx.call(console, "config showrecurse")
    listeners = [line.split()[:3] for line in (await site.mx.call(console, "listeners")).splitlines()]
    folder = sorted(site.mx.store.find("/run").names)
    tokens = [site.mx.store.socket_at(f"/run/{name}") for name in folder if not name.startswith("inway")]
    greetings = [(await site.talk(port=port))[0][:3] for port in (25, 587)]
    return [shown, listeners, folder, tokens, greetings, len(site.life.descriptors())]


IMPOSSIBLE = (
    ("config set esmtp_listener listen 10.9.9.9:25 enable true", "requested address"),
    ("config set esmtp_listener listen [fd00::9]:25 enable true", "requested address"),
    ("config set esmtp_listener listen /run/inway enable true", "no socket is there"),
    ("config set control_listener listen /nowhere/control enable true", "no such file"),
    ("config set esmtp_listener listen :4000 enable true", "in use"),
    ("config set esmtp_listener listen :25 enable perhaps", "expected on or off"),
)


@pytest.mark.parametrize("seed", range(3))
def test_a_change_that_cannot_be_applied_changes_nothing(seed: int) -> None:
    async def occupy(machine: Machine) -> None:
        with trio.socket.socket() as stranger:
            await stranger.bind(("0.0.0.0", 4000))
            stranger.listen(1)
            await trio.sleep_forever()

    async def story(site: Site) -> None:
        site.mx.store.put("/run/inway", b"precious")
        await site.mx.boot(occupy)
        await site.moment()
        before = await state_of(site)
        for line, problem in IMPOSSIBLE:
            with pytest.raises(AssertionError, match=f"(?i){problem}"):
                await site.mx.call(console, line)
            assert await state_of(site) == before, line
        assert site.mx.store.octets("/run/inway") == b"precious"

    run(story, TWO_LISTENERS, seed, short=0.3)


RELOADS = {
    # A Unix path goes to another listener while an address cannot be had: the old socket keeps its name.
    "path": TWO_LISTENERS.replace('Listen "/run/other"', 'Listen "/run/third"').replace('"/run/smtp"', '"/run/other"')
    + 'ESMTP_Listener { Listen "10.9.9.9:25" {} }\n',
    "options": TWO_LISTENERS.replace('":25" {}', '":25" { Listen_Backlog = 7 }')
    + 'ESMTP_Listener { Listen "10.9.9.9:25" {} Listen ":2525" {} }\n',
    "syntax": TWO_LISTENERS + "ESMTP_Listener { Listen { }\n",
}


@pytest.mark.parametrize("reload", RELOADS)
def test_a_reload_that_cannot_be_applied_changes_nothing(reload: str) -> None:
    async def story(site: Site) -> None:
        before = await state_of(site)
        await site.configure(RELOADS[reload])
        with pytest.raises(AssertionError, match=r"9\.9\.9|Reconfigure failed"):
            await site.mx.call(console, "config reload")
        assert await state_of(site) == before
        await site.configure(TWO_LISTENERS)
        await site.mx.call(console, "config reload")
        assert (await state_of(site))[1:3] == before[1:3]

    run(story, TWO_LISTENERS)


def test_the_console_goes_on_while_disks_fail_and_clients_storm() -> None:
    async def story(site: Site) -> None:
        site.mx.store.inject = failing((Step,), errno.EIO, SPOOL, "/var/mail")
        async with trio.open_nursery() as clients:
            for number in range(10):
                clients.start_soon(site.client.call, post, [Letter(f"{number} {i}") for i in range(5)], Post())
            for _ in range(5):
                assert "0" in await site.mx.call(console, "summary")
                await site.mx.call(console, "config set esmtp_listener listen :25 enable false")
                await trio.sleep(0.01)
                await site.mx.call(console, "config set esmtp_listener listen :25 enable true")
        site.mx.store.inject = failing((Rename, Unlink, Step), errno.EIO, "/run")
        with pytest.raises(AssertionError, match="error"):
            await site.mx.call(console, "config set esmtp_listener listen /run/new enable true")
        await site.mx.call(console, "config set esmtp_listener listen :26 enable true")
        site.mx.store.inject = None
        await site.mx.call(console, "config set esmtp_listener listen /run/new enable true")
        site.mx.store.inject = failing((Unlink,), errno.EROFS, "/run")
        await site.mx.call(console, "config set esmtp_listener listen /run/new enable false")
        site.mx.store.inject = None
        await site.mx.call(console, "config set esmtp_listener listen /run/new enable true")
        told = await posted(site)
        assert len(told.accepted) == len(LETTERS)
        await all_arrive(site, names(LETTERS))

    run(story)


SPECIFIC = CONFIG.replace('Listen ":25"', f'Listen "{MX}:25"')


@pytest.mark.parametrize("how", ["reload", "set"])
@pytest.mark.parametrize("seed", range(4))
def test_from_wildcard_to_specific_and_back_nobody_is_refused(seed: int, how: str) -> None:
    """DESIGN.md, walk 3: one change, under clients that come and go; no refused and no reset connection."""

    async def client(machine: Machine, stop: trio.Event, endings: Counter[str]) -> None:
        while not stop.is_set():
            try:
                with trio.socket.socket() as socket:
                    await socket.connect((MX, 25))
                    said = [(await read_reply(socket))[:3]]
                    said += [(await ask(socket, line))[:3] for line in ("EHLO c.example", "QUIT")]
                    endings[" ".join(said)] += 1
            except OSError as error:
                endings[type(error).__name__] += 1
            await trio.sleep(machine.entropy.fraction() * 0.05)

    async def story(site: Site) -> None:
        stop, endings = trio.Event(), Counter[str]()
        async with trio.open_nursery() as clients:
            for _ in range(8):
                clients.start_soon(site.client.call, client, stop, endings)
            for _ in range(4):
                for config, new, old in ((SPECIFIC, f"{MX}:25", ":25"), (CONFIG, ":25", f"{MX}:25")):
                    await trio.sleep(0.1)
                    if how == "reload":
                        await site.configure(config)
                        await site.mx.call(console, "config reload")
                    else:
                        await site.mx.call(console, f"config set esmtp_listener listen {new} enable true")
                        await site.mx.call(console, f"config set esmtp_listener listen {old} enable false")
            await trio.sleep(1.2)
            stop.set()
        assert set(endings) == {"220 250 221"}, endings
        assert endings["220 250 221"] > 100

    run(story, seed=seed, short=0.2)
