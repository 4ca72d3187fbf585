"""Signals and service manager of a node in virtual time: reload all or nothing, logs anew, what is told when."""

from __future__ import annotations

import pytest
import trio
from simulated_host import CONFIG_PATH, CONTROL, MX, Site, console, read_folder

from momentum_trio.console.facade import ApplyError
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Rename
from momentum_trio.mail.record import Panic, Reconfigured, Record

CONFIG = f"""
Hostname = "mail.example.com"
Delivery_Method = "BLACKHOLE"
Relay_Domains = ( "example.com" )
ec_logger "main" {{ mainlog = "/log/mainlog" rejectlog = "" paniclog = "/log/paniclog" acctlog = "" heartbeat = 0 }}
ESMTP_Listener {{ Listen ":25" {{}} }}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
"""
SECURITY = 'Security { User = "mta" Group = "mta" Capabilities = "%s" }\n'
MORE = 'ESMTP_Listener { Listen ":2525" {} }\n'
BROKEN = "Idle_Tine = 5\n  Relay_Hosts = ( 300.0.0.1 )\n"
SERVING = "READY=1\nSTATUS=Serving; generation 1 of the configuration holds"


def records_of(site: Site) -> list[Record]:
    records: list[Record] = []
    site.life.machine.events.subscribe(records.append)
    return records


async def hang_up(site: Site, config: str) -> list[str]:
    """Write *config*, send SIGHUP; what the service manager was told meanwhile."""
    before = len(site.life.notices)
    await site.configure(config)
    site.life.signal("SIGHUP")
    with trio.fail_after(30):
        while len(site.life.notices) < before + 2:
            await site.moment()
    return site.life.notices[before:]


def test_a_reload_takes_a_good_file() -> None:
    async def story(site: Site) -> tuple[list[str], str]:
        told = await hang_up(site, CONFIG + MORE)
        return told, (await site.talk("QUIT", port=2525))[1]

    (reloading, ready), reply = Site().run(CONFIG, story)
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert int(reloading.rpartition("=")[2]) > 0
    assert ready == "READY=1\nSTATUS=Generation 2 of the configuration holds"
    assert reply[:3] == "221"


def test_a_broken_file_changes_nothing_and_is_told_with_its_places() -> None:
    async def story(site: Site) -> tuple[list[str], list[Record], str, str, bytes]:
        records = records_of(site)
        told = await hang_up(site, CONFIG + BROKEN)
        await trio.sleep(1)
        running = await site.mx.call(console, "config show")
        (paniclog,) = [octets for octets in await site.mx.call(read_folder, "/log") if b"Idle_Tine" in octets]
        return told, records, running, (await site.talk("QUIT"))[1], paniclog

    told, records, running, reply, paniclog = Site().run(CONFIG, story)
    panics = [record.text for record in records if isinstance(record, Panic)]
    line = CONFIG.count("\n") + 1
    assert panics[0].startswith(f"{CONFIG_PATH}:{line}:1: Idle_Tine: no such option")
    assert panics[1].startswith(f"{CONFIG_PATH}:{line + 1}:17: Relay_Hosts: ")
    assert panics[-1] == "reload refused: generation 1 of the configuration still holds"
    assert not [record for record in records if isinstance(record, Reconfigured)]
    assert told[1].startswith(f"READY=1\nSTATUS=Reload refused: {CONFIG_PATH}:")
    assert "Idle_Tine" not in running
    assert reply[:3] == "221"
    assert len(paniclog.splitlines()) == len(panics)


def test_an_address_that_cannot_be_had_changes_nothing() -> None:
    async def story(site: Site) -> list[str]:
        return await hang_up(site, CONFIG + 'Relay_Domains = ( "x" )\nESMTP_Listener { Listen "192.0.2.99:25" {} }\n')

    told = Site().run(CONFIG, story)
    place = f"{CONFIG_PATH}:{CONFIG.count(chr(10)) + 2}:18"
    assert told[1].startswith(f'READY=1\nSTATUS=Reload refused: {place}: ESMTP_Listener Listen "192.0.2.99:25": ')


def test_signals_during_a_reload_make_one_more() -> None:
    async def story(site: Site) -> list[str]:
        for _ in range(9):
            site.life.signal("SIGHUP")
        await trio.sleep(30)
        return site.life.notices

    told = Site().run(CONFIG, story)
    assert 1 <= sum(notice.startswith("RELOADING") for notice in told) <= 2


def test_what_the_service_manager_is_told_of_a_life() -> None:
    async def story(site: Site) -> list[str]:
        assert site.life.notices == [SERVING]
        await site.life.stop(60)
        return site.life.notices

    assert Site().run(CONFIG, story) == [SERVING, "STOPPING=1\nSTATUS=Draining"]


@pytest.mark.parametrize(
    ("environment", "beats"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "20000000"}, 6),  # every ten seconds, the first at once
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, 0),  # somebody else's
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_the_watchdog_is_told_that_the_loop_turns(environment: dict[str, str], beats: int) -> None:
    site = Site()
    site.mx.environment.update(environment)

    async def story(site: Site) -> int:
        await trio.sleep(55)
        return site.life.notices.count("WATCHDOG=1")

    assert site.run(CONFIG, story) == beats


async def rename_log(machine: Machine) -> None:
    await machine.disk.perform([Rename("/log/mainlog", "/log/mainlog.1")])


def test_sigusr1_opens_the_logs_anew() -> None:
    async def story(site: Site) -> list[bytes]:
        mail = ("EHLO c", "MAIL FROM:<>", "RCPT TO:<bob@example.com>", "DATA", "Subject: x\r\n\r\nx\r\n.")
        await site.talk(*mail)
        await trio.sleep(1)
        await site.mx.call(rename_log)
        site.life.signal("SIGUSR1")
        await trio.sleep(1)
        await site.talk(*mail)
        await trio.sleep(1)
        mainlog, rotated, _ = await site.mx.call(read_folder, "/log")
        return [mainlog, rotated]

    for octets in Site().run(CONFIG, story):
        assert sorted(line.split(b"@")[4] for line in octets.splitlines()) == [b"D", b"R"]


def mta_site() -> Site:
    site = Site()
    site.mx.users[500], site.mx.groups[500] = "mta", "mta"
    return site


async def switch(site: Site, value: str) -> str:
    return await site.mx.call(console, f"config set esmtp_listener listen :25 enable {value}")


@pytest.mark.parametrize("capabilities", ["", "cap_net_bind_service+ep"])
def test_port_25_is_closed_and_opened_again_after_root_is_given_up(capabilities: str) -> None:
    async def story(site: Site) -> None:
        assert site.life.machine.process.uid == 500
        for _ in range(2):
            await switch(site, "false")
            with pytest.raises(ConnectionRefusedError):
                await site.talk("QUIT")
            await switch(site, "true")
            assert (await site.talk("QUIT"))[1][:3] == "221"

    mta_site().run(CONFIG + SECURITY % capabilities, story)


def test_with_the_capability_it_moves_beside_the_socket_that_root_bound() -> None:
    async def story(site: Site) -> None:
        for address in (f"{MX}:25", ":25"):
            config = CONFIG.replace('":25"', f'"{address}"') + SECURITY % "cap_net_bind_service+ep"
            assert (await hang_up(site, config))[1].endswith("of the configuration holds")
            assert (await site.talk("QUIT"))[1][:3] == "221"

    mta_site().run(CONFIG + SECURITY % "cap_net_bind_service+ep", story)


def test_without_it_no_other_port_of_root_is_opened_and_nothing_changes() -> None:
    async def story(site: Site) -> str:
        told = await hang_up(site, CONFIG.replace('":25"', f'"{MX}:25"') + SECURITY % "")
        assert (await site.talk("QUIT"))[1][:3] == "221"
        return told[1]

    refused = mta_site().run(CONFIG + SECURITY % "", story)
    assert refused.startswith("READY=1\nSTATUS=Reload refused: /etc/ecelerity.conf:6:18: ESMTP_Listener Listen ")
    assert "(this process may not bind ports below 1024: see Capabilities in Security)" in refused


def test_a_port_that_rests_and_another_takes_is_not_lost() -> None:
    """Somebody else listens there when it is to be opened again; once he is gone it can be."""

    async def occupy(machine: Machine, free: trio.Event) -> None:
        with trio.socket.socket() as socket:
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
            await socket.bind(("0.0.0.0", 25))
            socket.listen()
            await free.wait()

    async def story(site: Site) -> str:
        free = trio.Event()
        await switch(site, "false")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.mx.call, occupy, free)
            await site.moment()
            for _ in range(2):
                with pytest.raises(AssertionError, match="Address already in use"):
                    await switch(site, "true")
            free.set()
        await switch(site, "true")
        return (await site.talk("QUIT"))[1]

    assert mta_site().run(CONFIG + SECURITY % "", story)[:3] == "221"


@pytest.mark.parametrize(
    ("security", "problem"),
    [
        ('User = "nobody-of-that-name"', "no such user"),
        ('User = "mta" Group = "mta" Supplemental_Groups = ( "no-such-group" )', "no such user or group"),
        ('User = "mta" Group = "mta" Chroot = "/jail"', "Chroot /jail"),
        ('User = "root" Group = "root" Capabilities = "cap_net_bind_service+ep"', "in every thread"),
    ],
)
def test_a_security_that_cannot_be_obeyed_is_refused_before_anything_is_opened(security: str, problem: str) -> None:
    async def story(site: Site) -> None:
        raise AssertionError("it started")

    site = mta_site()
    with pytest.raises(ApplyError, match=problem):
        site.run(CONFIG + f"Security {{ {security} }}\n", story)


def test_another_user_holds_from_the_next_start_on() -> None:
    async def story(site: Site) -> list[str]:
        records = records_of(site)
        await hang_up(site, CONFIG + SECURITY % "")
        assert site.life.machine.process.uid == 500
        return [record.text for record in records if isinstance(record, Panic)]

    site = mta_site()
    assert site.run(CONFIG + SECURITY % "cap_net_bind_service+ep", story) == [
        "Capabilities has changed: the new value holds from the next start on"
    ]
