"""Mail through this host to a real server: Postfix's smtp-sink, and this host again."""

from __future__ import annotations

import os
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from host import Host, running, without_trace
from peers import environment, program

pytestmark = pytest.mark.interop

RELAY = """
Hostname = "relay.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Retry_Interval = 1
Domain "example.com" {{ Gateway = "{gateway}" }}
ESMTP_Listener {{ Listen "127.0.0.1:0" {{}} }}
Control_Listener {{ Listen "{folder}/control" {{}} }}
ec_logger "ec_logger" {{
  mainlog = "{folder}/mainlog"  rejectlog = ""  paniclog = "{folder}/paniclog"  acctlog = ""
}}
"""
HEADERS = (
    b"From: Ann <ann@client.example>\r\nSubject: relay\r\nDate: Sun, 22 Nov 2026 18:00:00 +0000\r\n"
    b"Message-ID: <relay@client.example>\r\n\r\n"
)
BODIES = {
    "small": b"Hello\r\n",
    "dots": b".\r\n..\r\n...\r\n.hidden\r\n\r\n.\r\nQUIT\r\n",
    "eightbit": "Grüße aus Köln\r\n".encode(),
    "large": b".0123456789abcdef" * 4 + b"\r\n" + b"0123456789abcdef" * 4 * 65_000 + b"\r\n",
}
SECONDS = 15


def send(port: int, body: bytes, *local_parts: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as client:
        client.sendmail("ann@client.example", [f"{name}@example.com" for name in local_parts], HEADERS + body)


def delivered(folder: Path, count: int) -> list[list[str]]:
    """The D records of the mainlog, once there are so many."""
    limit = time.monotonic() + SECONDS
    while True:
        log = folder / "mainlog"
        lines = [line.split("@") for line in log.read_text().splitlines()] if log.exists() else []
        found = [line for line in lines if len(line) > 4 and line[4] == "D"]
        if len(found) >= count:
            return found
        assert time.monotonic() < limit, lines
        time.sleep(0.05)


@pytest.fixture(scope="module")
def end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with running(tmp_path_factory.mktemp("end")) as host:
        yield host


@pytest.fixture(scope="module")
def relay(end: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("relay")
    with running(folder, RELAY.format(folder=folder, gateway=f"127.0.0.1:{end.port}")) as host:
        yield host


@pytest.mark.parametrize("body", BODIES)
def test_from_one_host_of_ours_to_another(relay: Host, end: Host, body: str) -> None:
    names = [f"one-{body}", f"two-{body}"]
    send(relay.port, BODIES[body], *names)
    for name in names:
        (stored,) = end.wait_for_messages(name, 1)
        inner = without_trace(stored)
        assert inner.startswith(b"Received: from ")
        assert without_trace(b"Return-Path: <>\r\n" + inner) == HEADERS + BODIES[body]


@contextmanager
def smtp_sink(folder: Path, *arguments: str) -> Iterator[int]:
    """Postfix's smtp-sink, which keeps each message in a file of *folder*."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    user = ["-u", "root"] if os.getuid() == 0 else []
    command = [program("smtp-sink"), *user, "-d", f"{folder}/message.", *arguments, f"127.0.0.1:{port}", "20"]
    sink = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        yield port
    finally:
        sink.kill()
        sink.communicate()


@pytest.mark.parametrize("arguments", [(), ("-p",), ("-8",), ("-e",)], ids=" ".join)
def test_to_smtp_sink(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Also one without PIPELINING, without 8BITMIME, without EHLO."""
    kept, folder = tmp_path / "kept", tmp_path / "relay"
    kept.mkdir()
    folder.mkdir()
    with (
        smtp_sink(kept, *arguments) as port,
        running(folder, RELAY.format(folder=folder, gateway=f"127.0.0.1:{port}")) as host,
    ):
        send(host.port, BODIES["dots"], "bob", "carol")
        send(host.port, BODIES["large"], "bob")
        records = delivered(folder, 3)
    assert {(record[5], record[11]) for record in records} == {("127.0.0.1", "127.0.0.1")}
    messages = [file.read_bytes() for file in kept.iterdir()]
    assert len(messages) == 2
    for body, recipients in (("dots", 2), ("large", 1)):
        text = (HEADERS + BODIES[body]).replace(b"\r\n", b"\n")
        (message,) = (message for message in messages if message.rstrip(b"\n").endswith(text.rstrip(b"\n")))
        assert message.count(b"X-Rcpt-Args: <") == recipients
