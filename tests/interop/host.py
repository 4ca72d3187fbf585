"""A real host in its own process, on ports the kernel chose, with everything below one folder."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 20

CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Domain "example.com" {{
  Delivery_Method = MAILDIR
  Maildir_Path = "{folder}/mail/%d/%l"
}}
ESMTP_Listener {{
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" )
  Listen "127.0.0.1:{port}" {{}}
}}
Control_Listener {{ Listen "{folder}/control" {{}} }}
{more}
"""


class Host:
    """``ecelerity`` started from a configuration text; *ports* tells each TCP endpoint it printed as bound."""

    def __init__(self, folder: Path, config: str, wrapper: tuple[str, ...] = (), *arguments: str) -> None:
        self.folder = folder
        self.config = folder / "ecelerity.conf"
        self.config.write_text(config)
        self.output = folder / "stdout"
        self.errors = folder / "stderr"
        command = [*wrapper, sys.executable, "-m", "momentum_trio", "-c", str(self.config), *arguments]
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL)

    def wait_until_bound(self) -> None:
        """Return when every Listen has been announced; fail with what the host said if it ends or hangs."""
        limit = time.monotonic() + START_SECONDS
        while "console" not in self.said():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(f"the host did not start:\n{self.said()}\n{self.errors.read_text()}")
            time.sleep(0.02)

    def said(self) -> str:
        return self.output.read_text()

    @property
    def port(self) -> int:
        """The port of the (first) ESMTP Listen."""
        found = re.search(r"ESMTP_Listener\b.*?:(\d+)", self.said())
        assert found, self.said()
        return int(found[1])

    @property
    def control(self) -> Path:
        return self.folder / "control"

    def mailbox(self, local_part: str, domain: str = "example.com") -> Path:
        return self.folder / "mail" / domain / local_part / "new"

    def messages(self, local_part: str, domain: str = "example.com") -> list[bytes]:
        """What lies in the mailbox, with the CRLF that a Maildir file stores as LF restored."""
        new = self.mailbox(local_part, domain)
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(new.iterdir())] if new.is_dir() else []

    def wait_for_messages(
        self, local_part: str, count: int, seconds: float = 30, domain: str = "example.com"
    ) -> list[bytes]:
        limit = time.monotonic() + seconds
        new = self.mailbox(local_part, domain)
        while (found := len(list(new.iterdir())) if new.is_dir() else 0) < count:
            assert time.monotonic() < limit, f"{found} of {count} messages after {seconds} s\n{self.errors.read_text()}"
            time.sleep(0.05)
        return self.messages(local_part, domain)

    def console(self, *command: str) -> str:
        """Run one console command with ``ec_console``; its output."""
        run = subprocess.run(
            [sys.executable, "-m", "momentum_trio.cli.ec_console", str(self.control), *command],
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def kill(self) -> None:
        """kill -9: what the page cache holds survives, nothing else does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM and wait; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def running(
    folder: Path, config: str = "", *, port: int = 0, more: str = "", wrapper: tuple[str, ...] = ()
) -> Iterator[Host]:
    """A host for the block; killed at its end if the block did not stop it."""
    text = config or CONFIG.format(folder=folder, port=port, more=more)
    host = Host(folder, text, wrapper)
    try:
        host.wait_until_bound()
        yield host
    finally:
        if host.process.poll() is None:
            host.kill()


def without_trace(message: bytes) -> bytes:
    """*message* less the Return-Path and the one Received line that the host put in front."""
    lines = message.split(b"\r\n")
    assert lines[0].startswith(b"Return-Path: <"), lines[:3]
    assert lines[1].startswith(b"Received: from "), lines[:3]
    rest = 2
    while lines[rest][:1] in (b" ", b"\t"):
        rest += 1
    return b"\r\n".join(lines[rest:])
