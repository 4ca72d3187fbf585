"""The machine's os_ forms beside the disk: sockets handed over, signals, limits, TLS words, the gate."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from momentum_trio.machine.os_clock import OsClock
from momentum_trio.machine.os_entropy import OsEntropy
from momentum_trio.machine.os_gate import OsGate
from momentum_trio.machine.os_process import OsProcess
from momentum_trio.machine.os_tls import excluded, make_context
from momentum_trio.machine.os_work import OsWork
from momentum_trio.net.capability import Capabilities
from momentum_trio.net.tls_terms import TlsTerms

ADOPTING = """
import os, socket, sys, trio
sys.path.insert(0, sys.argv[1])
from momentum_trio.machine.os_adopted import OsAdopted
environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "3", "LISTEN_FDNAMES": "smtp:smtp:console"}
async def main():
    adopted = OsAdopted(environment)
    found = adopted.listeners()
    print({name: [s.getsockname()[1] for s in group] for name, group in found.items()}, adopted.listeners())
trio.run(main)
"""


def test_systemds_sockets_are_adopted_once_and_those_that_do_not_listen_are_not() -> None:
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
            one.listen()
        handed = (first.fileno(), second.fileno(), third.fileno())
        program = f"""import os
for number, descriptor in enumerate({handed}):
    os.dup2(descriptor, 50 + number)
for number in range(3):
    os.dup2(50 + number, 3 + number)
"""
        run = subprocess.run(
            [sys.executable, "-c", program + ADOPTING, str(Path(__file__).resolve().parents[2])],
            capture_output=True,
            text=True,
            pass_fds=handed,
            timeout=30,
        )
        ports = [first.getsockname()[1], second.getsockname()[1]]
    assert run.stdout.strip() == f"{{'smtp': {ports}}} {{}}", run.stderr


async def test_signals_come_by_name() -> None:
    async with OsProcess().signals("SIGUSR1", "SIGUSR2") as arrivals:
        for number in (signal.SIGUSR2, signal.SIGUSR1):
            os.kill(os.getpid(), number)
            with trio.fail_after(5):
                assert await anext(arrivals) == number.name


def test_the_process_tells_its_facts() -> None:
    process = OsProcess()
    assert process.pid == os.getpid()
    assert process.hostname == socket.gethostname()
    assert process.user_name(0) == "root"
    assert process.user_name(4_000_000_000) == "4000000000"
    before = os.umask(0o22)
    os.umask(before)
    with process.umask(0o177):
        assert os.umask(0o177) == 0o177
    assert os.umask(before) == before
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert process.raise_descriptors_max(1) == soft == process.descriptors_max()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        assert process.raise_descriptors_max(257) == 257
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_clock_entropy_and_work() -> None:
    assert OsClock().now() > 1_700_000_000
    entropy = OsEntropy()
    assert len(entropy.octets(16)) == 16
    assert 0 <= entropy.fraction() < 1
    assert await OsWork().run(lambda: 6 * 7) == 42


def test_privileges_are_not_touched_for_an_unknown_user() -> None:
    with pytest.raises(LookupError):
        OsProcess().identity("nobody-of-that-name", "nogroup", (), Capabilities())
    assert os.getuid() == os.geteuid()


@pytest.mark.parametrize(
    ("words", "spoken"),
    [
        ("+ALL", {"TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"}),
        ("+ALL:-TLSv1:-TLSv1.1", {"TLSv1_2", "TLSv1_3"}),
        ("TLSv1.2, TLSv1.3", {"TLSv1_2", "TLSv1_3"}),
        ("+TLSv1.3 -SSLv3", {"TLSv1_3"}),
    ],
)
def test_tls_protocols(words: str, spoken: set[str]) -> None:
    import ssl

    options = excluded(words)
    names = ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3")
    assert {name for name in names if not options & getattr(ssl, f"OP_NO_{name}")} == spoken


def test_tls_words_that_do_not_exist_are_said() -> None:
    with pytest.raises(ValueError, match="no such protocol: TLSV9"):
        excluded("+ALL -TLSv9")
    with pytest.raises(OSError, match="No such file"):
        make_context(TlsTerms("/nowhere.pem", ""))


@pytest.mark.usefixtures("socket_filter")
async def test_a_shut_gate_holds_newcomers_off_and_keeps_those_in_the_queue() -> None:
    listening = trio.socket.socket()
    await listening.bind(("127.0.0.1", 0))
    listening.listen()
    early = await trio.open_tcp_stream(*listening.getsockname())
    assert OsGate().shut(listening)
    with trio.move_on_after(0.2) as late:
        await trio.open_tcp_stream(*listening.getsockname())
    assert late.cancelled_caught
    accepted, _ = await listening.accept()
    await accepted.send(b"x")
    assert await early.receive_some(1) == b"x"
    for closed in (listening, accepted, early.socket):
        closed.close()
