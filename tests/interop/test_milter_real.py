"""Milters that others wrote: rspamd refuses or marks what comes, OpenDKIM signs what goes on."""

from __future__ import annotations

import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dkim_keys import pem, record, rsa, verifies
from host import CONFIG, Host, running
from peers import environment, program

pytestmark = pytest.mark.interop

HEADERS = (
    b"From: Ann <ann@b.example>\r\nTo: c@example.com\r\nSubject: a milter\r\n"
    b"Date: Sun, 22 Nov 2026 18:00:00 +0000\r\nMessage-ID: <milter@b.example>\r\n\r\n"
)
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
SECONDS = 30

OPENDKIM = """
Syslog no
Mode s
Domain b.example
Selector sel
KeyFile {folder}/key.pem
RequireSafeKeys no
InternalHosts 127.0.0.1
UMask 000
Socket local:{folder}/opendkim.sock
"""
RSPAMD = """
options {{
  pidfile = "{folder}/rspamd.pid"; tempdir = "{folder}"; hs_cache_dir = "{folder}";
  control_socket = "{folder}/rspamd.control";
  url_tld = "{folder}/tld"; history_file = null; filters = ""; gtube_patterns = "all"; local_addrs = [];
  dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "error"; }}
actions {{ reject = 15; add_header = 0; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{port}"; milter = yes; count = 1; timeout = 30s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""
PAGE = Path(__file__).parents[2] / "docs/milter.md"


def milters(folder: Path, port: int) -> str:
    """The configuration that docs/milter.md begins with, for the two that the test has started."""
    text = PAGE.read_text().split("```\n")[1]
    changed = text.replace("127.0.0.1:11332", f"127.0.0.1:{port}").replace("/run/opendkim", str(folder))
    assert changed.count(str(folder)) == changed.count(str(port)) == 1
    return changed


@contextmanager
def started(folder: Path, *command: str, at: str | int) -> Iterator[None]:
    """The program of *command*, once somebody listens *at* a port or a path."""
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        limit = time.monotonic() + SECONDS
        while not _listens(at):
            assert process.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < limit, (folder / "said").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def _listens(at: str | int) -> bool:
    family = socket.AF_UNIX if isinstance(at, str) else socket.AF_INET
    with socket.socket(family) as tried:
        return tried.connect_ex(at if isinstance(at, str) else ("127.0.0.1", at)) == 0


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


@contextmanager
def opendkim(folder: Path) -> Iterator[None]:
    (folder / "key.pem").write_bytes(pem(rsa()))
    (folder / "key.pem").chmod(0o600)
    (folder / "opendkim.conf").write_text(OPENDKIM.format(folder=folder))
    command = (program("opendkim"), "-f", "-x", str(folder / "opendkim.conf"))
    with started(folder, *command, at=f"{folder}/opendkim.sock"):
        yield


@contextmanager
def rspamd(folder: Path, port: int) -> Iterator[None]:
    path = Path(program("rspamd"))
    share = path.parents[1] / "share/rspamd"
    (folder / "tld").write_text("com\nexample\n")  # the whole list takes half a minute to compile
    (folder / "rspamd.conf").write_text(RSPAMD.format(folder=folder, port=port))
    places = {
        "SHAREDIR": share,
        "RULESDIR": share / "rules",
        "LUALIBDIR": share / "lualib",
        "PLUGINSDIR": share / "plugins",
    }
    places |= {"DBDIR": folder, "RUNDIR": folder, "CONFDIR": folder}
    variables = [f"--var={name}={place}" for name, place in places.items()]
    with started(folder, str(path), "-f", "-i", "-c", str(folder / "rspamd.conf"), *variables, at=port):
        yield


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host that asks both; their sockets have short paths."""
    folder, port = Path(tempfile.mkdtemp(prefix="milter")), free_port()
    home = tmp_path_factory.mktemp("host")
    config = CONFIG.format(folder=home, port=0, more=milters(folder, port))
    try:
        with opendkim(folder), rspamd(folder, port), running(home, config) as running_host:
            yield running_host
    finally:
        shutil.rmtree(folder)


def send(host: Host, body: bytes, to: str) -> bytes:
    """What lies in the mailbox afterwards."""
    with smtplib.SMTP("127.0.0.1", host.port, local_hostname="client.example", timeout=SECONDS) as client:
        client.sendmail("ann@b.example", [f"{to}@example.com"], HEADERS + body)
    (message,) = host.wait_for_messages(to, 1)
    return message


@pytest.mark.parametrize("body", [b"Hello\r\n", b"Hello, hello\r\n" * 200_000], ids=["small", "large"])
def test_rspamd_adds_a_field_and_opendkim_signs(host: Host, body: bytes) -> None:
    message = send(host, body, f"signed{len(body)}")
    assert b"\r\nX-Spam: Yes\r\n" in message
    assert b"\r\nDKIM-Signature: v=1; " in message
    assert verifies(message, {b"sel._domainkey.b.example.": record(rsa())})
    assert message.endswith(b"\r\n\r\n" + body)


def test_rspamd_refuses(host: Host) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(host, GTUBE, "refused")
    assert refused.value.args == (554, b"5.7.1 Gtube pattern")
    assert not host.messages("refused")
