"""Real clients: what lies in the Maildir is, octet for octet, what went over the wire."""

from __future__ import annotations

import smtplib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host import Host, running, without_trace
from peers import environment, program
from wiretap import Wiretap

pytestmark = pytest.mark.interop

HEADERS = (
    "From: Ann <ann@client.example>\n"
    "To: {to}@example.com\n"
    "Subject: {subject}\n"
    "Date: Sun, 22 Nov 2026 18:00:00 +0000\n"
    "Message-ID: <{subject}.{to}@client.example>\n"
    "MIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: 8bit\n"
    "\n"
)
LARGE_OCTETS = 10_000_000
BODIES = {
    "ascii": "Hello,\n\nthis is plain.\n",
    "eightbit": "Grüße aus Köln, žluťoučký kůň, 你好\n",
    "dots": ".\n..\n...\n.hidden\n\n.\nquit\n..end\n",
    "large": ("0123456789abcdef" * 4 + "\n") * (LARGE_OCTETS // 65),
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with running(tmp_path_factory.mktemp("host")) as host:
        yield host


def send_smtplib(port: int, to: str, message: bytes, file: Path) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as client:
        client.sendmail("ann@client.example", [f"{to}@example.com"], message.replace(b"\n", b"\r\n"), ["BODY=8BITMIME"])


def send_swaks(port: int, to: str, message: bytes, file: Path) -> None:
    command = [program("swaks"), "--server", "127.0.0.1", "--port", str(port), "--helo", "client.example"]
    command += ["--from", "ann@client.example", "--to", f"{to}@example.com", "--data", f"@{file}", "--suppress-data"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment())


def send_curl(port: int, to: str, message: bytes, file: Path) -> None:
    command = [program("curl"), "--silent", "--show-error", "--crlf", f"smtp://127.0.0.1:{port}/client.example"]
    command += ["--mail-from", "ann@client.example", "--mail-rcpt", f"{to}@example.com", "--upload-file", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment())


def send_s_nail(port: int, to: str, message: bytes, file: Path) -> None:
    settings = [
        "v15-compat",
        f"mta=smtp://127.0.0.1:{port}",
        "smtp-auth=none",
        "from=ann@client.example",
        "hostname=client.example",
    ]
    settings += ["smtp-hostname=client.example", "ttycharset=utf-8"]
    command = [program("s-nail"), "-:/", *(f"-S{setting}" for setting in settings), "-s", "nail", f"{to}@example.com"]
    body = message.partition(b"\n\n")[2]
    subprocess.run(command, input=body, check=True, capture_output=True, timeout=60, env=environment())


CLIENTS: dict[str, Callable[[int, str, bytes, Path], None]] = {
    "smtplib": send_smtplib,
    "swaks": send_swaks,
    "curl": send_curl,
    "s-nail": send_s_nail,
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_octets_in_the_maildir_are_the_octets_sent(host: Host, client: str, body: str, tmp_path: Path) -> None:
    to = f"{client}-{body}"
    message = (HEADERS.format(to=to, subject=body) + BODIES[body]).encode()
    file = tmp_path / "message"
    file.write_bytes(message)
    with Wiretap(host.port) as tap:
        CLIENTS[client](tap.port, to, message, file)
    (stored,) = host.wait_for_messages(to, 1)
    assert without_trace(stored) == tap.content()
    if client == "smtplib":  # it alone is told each octet to send
        assert tap.content() == message.replace(b"\n", b"\r\n")
