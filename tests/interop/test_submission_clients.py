"""msmtp and nodemailer: each mechanism of AUTH that they have, in clear, behind STARTTLS and within TLS."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from mail_servers import CERTIFICATES
from peers import CACHE, environment, program
from test_secure_clients import MECHANISMS, MESSAGE, PASSWORD, USER, WAYS, Secure, secure, with_words

pytestmark = pytest.mark.interop

__all__ = ["secure"]

AUTHORITY = CERTIFICATES / "authority.pem"
SCRIPT = Path(__file__).with_name("nodemailer.js")


def port_of(secure: Secure, way: str) -> int:
    return secure.implicit if way == "implicit" else secure.host.port


def said_in_trace(way: str) -> bytes:
    return b"with ESMTPA\r\n" if way == "clear" else b"with ESMTPSA (cipher="


def msmtp(secure: Secure, way: str, mechanism: str, password: str, to: str) -> subprocess.CompletedProcess[bytes]:
    tls = ["--tls=off"] if way == "clear" else ["--tls=on", f"--tls-trust-file={AUTHORITY}"]
    command = [program("msmtp"), "--host=localhost", f"--port={port_of(secure, way)}", *tls]
    command += [f"--tls-starttls={'on' if way == 'starttls' else 'off'}", "--domain=client.example"]
    command += [f"--auth={mechanism.lower()}", f"--user={USER}", f"--passwordeval=echo {password}"]
    command += ["--from=ann@client.example", f"{to}@example.com"]
    return subprocess.run(
        command, input=MESSAGE.replace(b"\r\n", b"\n"), capture_output=True, timeout=60, env=environment()
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_msmtp(secure: Secure, mechanism: str, way: str) -> None:
    to = f"msmtp-{mechanism}-{way}".lower()
    ran = msmtp(secure, way, mechanism, PASSWORD, to)
    assert ran.returncode == 0, ran.stderr
    with_words(secure, to, said_in_trace(way))


def test_msmtp_with_a_wrong_password(secure: Secure) -> None:
    ran = msmtp(secure, "starttls", "PLAIN", "wrong", "nobody")
    assert ran.returncode == 77  # EX_NOPERM
    assert b"535 5.7.8" in ran.stderr


def nodemailer(secure: Secure, way: str, mechanism: str, to: str, file: Path) -> subprocess.CompletedProcess[str]:
    library = CACHE / "usr/share/nodejs"
    if not library.is_dir():
        program("nodemailer")  # says why not
    file.write_bytes(MESSAGE)
    transport = {
        "host": "localhost",
        "port": port_of(secure, way),
        "name": "client.example",
        "secure": way == "implicit",
        "ignoreTLS": way == "clear",
        "requireTLS": way == "starttls",
        "tls": {"ca": AUTHORITY.read_text()},
        "auth": {"user": USER, "pass": PASSWORD},
        "authMethod": mechanism,
    }
    envelope = {"from": "ann@client.example", "to": [f"{to}@example.com"]}
    said = json.dumps({"transport": transport, "envelope": envelope, "file": str(file)})
    env = environment() | {"NODE_PATH": str(library)}
    return subprocess.run([program("node"), str(SCRIPT), said], capture_output=True, text=True, timeout=60, env=env)


@pytest.mark.parametrize(
    ("mechanism", "way"),
    [("PLAIN", "clear"), ("PLAIN", "starttls"), ("PLAIN", "implicit"), ("LOGIN", "starttls"), ("CRAM-MD5", "clear")],
)
def test_nodemailer(secure: Secure, mechanism: str, way: str, tmp_path: Path) -> None:
    to = f"nodemailer-{mechanism}-{way}".lower()
    ran = nodemailer(secure, way, mechanism, to, tmp_path / "message")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["accepted"] == [f"{to}@example.com"]
    with_words(secure, to, said_in_trace(way))
