"""The real host in its own process: a message in by SMTP, out into a Maildir; errors told; signals obeyed."""

from __future__ import annotations

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

CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "{folder}/mail/%d/%l" }}
ESMTP_Listener {{ Listen "127.0.0.1:0" {{ }} }}
Control_Listener {{ Listen "{folder}/control" {{ }} }}
{more}
"""
START_SECONDS = 20


class Host:
    """``python -m momentum_trio -c FILE``."""

    def __init__(self, folder: Path, more: str = "", *arguments: str) -> None:
        self.folder = folder
        config = folder / "ecelerity.conf"
        config.write_text(CONFIG.format(folder=folder, more=more))
        with (folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "momentum_trio", "-c", str(config), *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def said_until(self, word: str) -> str:
        """What it prints until a line holds *word*."""
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if word in line:
                return said
        raise AssertionError(f"it ended: {said}\n{(self.folder / 'stderr').read_text()}")

    def delivered(self, count: int) -> list[bytes]:
        """The messages in bob's mailbox once there are *count*."""
        new = self.folder / "mail" / "example.com" / "bob" / "new"
        limit = time.monotonic() + START_SECONDS
        while len(found := list(new.iterdir()) if new.is_dir() else []) < count:
            assert time.monotonic() < limit
            time.sleep(0.02)
        return [path.read_bytes() for path in found]

    def ended(self) -> int:
        return self.process.wait(START_SECONDS)


@contextmanager
def running(folder: Path, more: str = "", *arguments: str) -> Iterator[Host]:
    host = Host(folder, more, *arguments)
    try:
        yield host
    finally:
        host.process.kill()
        host.process.wait()
        assert host.process.stdout is not None
        host.process.stdout.close()


def port_in(said: str) -> int:
    found = re.search(r"ESMTP_Listener\b.*?:(\d+)", said)
    assert found, said
    return int(found[1])


def test_a_message_comes_in_and_lies_in_the_maildir_and_sigterm_drains(tmp_path: Path) -> None:
    with running(tmp_path) as host:
        port = port_in(host.said_until("console"))
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("ann@client.example", ["bob@example.com"], "Subject: one\n\nHello.\n")
        (message,) = host.delivered(1)
        assert message.startswith(b"Return-Path: <ann@client.example>\nReceived: from ")
        assert b"\nSubject: one\n" in message
        assert message.endswith(b"\n\nHello.\n")
        host.process.send_signal(signal.SIGTERM)
        assert host.ended() == 0
        assert not (tmp_path / "control").exists()


def wait_until_refused(port: int) -> None:
    """Return once nobody listens at *port* any more."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass  # it waited in the queue when the socket was closed
        assert time.monotonic() < limit


def test_sigterm_waits_for_a_transaction_and_a_second_one_does_not(tmp_path: Path) -> None:
    with running(tmp_path) as host:
        port = port_in(host.said_until("console"))
        client = smtplib.SMTP("127.0.0.1", port)
        client.ehlo()
        client.mail("ann@client.example")
        client.rcpt("bob@example.com")
        host.process.send_signal(signal.SIGTERM)
        code, _ = client.data(b"Subject: one\r\n\r\nHello.\r\n")
        assert code == 250
        client.close()
        assert host.ended() == 0
        host.delivered(1)
    with running(tmp_path) as host:
        port = port_in(host.said_until("console"))
        client = smtplib.SMTP("127.0.0.1", port)
        client.ehlo()
        client.mail("ann@client.example")
        host.process.send_signal(signal.SIGTERM)
        wait_until_refused(port)
        assert host.process.poll() is None, "it waits for the transaction"
        host.process.send_signal(signal.SIGTERM)
        assert host.ended() == 1, "cut short, not drained"
        client.close()


def test_a_second_instance_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with running(tmp_path) as host:
        host.said_until("console")
        config = other / "ecelerity.conf"
        config.write_text(f'SpoolBase = "{tmp_path}/spool"\n')
        second = ecelerity("-c", str(config))
        assert second.returncode == 1
        assert "spool" in second.stderr


def ecelerity(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "momentum_trio", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_a_wrong_configuration_is_told_with_its_place(tmp_path: Path) -> None:
    config = tmp_path / "ecelerity.conf"
    config.write_text('ESMTP_Listener {\n  Listen "127.0.0.1:0" { Enabled = false }\n  Idle_Time = soon\n}\n')
    for arguments in (["--check-config"], []):
        run = ecelerity("-c", str(config), *arguments)
        assert run.returncode == 2
        assert "ecelerity.conf:2:26: Enabled: not valid in Listen" in run.stderr
        assert "did you mean Enable?" in run.stderr
        assert "ecelerity.conf:3:" in run.stderr
    assert ecelerity("-c", str(tmp_path / "none.conf")).returncode == 2


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        more = f'ESMTP_Listener {{ Listen "127.0.0.1:{taken.getsockname()[1]}" {{ }} }}'
        with running(tmp_path, more) as host:
            assert host.ended() == 1
            assert "Address already in use" in (tmp_path / "stderr").read_text()


def test_the_version(tmp_path: Path) -> None:
    run = ecelerity("--version")
    assert run.returncode == 0
    assert run.stdout.startswith("ecelerity (momentum-trio) ")


def test_a_spool_that_cannot_be_made_is_told_with_its_place(tmp_path: Path) -> None:
    config = tmp_path / "ecelerity.conf"
    (tmp_path / "plain").touch()
    config.write_text(f'SpoolBase = "{tmp_path}/plain"\n')
    run = ecelerity("-c", str(config))
    assert run.returncode == 1
    assert run.stderr == f"ecelerity: spool: {tmp_path}/plain: File exists\n"
