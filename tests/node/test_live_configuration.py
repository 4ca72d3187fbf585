"""A node whose operators change it while it runs: commits that must be confirmed, that cannot be, and the files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio
from simulated_host import CONFIG_PATH, CONTROL, MX, Site, write_file

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Close, File, FileFacts, ListDirectory, Open, Read, Stat
from momentum_trio.mail.record import Panic
from momentum_trio.node.administration import ROLL_BACK_AGAIN_SECONDS
from momentum_trio.node.confirmation import Confirmation
from sim.admin import Console
from sim.life import ProcessDied

T = TypeVar("T")

CONFIG = f"""# of the operator
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"   # keep
Relay_Domains = ( "example.com" )
ESMTP_Listener {{ Listen ":25" {{}} }}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
include more.conf
"""
MORE = "Domain example.net {\n  Max_Retries = 5\n}\n"


OUTSIDE = " is not below /etc: the console may touch no other files (Config_Directories)"


async def operate(machine: Machine, *lines: str) -> list[str]:
    """What one session at the console is answered; a ``! `` before what failed. The session is lost at its end."""
    with trio.fail_after(60), trio.socket.socket(trio.socket.AF_UNIX) as socket:
        await socket.connect(CONTROL)
        console, told = Console(socket), []
        for line in lines:
            text, ok = await console.ask(line)
            told.append(text.rstrip("\n") if ok else f"! {text}".rstrip("\n"))
        return told


async def octets(machine: Machine, path: str) -> bytes:
    file = File(path)
    found: bytes = (await machine.disk.perform([Open(file), Read(file, 0, 1 << 20), Close(file)]))[1]
    return found


async def names(machine: Machine, path: str) -> list[str]:
    found: list[str] = (await machine.disk.perform([ListDirectory(path)]))[0]
    return sorted(found)


async def mode(machine: Machine, path: str) -> int:
    facts: FileFacts = (await machine.disk.perform([Stat(path)]))[0]
    return facts.mode


def told(story: Callable[[Site], Awaitable[T]], config: str = CONFIG) -> T:
    """What *story* returns, told of a node with *config*."""
    site = Site()

    async def main() -> T:
        await site.mx.call(write_file, "/etc/more.conf", MORE.encode())
        await site.configure(config)
        await site.boot()
        return await story(site)

    return site.world.run(main)


SWITCH = ("config begin", "config set esmtp_listener listen :26 enable true", "config unset esmtp_listener listen :25")


def test_a_commit_that_nobody_confirms_is_rolled_back_although_its_console_is_lost() -> None:
    async def story(site: Site) -> None:
        said = await site.mx.call(operate, *SWITCH, "config commit confirmed 30")
        assert said[-1].startswith("Committed: 2 changes. Generation 2 holds.\nIt is rolled back in 30 seconds")
        assert (await site.talk("QUIT", port=26))[1][:3] == "221"
        await trio.sleep(29)
        assert (await site.talk("QUIT", port=26))[1][:3] == "221"
        await trio.sleep(2)
        assert (await site.talk("QUIT", port=25))[1][:3] == "221"
        with pytest.raises(ConnectionRefusedError):
            await site.talk("QUIT", port=26)
        assert await site.mx.call(operate, "config confirm") == ["! no commit waits to be confirmed"]

    told(story)


def test_one_that_is_confirmed_stays() -> None:
    async def story(site: Site) -> None:
        await site.mx.call(operate, *SWITCH, "config commit confirmed 30")
        await trio.sleep(20)
        assert await site.mx.call(operate, "config confirm") == ["Confirmed. Generation 2 holds."]
        await trio.sleep(20)
        assert (await site.talk("QUIT", port=26))[1][:3] == "221"
        again = await site.mx.call(
            operate, "config begin", "config set hostname a.example", "config commit confirmed 5"
        )
        assert again[-1].startswith("Committed: 1 change. Generation 3 holds.")
        await trio.sleep(6)
        assert await site.mx.call(operate, "config get hostname") == ['Hostname = "mail.example.com"']

    told(story)


def test_nothing_else_changes_while_a_commit_waits() -> None:
    async def story(site: Site) -> None:
        await site.mx.call(operate, *SWITCH, "config commit confirmed 30")
        refused = await site.mx.call(
            operate,
            "config set hostname a.example",
            "config reload",
            "config writeback",
            "config begin",
            "config set hostname b.example",
            "config commit",
        )
        waits = "! a commit waits to be confirmed, for 30 seconds more: "
        assert [line.startswith(waits) for line in refused] == [True, True, True, False, False, True]
        site.life.signal("SIGHUP")
        await trio.sleep(1)
        assert await site.mx.call(operate, "config get hostname") == ['Hostname = "mail.example.com"']
        assert (await site.mx.call(operate, "config rollback"))[0].startswith("Rolled back: the commit")
        assert (await site.talk("QUIT", port=25))[1][:3] == "221"
        assert (await site.mx.call(operate, "config set hostname a.example")) == ["Hostname = a.example"]

    told(story)


def test_a_roll_back_that_fails_is_tried_again() -> None:
    async def occupy(machine: Machine, free: trio.Event) -> None:
        with trio.socket.socket() as socket:
            await socket.bind((MX, 25))
            socket.listen()
            await free.wait()

    async def story(site: Site) -> None:
        free = trio.Event()
        await site.mx.call(operate, *SWITCH, "config commit confirmed 30")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.mx.call, occupy, free)
            await trio.sleep(31)
            assert (await site.talk("QUIT", port=26))[1][:3] == "221"
            free.set()
        await trio.sleep(ROLL_BACK_AGAIN_SECONDS + 1)
        assert (await site.talk("QUIT", port=25))[1][:3] == "221"
        panics = [record.text for _, record in site.world.records if isinstance(record, Panic)]
        assert panics[-2] == "a commit that was not confirmed is not rolled back yet"
        assert panics[-1].startswith("a commit was not confirmed in time")

    told(story)


def test_all_that_cannot_be_had_is_said_and_nothing_has_changed() -> None:
    async def story(site: Site) -> None:
        said = await site.mx.call(
            operate,
            "config begin",
            "config set esmtp_listener listen 192.0.2.9:25 enable true",
            "config set domain example.net tls_certificate /etc/none.pem",
            "config set domain example.org tls_ca /etc/more.conf",
            "config set esmtp_listener listen :26 enable true",
            "config commit",
            "config replay",
        )
        unread, unusable, *rest = said[-2].split("\n")
        assert unread == "! console:2:1: TLS_Certificate: /etc/none.pem: No such file or directory"
        assert unusable.startswith("console:3:1: TLS_CA: ")
        assert "no certificate" in unusable
        assert rest == [
            'console:1:1: ESMTP_Listener Listen "192.0.2.9:25": Cannot assign requested address: 192.0.2.9:25',
            "Commit failed: nothing has changed, and the transaction goes on.",
        ]
        assert said[-1].count("\n") == 3
        assert (await site.mx.call(operate, "config locate listen"))[0].count("is at ESMTP") == 1
        with pytest.raises(ConnectionRefusedError):
            await site.talk("QUIT", port=26)

    told(story)


def test_no_socket_listens_for_a_change_that_cannot_be() -> None:
    async def story(site: Site) -> None:
        before = site.world.kernel.kinds["listen"]  # who connects to one that is given up again would be reset
        said = await site.mx.call(
            operate,
            "config begin",
            f"config set esmtp_listener listen {MX}:25 enable true",
            "config set esmtp_listener listen 192.0.2.9:25 enable true",
            "config commit",
        )
        assert "Cannot assign requested address" in said[-1]
        assert site.world.kernel.kinds["listen"] == before

    told(story)


def test_changes_go_to_the_files_they_belong_to() -> None:
    async def story(site: Site) -> None:
        said = await site.mx.call(
            operate,
            "config writeback",
            "config set hostname mx.example.com",
            "config set domain example.net max_retries 6",
            "config set outbound_smtp_auth_pass s3cret",
            "config writeback",
            "config writeback",
            "config reload",
        )
        assert said[0] == "Nothing to write: the files say what holds."
        assert said[4] == f"Written: {CONFIG_PATH}\nWritten: /etc/more.conf"
        assert said[5] == said[0]
        written = CONFIG.replace('"mail.example.com"', "mx.example.com") + "Outbound_SMTP_AUTH_Pass = s3cret\n"
        assert await site.mx.call(octets, CONFIG_PATH) == written.encode()
        assert await site.mx.call(octets, "/etc/more.conf") == MORE.replace("5", "6").encode()
        assert await site.mx.call(names, "/etc") == ["ecelerity.conf", "more.conf"]

    told(story)


def test_a_file_that_was_changed_meanwhile_is_left_alone() -> None:
    async def story(site: Site) -> None:
        await site.mx.call(operate, "config set domain example.net max_retries 6")
        await site.mx.call(write_file, "/etc/more.conf", MORE.encode() + b"# by hand\n")
        (said,) = await site.mx.call(operate, "config writeback")
        assert said.startswith("! /etc/more.conf has changed since it was read")
        assert said.endswith("\nNothing was written")
        assert await site.mx.call(octets, "/etc/more.conf") == MORE.encode() + b"# by hand\n"
        assert await site.mx.call(names, "/etc") == ["ecelerity.conf", "more.conf"]

    told(story)


def test_what_cannot_be_written_is_said_with_its_place() -> None:
    async def story(site: Site) -> list[str]:
        return await site.mx.call(
            operate, "config unset domain example.net", "config set hostname a.example", "config writeback"
        )

    config = CONFIG.replace("include more", "readonly_include more")
    said = told(story, config)
    assert said[-1].startswith("! /etc/more.conf:1:1: Domain: it was unset, but this file is not written to")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/var/new.conf", f"/var/new.conf{OUTSIDE}"),
        ("../var/new.conf", f"/var/new.conf{OUTSIDE}"),
        ("/etc", f"/etc{OUTSIDE}"),
        ("none/new.conf", "/etc/none/new.conf: /etc/none is no folder, or a symbolic link to one"),
        ("link/new.conf", "/etc/link/new.conf: /etc/link is no folder, or a symbolic link to one"),
        ("dangling", "/etc/dangling: there is such a file already"),
        ("more.conf", "/etc/more.conf: there is such a file already"),
    ],
)
@pytest.mark.parametrize("command", ["config writeback", "write config"])
def test_files_are_made_in_configured_folders_alone(command: str, path: str, said: str) -> None:
    async def story(site: Site) -> None:
        site.mx.store.make_link("/etc/link", "/var")
        site.mx.store.make_link("/etc/dangling", "/var/new.conf")
        (answer,) = await site.mx.call(operate, f"{command} {path}")
        assert answer == f"! {said}\nNothing was written"
        assert "new.conf" not in await site.mx.call(names, "/var")
        assert await site.mx.call(names, "/etc") == ["dangling", "ecelerity.conf", "link", "more.conf"]

    told(story)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/var/other.conf", f"/var/other.conf{OUTSIDE}"),
        ("link/other.conf", "/etc/link/other.conf: /etc/link is no folder, or a symbolic link to one"),
        ("linked.conf", "/etc/linked.conf: not a plain file, or a symbolic link"),
        ("none.conf", "/etc/none.conf: no such file"),
    ],
)
def test_files_are_read_from_configured_folders_alone(path: str, said: str) -> None:
    async def story(site: Site) -> None:
        await site.mx.call(write_file, "/var/other.conf", CONFIG.encode())
        site.mx.store.make_link("/etc/link", "/var")
        site.mx.store.make_link("/etc/linked.conf", "/var/other.conf")
        assert await site.mx.call(operate, f"config reload {path}") == [f"! {said}\nReconfigure failed"]

    told(story)


def test_another_main_file_holds_until_the_next_reload() -> None:
    async def story(site: Site) -> list[str]:
        other = CONFIG.replace("mail.example.com", "other.example.com")
        await site.mx.call(write_file, "/srv/conf/other.conf", other.replace("include", "# include").encode())
        return await site.mx.call(
            operate,
            "config reload /srv/conf/other.conf",
            "config get hostname",
            "config set hostname third.example.com",
            "config writeback",
            "config reload",
            "config get hostname",
        )

    said = told(story, CONFIG + "Config_Directories = ( /etc ../srv/conf )\n")
    assert (said[0].split("\n")[0], said[1]) == ("Reconfigured.", 'Hostname = "other.example.com"')
    assert (said[3], said[5]) == ("Written: /srv/conf/other.conf", 'Hostname = "mail.example.com"')


def test_the_main_file_goes_to_another_path() -> None:
    async def story(site: Site) -> None:
        said = await site.mx.call(
            operate,
            "config set hostname mx.example.com",
            "config set domain example.net max_retries 6",
            "config writeback new.conf",
            "config reload new.conf",
            "config get domain example.net max_retries",
        )
        assert said[2] == "Written: /etc/new.conf"
        assert said[-1] == "        Max_Retries = 6"
        assert await site.mx.call(octets, CONFIG_PATH) == CONFIG.encode()
        assert await site.mx.call(mode, "/etc/new.conf") == 0o600

    told(story)


def test_the_whole_configuration_as_text() -> None:
    async def story(site: Site) -> None:
        await site.mx.call(operate, "config set outbound_smtp_auth_pass s3cret")
        shown, written = await site.mx.call(operate, "write config", "write config all.conf")
        assert "Outbound_SMTP_AUTH_Pass = ***" in shown
        assert "s3cret" not in shown
        assert 'Domain "example.net" {\n  Max_Retries = 5\n}' in shown
        assert written == "Written: /etc/all.conf"
        text = (await site.mx.call(octets, "/etc/all.conf")).decode()
        assert "Outbound_SMTP_AUTH_Pass = s3cret" in text
        assert (await site.mx.call(operate, "config reload all.conf"))[0].startswith("Reconfigured.")

    told(story)


@pytest.mark.parametrize("operation", range(1, 25))
def test_power_that_fails_leaves_each_file_whole(operation: int) -> None:
    """Old or new, whatever step of the writing is the last one; and the node starts again."""
    site = Site(operation)

    async def main() -> None:
        await site.mx.call(write_file, "/etc/more.conf", MORE.encode())
        await site.configure(CONFIG)
        await site.boot()
        await site.mx.call(operate, "config set hostname mx.example.com", "config set domain example.net max_retries 6")
        site.mx.store.cut_after = operation
        try:
            await site.mx.call(operate, "config writeback")
        except ProcessDied:
            pass
        site.mx.store.cut_after = None
        site.mx.power_loss()
        await site.boot()
        main_file, more = [await site.mx.call(octets, path) for path in (CONFIG_PATH, "/etc/more.conf")]
        assert main_file in (CONFIG.encode(), CONFIG.replace('"mail.example.com"', "mx.example.com").encode())
        assert more in (MORE.encode(), MORE.replace("5", "6").encode())

    site.world.run(main)


async def test_confirmations_come_one_after_the_other(autojump_clock: trio.abc.Clock) -> None:
    confirmation = Confirmation()
    ends: list[float] = []

    async def watch() -> None:
        while True:
            await confirmation.expired()
            ends.append(trio.current_time())
            confirmation.end()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        nothing: object = None
        for seconds in (5.0, 7.0):
            confirmation.begin(nothing, seconds)  # type: ignore[arg-type]
            await trio.sleep(3)
            assert confirmation.seconds_left == seconds - 3
            confirmation.end()
            assert confirmation.seconds_left is None
        began = trio.current_time()
        confirmation.begin(nothing, 9.0)  # type: ignore[arg-type]
        await trio.sleep(20)
        assert ends == [began + 9]
        nursery.cancel_scope.cancel()
