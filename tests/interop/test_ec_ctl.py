"""``ec_ctl`` and the real program: started, asked, reloaded, drained and stopped by its pid file."""

from __future__ import annotations

import io
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from momentum_trio.cli import ec_ctl
from momentum_trio.cli.host_process import running

SECONDS = 60
CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Delivery_Method = "BLACKHOLE"
PIDFile = "{folder}/pid"
Drain_Timeout = 2
ec_logger "main" {{
  mainlog = "{folder}/mainlog" rejectlog = "{folder}/rejectlog" paniclog = "{folder}/paniclog" acctlog = ""
}}
ESMTP_Listener {{ Listen "127.0.0.1:{port}" {{ }} }}
{console}
"""
CONSOLE = 'Control_Listener {{ Listen "{folder}/control" {{ }} }}'


@dataclass
class Ran:
    status: int
    out: str
    err: str


class Controlled:
    """A configuration in a folder of its own, and ec_ctl for it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "ecelerity.conf"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.write()

    def write(self, more: str = "", console: str = CONSOLE) -> None:
        text = CONFIG.format(folder=self.folder, port=self.port, console=console.format(folder=self.folder))
        self.config.write_text(text + more)

    def starting(self, command: str = "start") -> Ran:
        """The command that starts a host, whose parent it is: in a process of its own."""
        words = [sys.executable, "-m", "momentum_trio.cli.ec_ctl", "-c", str(self.config), command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    def ctl(self, *arguments: str) -> Ran:
        """Any other, and ``start`` where no host comes of it."""
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors:
            try:
                status = ec_ctl.main(["-c", str(self.config), *arguments])
            except SystemExit as ended:
                status = int(ended.code or 0)
        return Ran(status, out.getvalue(), errors.getvalue())

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def client(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, timeout=SECONDS)

    def kill(self) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
        except (OSError, ValueError):
            pass


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    made = Controlled(tmp_path)
    yield made
    made.kill()


def test_from_start_to_stop(controlled: Controlled) -> None:
    ctl = controlled.ctl
    assert ctl("status") == Ran(3, "", "ec_ctl: ecelerity is not running\n")
    assert ctl("reload") == Ran(7, "", "ec_ctl: ecelerity is not running\n")
    assert ctl("stop") == Ran(0, "ecelerity is not running\n", "")

    started = controlled.starting()
    assert (started.status, started.err) == (0, "")
    pid = controlled.pid
    assert started.out == f"ecelerity started (pid {pid})\n"
    controlled.client().quit()  # it is ready when start says so
    assert ctl("start") == Ran(0, f"ecelerity is running already (pid {pid})\n", "")
    assert ctl("status") == Ran(0, f"ecelerity is running (pid {pid})\n", "")

    assert ctl("reload") == Ran(0, "Reconfigured.\n", "")
    controlled.write("Idle_Tine = 5\n")
    refused = ctl("reload")
    assert (refused.status, refused.out) == (1, "")
    assert "Idle_Tine" in refused.err
    controlled.write()

    assert controlled.starting("restart").status == 0
    assert controlled.pid != pid
    assert ctl("drain") == Ran(0, "ecelerity drained\n", "")
    assert ctl("status").status == 3
    assert not (controlled.folder / "pid").exists()


def test_a_start_that_fails_says_why(controlled: Controlled) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", controlled.port))
        taken.listen(1)
        failed = controlled.ctl("start")
    assert (failed.status, failed.out) == (1, "")
    assert re.match(r"ec_ctl: ecelerity did not start: it ended with status 1\n", failed.err)
    assert f'Listen "127.0.0.1:{controlled.port}": Address already in use' in failed.err
    controlled.write("Nonsense = 1\n")
    wrong = controlled.ctl("start")
    assert wrong.status == 2
    assert "Nonsense" in wrong.err
    assert not (controlled.folder / "pid").exists()


def test_a_dead_host_and_a_stranger_are_told_from_a_living_one(controlled: Controlled) -> None:
    controlled.write(console="")
    assert controlled.starting().status == 0
    assert controlled.ctl("reload").out.startswith("SIGHUP sent")  # nobody else can be asked
    controlled.kill()
    with running(str(controlled.folder / "pid")) as host:
        assert host is None or host.ends_within(SECONDS)
    dead = controlled.ctl("status")
    assert dead == Ran(1, "", f"ec_ctl: ecelerity is dead; {controlled.folder}/pid is still there\n")
    (controlled.folder / "pid").write_text(f"{os.getpid()}\n")
    assert controlled.ctl("status").status == 1
    assert controlled.ctl("stop") == Ran(0, "ecelerity is not running\n", "")  # and this test goes on
    (controlled.folder / "pid").write_text("99999999999\n")
    assert controlled.ctl("stop").status == 0
    (controlled.folder / "pid").unlink()


def test_a_host_that_does_not_drain_is_told_to_end_at_once(controlled: Controlled) -> None:
    controlled.config.write_text(controlled.config.read_text().replace("Drain_Timeout = 2", "Drain_Timeout = 300"))
    assert controlled.starting().status == 0
    with controlled.client() as client:
        client.ehlo("client.example")
        client.mail("ann@client.example")  # a transaction that is open
        drained = controlled.ctl("--timeout", "1", "drain")
        assert drained == Ran(1, "", f"ec_ctl: ecelerity (pid {controlled.pid}) still drains after 1 seconds\n")
        stopped = controlled.ctl("--timeout", "1", "stop")
        assert stopped.status == 0
        assert stopped.out.startswith("ecelerity stopped")
    assert controlled.ctl("status").status != 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("explode",), 2, "invalid choice"),
        (("-c", "/nonexistent/ecelerity.conf", "status"), 2, "/nonexistent/ecelerity.conf"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], status: int, said: str, controlled: Controlled) -> None:
    ran = controlled.ctl(*arguments)
    assert ran.status == status
    assert said in ran.err


def test_without_a_pid_file_nothing_can_be_done(controlled: Controlled) -> None:
    controlled.config.write_text("\n")
    assert controlled.ctl("status") == Ran(
        6, "", "ec_ctl: the configuration has no PIDFile, and no --pid-file was given\n"
    )
    assert controlled.ctl("--pid-file", str(controlled.folder / "pid"), "status").status == 3


def test_it_imports_no_trio() -> None:
    code = "import sys; from momentum_trio.cli import ec_ctl; sys.exit('trio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
