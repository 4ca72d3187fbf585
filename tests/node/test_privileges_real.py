"""A real host started as root: it binds a port below 1024, becomes nobody, and opens that port again later.

The port is 25 where that is free.
"""

from __future__ import annotations

import grp
import os
import pwd
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from momentum_trio.cli.console_link import Endpoint, Link
from momentum_trio.net.capability import NAMES

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can bind a port below 1024 and become nobody")

CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Delivery_Method = "BLACKHOLE"
PIDFile = "{folder}/pid"
ec_logger "main" {{
  mainlog = "{folder}/mainlog" rejectlog = "{folder}/rejectlog" paniclog = "{folder}/paniclog" acctlog = ""
}}
ESMTP_Listener {{ Listen "{address}:{port}" {{ {listen} }} }}
Control_Listener {{ Listen "{folder}/control" {{ }} }}
Security {{ User = "nobody" Group = "nogroup" {more} }}
"""
CAPABLE = 'Capabilities = "cap_net_bind_service+ep"'
BIND = 1 << NAMES.index("cap_net_bind_service")
SECONDS = 60


@contextmanager
def made_folder() -> Iterator[Path]:
    """One that nobody may enter and write: pytest's own folders are root's alone."""
    with tempfile.TemporaryDirectory(prefix="mt", dir="/tmp") as name:
        os.chown(name, pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid)
        yield Path(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    with made_folder() as made:
        yield made


def low_port() -> int:
    """A port below 1024 that is free."""
    ports: list[int] = [25, *range(1023, 600, -1)]
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    pytest.skip("no free port below 1024, or no right to bind one")


class Host:
    """*more* stands in its Security scope."""

    def __init__(self, folder: Path, port: int, more: str) -> None:
        self.folder, self.port, self.more = folder, port, more
        self.configure("*")
        (folder / "ecelerity.conf").chmod(0o644)
        with (folder / "stdout").open("wb") as output, (folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "momentum_trio", "-c", str(folder / "ecelerity.conf")],
                stdout=output,
                stderr=errors,
                umask=0o022,
            )

    def end(self) -> None:
        """At once, if it has not ended yet."""
        self.process.kill()
        self.process.wait()

    def wait_until_bound(self) -> None:
        limit = time.monotonic() + SECONDS
        while "console" not in (self.folder / "stdout").read_text():
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            assert time.monotonic() < limit
            time.sleep(0.02)

    def configure(self, address: str, listen: str = "") -> None:
        """The file: a Listen at *address*, in which *listen* stands."""
        text = CONFIG.format(folder=self.folder, address=address, port=self.port, listen=listen, more=self.more)
        (self.folder / "ecelerity.conf").write_text(text)

    def console(self, *lines: str) -> tuple[bool, str]:
        """Whether the last of *lines*, in one session, went well, and what was said to it."""
        link = Link(Endpoint.parse(str(self.folder / "control")), SECONDS)
        try:
            for line in lines:
                said: list[str] = []
                end = link.command(line, "text", said.append)
        finally:
            link.close()
        return end.status == "ok", "".join(said).rstrip("\n")

    def obeys(self, *lines: str) -> None:
        """They go well at the console."""
        done, said = self.console(*lines)
        assert done, said

    def send(self, address: str = "127.0.0.1") -> None:
        with smtplib.SMTP(address, self.port, timeout=SECONDS) as client:
            client.sendmail("ann@client.example", ["bob@example.com"], "Subject: one\n\nHello.\n")

    def refuses(self, address: str = "127.0.0.1") -> None:
        with pytest.raises(ConnectionRefusedError):
            self.send(address)

    def threads(self) -> list[dict[str, str]]:
        """/proc/PID/task/*/status."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [
            dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            for task in tasks
        ]


Start = Callable[[str], Host]
"""A host with that in its Security scope."""


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    with ExitStack() as ended:

        def start_one(more: str) -> Host:
            host = Host(folder, low_port(), more)
            ended.callback(host.end)
            return host

        yield start_one


@pytest.fixture(scope="module")
def living() -> Iterator[Start]:
    """Hosts that several tests share; each finds the Listen at any address, and leaves it there."""
    hosts: dict[str, Host] = {}
    with ExitStack() as ended:

        def living_one(more: str) -> Host:
            if more not in hosts:
                host = hosts[more] = Host(ended.enter_context(made_folder()), low_port(), more)
                ended.callback(host.end)
                host.wait_until_bound()
            return hosts[more]

        yield living_one
        for host in hosts.values():
            host.process.send_signal(signal.SIGTERM)
        assert [host.process.wait(SECONDS) for host in hosts.values()] == [0] * len(hosts)


def test_root_is_given_up_in_every_thread(start: Start, folder: Path) -> None:
    host = start(CAPABLE)
    host.wait_until_bound()
    host.send()
    nobody, nogroup = str(pwd.getpwnam("nobody").pw_uid), str(grp.getgrnam("nogroup").gr_gid)
    threads = host.threads()
    assert len(threads) > 1
    for status in threads:
        assert status["Uid"].split() == [nobody] * 4
        assert status["Gid"].split() == [nogroup] * 4
        assert status["Groups"].split() == []
        assert status["Umask"] == "0022"
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
        assert int(status["CapEff"], 16) in (0, BIND)
        assert int(status["CapPrm"], 16) in (0, BIND)

    (folder / "mainlog").rename(folder / "mainlog.1")
    assert host.console("reopen logs") == (True, "Logs reopened.")
    host.send()
    host.process.send_signal(signal.SIGTERM)
    assert host.process.wait(SECONDS) == 0
    assert sum((folder / name).read_text().count("@R@") for name in ("mainlog.1", "mainlog")) == 2
    assert "@R@" in (folder / "mainlog").read_text()
    for path in [*folder.glob("*log*"), *(folder / "spool").rglob("*")]:
        facts = path.lstat()
        assert facts.st_uid == int(nobody), path
        assert not facts.st_mode & 0o022, path
    assert not (folder / "pid").exists()


@pytest.mark.parametrize("capabilities", ["", CAPABLE])
def test_the_port_is_disabled_and_enabled_again_after_root_was_given_up(living: Start, capabilities: str) -> None:
    host = living(capabilities)
    held = BIND if capabilities else 0
    assert {int(status["CapPrm"], 16) for status in host.threads()} <= {0, held}
    switch = f"config set esmtp_listener listen :{host.port} enable"
    host.send()
    for _ in range(2):
        host.obeys(f"{switch} false")
        host.refuses()
        host.obeys(f"{switch} true")
        host.send()
    host.configure("*", "Enable = false")
    host.obeys("config reload")
    host.refuses()
    host.configure("*")
    host.obeys("config reload")
    host.send()
    host.obeys("config begin", f"config unset esmtp_listener listen :{host.port}", "config commit confirmed 300")
    host.refuses()
    host.obeys("config rollback")
    host.send()


def test_with_the_capability_the_port_moves_to_an_address_and_back(living: Start) -> None:
    host = living(CAPABLE)
    with smtplib.SMTP("127.0.0.1", host.port, timeout=SECONDS) as session:
        for _ in range(2):
            host.configure("127.0.0.1")
            host.obeys("config reload")
            host.send()
            host.refuses("127.0.0.2")
            host.configure("*")
            host.obeys("config reload")
            host.send("127.0.0.2")
        session.sendmail("ann@client.example", ["bob@example.com"], "Subject: two\n\nHello.\n")


def test_without_it_another_low_port_is_refused_with_the_reason_and_nothing_changes(living: Start) -> None:
    host = living("")
    host.configure("127.0.0.1")
    done, said = host.console("config reload")
    host.configure("*")
    assert not done
    assert said == (
        f'{host.folder}/ecelerity.conf:10:18: ESMTP_Listener Listen "127.0.0.1:{host.port}": Permission denied '
        "(this process may not bind ports below 1024: see Capabilities in Security)\nReconfigure failed"
    )
    host.send("127.0.0.2")
    place = f"esmtp_listener listen 127.0.0.1:{host.port - 1}"
    disable = f"config set esmtp_listener listen :{host.port} enable false"
    done, said = host.console("config begin", disable, f"config set {place} enable true", "config commit")
    assert not done
    assert "see Capabilities in Security" in said
    host.send("127.0.0.2")


def test_what_cannot_be_obeyed_is_refused_before_anything_is_made(start: Start, folder: Path) -> None:
    """One of those that the simulated node is told of."""
    host = start('Supplemental_Groups = ( "no-such-group" )')
    assert host.process.wait(SECONDS) == 1
    assert "no-such-group" in (folder / "stderr").read_text()
    assert {path.name for path in folder.iterdir()} == {"ecelerity.conf", "stdout", "stderr"}


def test_a_spool_that_the_user_may_not_use_is_said(start: Start, folder: Path) -> None:
    (folder / "spool").mkdir(mode=0o700)
    host = start(CAPABLE)
    assert host.process.wait(SECONDS) == 1
    assert "Permission denied" in (folder / "stderr").read_text()
