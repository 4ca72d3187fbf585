"""A node whose operators change it while it runs: commits that must be confirmed, that cannot be, and the files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio
from simulated_host import CONFIG_PATH, CONTROL, MX, Site, write_file

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Close, File, FileFacts, ListDirectory, Open, Read, Stat, Step
from momentum_trio.mail.record import Panic
from momentum_trio.node.administration import ROLL_BACK_AGAIN_SECONDS
from momentum_trio.node.confirmation import Confirmation
from sim.admin import Console
from sim.certificates import CLIENT_KEY, FOLDER, SERVER, SERVER_KEY, install
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


IN_USE, NOWHERE = 'Listen "10.0.0.25:2030"', 'Listen "192.0.2.9:25"'
BAD = f"""
Control_Listener {{
  TLS_Certificate = "{FOLDER}/{SERVER}"
  Listen "10.0.0.25:2025" {{
    TLS_Key = "{FOLDER}/{CLIENT_KEY}"
  }}
  Listen "10.0.0.25:2026" {{
    TLS_Certificate = /etc/none.pem
    TLS_Key = "{FOLDER}/{SERVER_KEY}"
  }}
  Listen "10.0.0.25:2027" {{
    TLS_Key = "{FOLDER}/{SERVER_KEY}"
    TLS_Ciphers = "NO-SUCH-CIPHER"
  }}
  Listen "10.0.0.25:2028" {{
    TLS_Key = "{FOLDER}/{SERVER_KEY}"
    TLS_Client_CA = /etc/more.conf
  }}
  Listen "10.0.0.25:2029" {{
    TLS_Key = "{FOLDER}/{SERVER_KEY}"
    TLS_Protocols = "+TLSv1.9"
  }}
  {IN_USE} {{
    TLS_Key = "{FOLDER}/{SERVER_KEY}"
  }}
}}
ESMTP_Listener {{
  {NOWHERE} {{
  }}
}}
"""


BAD_VALUES = "Suspend_Delivery = perhaps\nMax_Retires = 5\n"


def place(words: str) -> str:
    """Where *words* stand first in the file."""
    before, _, _ = (CONFIG + BAD + BAD_VALUES).partition(words)
    return f"{CONFIG_PATH}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_a_reload_with_an_address_in_use_unusable_certificates_and_bad_values_changes_nothing() -> None:
    """What is wrong with the text is said first, all of it; then all that the host cannot give it."""

    async def occupy(machine: Machine, begun: trio.Event) -> None:
        with trio.socket.socket() as socket:
            await socket.bind((MX, 2030))
            socket.listen()
            begun.set()
            await trio.sleep_forever()

    async def story(site: Site) -> None:
        install(site.mx.store)
        async with trio.open_nursery() as nursery:
            begun = trio.Event()
            nursery.start_soon(site.mx.call, occupy, begun)
            await begun.wait()
            await site.configure(CONFIG + BAD + BAD_VALUES)
            (text,) = await site.mx.call(operate, "config reload")
            await site.configure(CONFIG + BAD)
            told = await site.mx.call(operate, "config reload", "config locate listen")
            committed = await site.mx.call(
                operate,
                "config begin",
                f"config set control_listener listen :2030 tls_certificate {FOLDER}/{SERVER}",
                f"config set control_listener listen :2030 tls_key {FOLDER}/{CLIENT_KEY}",
                "config set suspend_delivery perhaps",
                "config set esmtp_listener listen 10.0.0.25:2030 enable true",
                "config commit",
            )
            nursery.cancel_scope.cancel()
        assert [line.removeprefix("! ") for line in text.split("\n") if CONFIG_PATH in line] == [
            f"{place('perhaps')}: Suspend_Delivery: expected on or off, true or false, enabled or disabled, 1 or 0",
            f"{place('Max_Retires')}: Max_Retires: no such option in Global",
        ]
        assert text.endswith("Reconfigure failed")
        problems = told[0].removeprefix("! ").split("\n")
        assert [line.split(": ")[:2] for line in problems[:5]] == [
            [place("TLS_Certificate"), "TLS_Certificate"],  # its key is another's
            [place("TLS_Certificate = /etc/none.pem"), "TLS_Certificate"],
            [place("TLS_Ciphers"), "TLS_Ciphers"],
            [place("TLS_Client_CA"), "TLS_Client_CA"],
            [place("TLS_Protocols"), "TLS_Protocols"],
        ]
        assert "KEY_VALUES_MISMATCH" in problems[0]
        assert problems[1].endswith("/etc/none.pem: No such file or directory")
        assert problems[5:] == [
            f"{place(IN_USE)}: Control_Listener {IN_USE}: Address already in use: 10.0.0.25:2030",
            f"{place(NOWHERE)}: ESMTP_Listener {NOWHERE}: Cannot assign requested address: 192.0.2.9:25",
            "Reconfigure failed",
        ]
        assert told[1].count("is at") == 2
        assert committed[3].startswith("! Suspend_Delivery: expected on or off")
        assert committed[-1].startswith("! console:1:1: TLS_Certificate: [")
        assert "\nconsole:3:1: ESMTP_Listener Listen" in committed[-1]
        for port in (2025, 2026, 2027, 2028, 2029):
            with pytest.raises(ConnectionRefusedError):
                await site.talk(port=port)

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


@pytest.mark.parametrize(
    ("command", "looked_at", "swapped"),
    [
        ("config writeback conf.d/new.conf", "/etc/conf.d/new.conf", "/etc/conf.d"),
        ("write config conf.d/new.conf", "/etc/conf.d/new.conf", "/etc/conf.d"),
        ("config reload conf.d/other.conf", "/etc/conf.d/other.conf", "/etc/conf.d"),
        ("config reload conf.d/other.conf", "/etc/conf.d/other.conf", "/etc/conf.d/other.conf"),
        ("config writeback", "/etc/conf.d/part.conf", "/etc/conf.d"),
        ("config writeback", "/etc/conf.d/local.conf", "/etc/conf.d"),  # Local_Changes_File
    ],
)
def test_a_link_made_behind_our_back_leads_nowhere(command: str, looked_at: str, swapped: str) -> None:
    """What was looked at is exchanged for a link before it is used: the file there is neither read nor written."""

    async def story(site: Site) -> None:
        store = site.mx.store
        store.put("/var/other.conf", CONFIG.replace("mail.example.com", "stolen.example.com").encode())
        store.put("/etc/conf.d/other.conf", CONFIG.encode())
        before = store.files("/var")
        await site.mx.call(
            operate, "config set domain example.edu max_retries 7", "config set domain example.org max_retries 7"
        )

        def swap(step: Step[object]) -> None:
            if isinstance(step, Stat) and step.path == looked_at:
                folder, _, name = swapped.rpartition("/")
                within = store.find(folder)
                if not store.find(swapped, follow=False).target:
                    within.change({name: None})
                    store.make_link(swapped, "/var" if swapped == "/etc/conf.d" else "/var/other.conf")

        store.inject = swap
        (said,) = await site.mx.call(operate, command)
        store.inject = None
        assert said.startswith("! /etc/conf.d/"), said
        assert said.endswith(("\nNothing was written", "\nReconfigure failed"))
        assert store.files("/var") == before
        assert await site.mx.call(operate, "config get hostname") == ['Hostname = "mail.example.com"']

    site = Site()

    async def main() -> None:
        await site.mx.call(write_file, "/etc/more.conf", MORE.encode())
        await site.mx.call(write_file, "/etc/conf.d/part.conf", b"Domain example.org {\n  Max_Retries = 5\n}\n")
        more = "include conf.d/part.conf\n"
        if looked_at.endswith("local.conf"):
            more += "Local_Changes_File = conf.d/local.conf\n"
        await site.configure(CONFIG + more)
        await site.boot()
        await story(site)

    site.world.run(main)


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


@pytest.mark.parametrize("milliseconds", range(0, 300, 50))
@pytest.mark.parametrize("before", [":25", f"{MX}:25"])
def test_no_client_is_lost_between_wildcard_and_specific_address_be_his_way_long(
    before: str, milliseconds: int
) -> None:
    """A handshake takes 200 ms; somebody connects every 300 ms: of some it is half made when the socket goes."""
    after = f"{MX}:25" if before == ":25" else ":25"
    site, greetings = Site(latency_seconds=0.1), []

    async def client(milliseconds: int) -> None:
        await trio.sleep(milliseconds / 1000)
        greetings.append((await site.talk("QUIT"))[0][:3])

    async def main() -> None:
        await site.mx.call(write_file, "/etc/more.conf", MORE.encode())
        await site.configure(CONFIG.replace('":25"', f'"{before}"'))
        await site.boot()
        await site.configure(CONFIG.replace('":25"', f'"{after}"'))
        async with trio.open_nursery() as nursery:
            for begins in range(milliseconds, 1500, 300):
                nursery.start_soon(client, begins)
            await trio.sleep(0.4)
            assert (await site.mx.call(operate, "config reload"))[0].startswith("Reconfigured.")

    site.world.run(main)
    assert greetings == ["220"] * 5


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
