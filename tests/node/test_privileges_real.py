"""A real host started as root: it binds a port below 1024, becomes nobody, and opens that port again later."""

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
from collections.abc import Iterator
from pathlib import Path

import pytest

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
ESMTP_Listener {{ Listen "127.0.0.1:{port}" {{ }} }}
Control_Listener {{ Listen "{folder}/control" {{ }} }}
Security {{ User = "nobody" Group = "nogroup" {more} }}
"""
CAPABLE = 'Capabilities = "cap_net_bind_service+ep"'
BIND = 1 << NAMES.index("cap_net_bind_service")
SECONDS = 20


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that nobody may enter and write: pytest's own folders are root's alone."""
    with tempfile.TemporaryDirectory(prefix="mt", dir="/tmp") as name:
        os.chown(name, pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid)
        yield Path(name)


@pytest.fixture
def low_port() -> int:
    """A port below 1024 that is free."""
    for port in range(1023, 600, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.skip("no free port below 1024, or no right to bind one")


class Host:
    def __init__(self, folder: Path, port: int, more: str) -> None:
        self.folder, self.port = folder, port
        (folder / "ecelerity.conf").write_text(CONFIG.format(folder=folder, port=port, more=more))
        (folder / "ecelerity.conf").chmod(0o644)
        with (folder / "stdout").open("wb") as output, (folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "momentum_trio", "-c", str(folder / "ecelerity.conf")],
                stdout=output,
                stderr=errors,
                umask=0o022,
            )

    def wait_until_bound(self) -> None:
        limit = time.monotonic() + SECONDS
        while "console" not in (self.folder / "stdout").read_text():
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            assert time.monotonic() < limit
            time.sleep(0.02)

    def console(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "momentum_trio.cli.ec_console", str(self.folder / "control"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)

    def send(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.sendmail("ann@client.example", ["bob@example.com"], "Subject: one\n\nHello.\n")

    def threads(self) -> list[dict[str, str]]:
        """/proc/PID/task/*/status."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [
            dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            for task in tasks
        ]


@pytest.fixture
def start(folder: Path, low_port: int) -> Iterator[object]:
    hosts: list[Host] = []

    def start_one(more: str = "") -> Host:
        hosts.append(Host(folder, low_port, more))
        return hosts[-1]

    yield start_one
    for host in hosts:
        host.process.kill()
        host.process.wait()


def test_root_is_given_up_in_every_thread_and_the_port_opened_again(start: type[Host], folder: Path) -> None:
    host = start(CAPABLE)  # type: ignore[call-arg,arg-type]
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

    place = ("esmtp_listener", "listen", f"127.0.0.1:{host.port}")
    assert host.console("config", "set", *place, "enable", "false").returncode == 0
    with pytest.raises(ConnectionRefusedError):
        host.send()
    again = host.console("config", "set", *place, "enable", "true")
    assert again.returncode == 0, again.stdout
    host.send()

    (folder / "mainlog").rename(folder / "mainlog.1")
    assert host.console("reopen", "logs").stdout == "Logs reopened.\n"
    host.send()
    host.process.send_signal(signal.SIGTERM)
    assert host.process.wait(SECONDS) == 0
    assert [(folder / name).read_text().count("@R@") for name in ("mainlog.1", "mainlog")] == [2, 1]
    for path in [*folder.glob("*log*"), *(folder / "spool").rglob("*")]:
        facts = path.lstat()
        assert facts.st_uid == int(nobody), path
        assert not facts.st_mode & 0o022, path
    assert not (folder / "pid").exists()


def test_without_capabilities_none_is_kept_and_the_port_stays_bound(start: type[Host]) -> None:
    host = start()  # type: ignore[call-arg]
    host.wait_until_bound()
    host.send()
    for status in host.threads():
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    place = ("esmtp_listener", "listen", f"127.0.0.1:{host.port}")
    assert host.console("config", "set", *place, "enable", "false").returncode == 0
    refused = host.console("config", "set", *place, "enable", "true")
    assert refused.returncode != 0
    assert "Permission denied" in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('Supplemental_Groups = ( "no-such-group" )', "no-such-group"),
        ('Chroot = "/tmp"', "Chroot"),
        ('User = "root" Capabilities = "cap_net_bind_service+ep"', "every thread"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_before_anything_is_made(
    start: type[Host], folder: Path, more: str, said: str
) -> None:
    host = start(more)  # type: ignore[call-arg,arg-type]
    assert host.process.wait(SECONDS) == 1
    assert said in (folder / "stderr").read_text()
    assert {path.name for path in folder.iterdir()} == {"ecelerity.conf", "stdout", "stderr"}


def test_a_spool_that_the_user_may_not_use_is_said(start: type[Host], folder: Path) -> None:
    (folder / "spool").mkdir(mode=0o700)
    host = start(CAPABLE)  # type: ignore[call-arg,arg-type]
    assert host.process.wait(SECONDS) == 1
    assert "Permission denied" in (folder / "stderr").read_text()
