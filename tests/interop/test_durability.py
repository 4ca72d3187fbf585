"""What is answered 250 is on disk: a load of many sessions, kill -9 under it, and the order of system calls."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from host import Host, running
from peers import environment, program

pytestmark = pytest.mark.interop

# `make test` keeps these small; `make campaign` runs them whole.
LOAD_MESSAGES = int(os.environ.get("MOMENTUM_LOAD", "1000"))
KILLS = int(os.environ.get("MOMENTUM_KILLS", "3"))
SESSIONS = 50


def test_smtp_source_load_arrives_once_each(tmp_path: Path) -> None:
    with running(tmp_path) as host:
        command = [
            program("smtp-source"),
            "-4",
            "-N",
            "-d",
            "-s",
            str(SESSIONS),
            "-m",
            str(LOAD_MESSAGES),
            "-l",
            "1024",
        ]
        command += ["-f", "load@client.example", "-t", "load@example.com", f"inet:127.0.0.1:{host.port}"]
        # -N makes each recipient address different: 1load@example.com, 2load@example.com, ...
        subprocess.run([*command], check=True, capture_output=True, timeout=300, env=environment())
        limit = time.monotonic() + 300
        while len(found := list((host.folder / "mail").glob("example.com/*/new/*"))) < LOAD_MESSAGES:
            assert time.monotonic() < limit, f"{len(found)} of {LOAD_MESSAGES}"
            time.sleep(0.2)
        assert len(found) == LOAD_MESSAGES
        assert len({path.parent.parent.name for path in found}) == LOAD_MESSAGES


class Load:
    """Sessions that send numbered messages as fast as they are answered, and note which numbers got a 250."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.accepted: set[str] = set()
        self._threads = [threading.Thread(target=self._session, args=(number,)) for number in range(10)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _session(self, number: int) -> None:
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=10) as session,
                session.makefile("rb") as replies,
            ):
                self._expect(replies.readline(), b"220")
                session.sendall(b"HELO client.example\r\n")
                self._expect(replies.readline(), b"250")
                for count in range(10**9):
                    name = f"m{self.port}-{number}-{count}"
                    content = f"Subject: {name}\r\nFrom: <a@b.example>\r\n\r\nx\r\n.\r\n"
                    for line in ("MAIL FROM:<a@b.example>\r\n", "RCPT TO:<load@example.com>\r\n", "DATA\r\n"):
                        session.sendall(line.encode())
                        self._expect(replies.readline(), b"354" if line == "DATA\r\n" else b"250")
                    session.sendall(content.encode())
                    self._expect(replies.readline(), b"250")
                    self.accepted.add(name)
        except OSError:
            return

    @staticmethod
    def _expect(line: bytes, code: bytes) -> None:
        if not line.startswith(code):
            raise ConnectionAbortedError(line)


def test_kill_9_loses_nothing_that_was_answered_250(tmp_path: Path) -> None:
    seed = int(os.environ.get("MOMENTUM_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    print(f"seed {seed}: replay with MOMENTUM_SEED={seed}")
    moments = random.Random(seed)
    accepted: set[str] = set()
    for _ in range(KILLS):
        with running(tmp_path) as host:
            load = Load(host.port)
            load.start()
            time.sleep(moments.uniform(0.05, 1.0))
            host.kill()
            load.join()
            accepted |= load.accepted
    assert accepted
    with running(tmp_path) as host:
        names = _names_when_settled(host, accepted)
    assert accepted <= names, (
        f"seed {seed}: {len(accepted - names)} of {len(accepted)} lost, such as {sorted(accepted - names)[:3]}"
    )


def _names_when_settled(host: Host, expected: set[str]) -> set[str]:
    """The subjects in the mailbox once all that are *expected* are there, or nothing new has come for five seconds."""
    names: dict[Path, str] = {}
    quiet_since = time.monotonic()
    while not expected <= set(names.values()) and time.monotonic() < quiet_since + 5:
        for path in host.mailbox("load").iterdir():
            if path not in names:
                subject = re.search(rb"^Subject: (\S+)$", path.read_bytes(), re.MULTILINE)
                assert subject, f"{path} is not a whole message"
                names[path] = subject[1].decode()
                quiet_since = time.monotonic()
        time.sleep(0.05)
    return set(names.values())


def test_a_sync_returns_before_each_250(tmp_path: Path) -> None:
    """strace: between the message's last octet arriving and the 250 leaving, fdatasync (or fsync) has returned 0."""
    strace, trace = program("strace"), tmp_path / "trace"
    calls = "fdatasync,fsync,write,read"
    wrapper = (strace, "-f", "-qq", "-s", "64", "-e", f"trace={calls}", "-o", str(trace))
    with running(tmp_path, wrapper=wrapper) as host:
        for count in range(3):
            with (
                socket.create_connection(("127.0.0.1", host.port), timeout=20) as session,
                session.makefile("rb") as replies,
            ):
                replies.readline()
                for line in ("HELO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<traced@example.com>", "DATA"):
                    session.sendall(f"{line}\r\n".encode())
                    replies.readline()
                session.sendall(f"Subject: {count}\r\n\r\nbody\r\n.\r\n".encode())
                assert replies.readline().startswith(b"250")
        pid = int(
            subprocess.run(
                ["pgrep", "-P", str(host.process.pid)], capture_output=True, text=True, check=True
            ).stdout.split()[0]
        )
        os.kill(pid, signal.SIGTERM)
        host.process.wait(20)
    lines = trace.read_text().splitlines()
    ends = [n for n, line in enumerate(lines) if "read" in line and r"\r\n.\r\n" in line]
    answers = [n for n, line in enumerate(lines) if re.search(r"write\(.*\"250 2\.0\.0 OK", line)]
    assert len(ends) == len(answers) == 3
    for end, answer in zip(ends, answers, strict=True):
        synced = [line for line in lines[end:answer] if re.search(r"f(data)?sync(\(\d+\)| resumed>\)) += 0", line)]
        assert synced, lines[end : answer + 1]
