"""A real host and its service manager: a real datagram socket, real signals, the order in which things are told."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Delivery_Method = "BLACKHOLE"
PIDFile = "{folder}/pid"
ec_logger "main" {{
  mainlog = "{folder}/mainlog" rejectlog = "{folder}/rejectlog" paniclog = "{folder}/paniclog" acctlog = ""
}}
ESMTP_Listener {{ Listen "127.0.0.1:0" {{ }} }}
Control_Listener {{ Listen "{folder}/control" {{ }} }}
"""
SECONDS = 20
START_SECONDS = 60


class Service:
    """The host as a service manager starts it; *told* takes what it is told, one datagram after the other."""

    def __init__(self, folder: Path, address: str, environment: dict[str, str]) -> None:
        self.folder, self.config = folder, folder / "ecelerity.conf"
        self.config.write_text(CONFIG.format(folder=folder))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self.socket.settimeout(SECONDS)
        with (folder / "stdout").open("wb") as output, (folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "momentum_trio", "-c", str(self.config)],
                stdout=output,
                stderr=errors,
                env={**os.environ, "NOTIFY_SOCKET": address, **environment},
            )

    def told(self) -> str:
        return self.socket.recv(4096).decode()

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def port(self) -> int:
        """The bound port; it is printed just after the service manager was told."""
        limit = time.monotonic() + SECONDS
        while (found := re.search(r"ESMTP_Listener\b.*?:(\d+)", (self.folder / "stdout").read_text())) is None:
            assert time.monotonic() < limit
            time.sleep(0.02)
        return int(found[1])


@contextmanager
def service(folder: Path, address: str, **environment: str) -> Iterator[Service]:
    running = Service(folder, address, environment)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        running.socket.close()


@pytest.mark.parametrize("is_abstract", [False, True])
def test_it_is_told_of_start_reload_and_end(tmp_path: Path, *, is_abstract: bool) -> None:
    address = f"@momentum-trio-{os.getpid()}-{tmp_path.name}" if is_abstract else f"{tmp_path}/notify"
    with service(tmp_path, address) as host:
        assert host.told().startswith("READY=1\nSTATUS=Serving")
        assert (tmp_path / "control").is_socket()
        assert (tmp_path / "pid").read_text() == f"{host.process.pid}\n"
        smtplib.SMTP("127.0.0.1", host.port()).quit()

        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        host.process.send_signal(signal.SIGHUP)
        reloading = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", host.told())
        assert reloading is not None
        assert before <= int(reloading[1]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert host.told() == "READY=1\nSTATUS=Generation 2 of the configuration holds"

        host.config.write_text(CONFIG.format(folder=tmp_path) + "Idle_Tine = 5\n")
        host.process.send_signal(signal.SIGHUP)
        assert host.told().startswith("RELOADING=1\n")
        place = f"{host.config}:{host.config.read_text().count(chr(10))}:1: Idle_Tine: "
        assert host.told().startswith(f"READY=1\nSTATUS=Reload refused: {place}")
        assert f"ERROR: {place}" in host.said()
        smtplib.SMTP("127.0.0.1", host.port()).quit()

        host.process.send_signal(signal.SIGTERM)
        assert host.told() == "STOPPING=1\nSTATUS=Draining"
        assert host.process.wait(SECONDS) == 0
        assert not (tmp_path / "pid").exists()
        assert place in (tmp_path / "paniclog").read_text()


def test_the_watchdog_is_told_twice_in_its_time(tmp_path: Path) -> None:
    with service(tmp_path, f"{tmp_path}/notify", WATCHDOG_USEC="200000") as host:
        beats = 0
        while beats < 5:
            beats += host.told() == "WATCHDOG=1"
        host.process.send_signal(signal.SIGSTOP)
        host.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            [host.told() for _ in range(10)]
        host.process.send_signal(signal.SIGCONT)


def test_logs_renamed_under_load_are_opened_anew_by_signal(tmp_path: Path) -> None:
    with service(tmp_path, f"{tmp_path}/notify") as host:
        host.told()
        with smtplib.SMTP("127.0.0.1", host.port()) as client:
            for turn in range(5):
                client.sendmail("ann@client.example", ["bob@example.com"], "Subject: one\n\nHello.\n")
                os.rename(tmp_path / "mainlog", tmp_path / f"mainlog.{turn}")
                client.sendmail("ann@client.example", ["bob@example.com"], "Subject: one\n\nHello.\n")
                host.process.send_signal(signal.SIGUSR1)
                limit = time.monotonic() + SECONDS
                while not (tmp_path / "mainlog").exists():
                    assert time.monotonic() < limit
                    time.sleep(0.01)
        host.process.send_signal(signal.SIGTERM)
        assert host.process.wait(SECONDS) == 0
    lines = [line for path in tmp_path.glob("mainlog*") for line in path.read_text().splitlines()]
    assert sum("@R@" in line for line in lines) == 10
    assert sum("@D@" in line for line in lines) == 10


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket", "@"])
def test_without_a_socket_to_be_had_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from momentum_trio.machine.os_process import OsProcess

    monkeypatch.setenv("NOTIFY_SOCKET", address)
    OsProcess().notify("READY=1")


HANDED_OVER = """
import os, sys
handed = [int(word) for word in sys.argv[1].split(",")]
for number, descriptor in enumerate(handed):
    os.dup2(descriptor, 50 + number)
for number in range(len(handed)):
    os.dup2(50 + number, 3 + number)
names = "smtp:console"
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(handed)), LISTEN_FDNAMES=names)
os.execv(sys.executable, [sys.executable, "-m", "momentum_trio", *sys.argv[2:]])
"""


def test_sockets_that_were_handed_over_outlive_the_host(tmp_path: Path) -> None:
    """As the units of docs/examples do it: a port and a control socket by name; a client that is early waits."""
    console = [sys.executable, "-m", "momentum_trio.cli.ec_console", f"{tmp_path}/control"]
    with socket.socket() as smtp, socket.socket(socket.AF_UNIX) as control:
        smtp.bind(("127.0.0.1", 0))
        control.bind(f"{tmp_path}/control")
        for each in (smtp, control):
            each.listen()
        port = smtp.getsockname()[1]
        config = tmp_path / "ecelerity.conf"
        config.write_text(CONFIG.format(folder=tmp_path).replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), START_SECONDS) as early:
                handed = [smtp.fileno(), control.fileno()]
                words = [",".join(map(str, handed)), "-c", str(config)]
                with (tmp_path / "said").open("wb") as said:
                    host = subprocess.Popen(
                        [sys.executable, "-c", HANDED_OVER, *words], pass_fds=handed, stdout=said, stderr=said
                    )
                try:
                    assert early.recv(100).startswith(b"220 ")
                    done = subprocess.run([*console, "shutdown"], capture_output=True, timeout=60, check=False)
                    assert done.stdout == b"Shutting down.\n"
                    assert host.wait(START_SECONDS) == 0, (tmp_path / "said").read_text()
                finally:
                    host.kill()
                    host.wait()
            assert (tmp_path / "control").is_socket()
