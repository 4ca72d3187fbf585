"""Real clients within TLS, and who they prove to be: STARTTLS, TLS from the first octet, each mechanism of AUTH."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from host import CONFIG, Host, running, without_trace
from mail_servers import CERTIFICATES, free_port, needs_root, postfix
from peers import environment, program
from test_chain_real import arrived, own_folder
from test_relay_real import RELAY, delivered, send

from momentum_trio.protocol.sasl.digest_md5 import digest_of
from momentum_trio.protocol.sasl.password_hash import SALT_OCTETS, made

pytestmark = pytest.mark.interop

__all__ = ["own_folder"]

USER, PASSWORD = "ann", "s3cret:word"
MESSAGE = (
    b"From: Ann <ann@client.example>\r\nTo: Bob <bob@example.com>\r\nSubject: secure\r\n"
    b"Date: Sun, 22 Nov 2026 18:00:00 +0000\r\nMessage-ID: <secure@client.example>\r\n\r\nHello\r\n.dot\r\n"
)
TLS = f'TLS_Certificate = "{CERTIFICATES}/server.pem" TLS_Key = "{CERTIFICATES}/server.key"'
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5")
OFFERED = '"STARTTLS" ' + " ".join(f'"AUTH {name}"' for name in MECHANISMS)
LISTENER = """
ESMTP_Listener {{
  {tls} SMTP_Extensions = ( {offered} )
  AuthPlainParameters = [ uri = "hashed://{folder}/hashed" ]
  AuthLoginParameters = [ uri = "file://{folder}/file" ]
  AuthCramMD5Parameters = [ uri = "file://{folder}/file" ]
  AuthDigestMD5Parameters = [ uri = "digest://{folder}/digest" ]
  Enable_Authentication = {enable}
  Listen "127.0.0.1:{implicit}" {{ Use_SSL = true }}
}}
"""


def secrets(folder: Path) -> None:
    """The files of secrets, which know one user."""
    (folder / "file").write_text(f"{USER}:{PASSWORD}\n")
    (folder / "hashed").write_text(f"{USER}:{made('scrypt', PASSWORD, b's' * SALT_OCTETS)}\n")
    (folder / "digest").write_text(f"{USER}:mail.example.com:{digest_of(USER, 'mail.example.com', PASSWORD)}\n")


def configured(folder: Path, implicit: int, *, enable: str = "true") -> str:
    """A host with STARTTLS at the Listen of CONFIG, and TLS from the first octet at *implicit*."""
    listener = LISTENER.format(tls=TLS, offered=OFFERED, folder=folder, enable=enable, implicit=implicit)
    plain = CONFIG.format(folder=folder, port=0, more="")
    return plain.replace('SMTP_Extensions = ( "ENHANCEDSTATUSCODES" )\n', "") + listener


class Secure:
    """A host, and the port of its Listen with Use_SSL."""

    def __init__(self, host: Host, implicit: int) -> None:
        self.host, self.implicit = host, implicit


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder, implicit = tmp_path_factory.mktemp("host"), free_port()
    secrets(folder)
    with running(folder, configured(folder, implicit)) as host:
        yield Secure(host, implicit)


def with_words(secure: Secure, to: str, words: bytes) -> None:
    """The message to *to* has come, and its trace says *words*."""
    (stored,) = secure.host.wait_for_messages(to, 1)
    received = stored.partition(b"\r\n\tid ")[0] + b"\r\n"
    assert words in received, received
    assert without_trace(stored).rstrip(b"\r\n") == MESSAGE.rstrip(b"\r\n")  # swaks sends a blank line more


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATES / "authority.pem"))


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_smtplib(secure: Secure, mechanism: str, implicit: bool) -> None:
    to = f"smtplib-{mechanism}-{implicit}".lower()
    client: smtplib.SMTP
    if implicit:
        client = smtplib.SMTP_SSL("localhost", secure.implicit, context=trusting())
    else:
        client = smtplib.SMTP("localhost", secure.host.port)
        client.starttls(context=trusting())
    with client:
        client.ehlo()
        client.user, client.password = USER, PASSWORD
        method = getattr(client, f"auth_{mechanism.lower().replace('-', '_')}")
        assert client.auth(mechanism, method)[0] == 235
        client.sendmail("ann@client.example", [f"{to}@example.com"], MESSAGE)
    with_words(secure, to, b"with ESMTPSA (cipher=")


def swaks(secure: Secure, to: str, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file.write_bytes(MESSAGE.replace(b"\r\n", b"\n"))
    command = [program("swaks"), "--server", "127.0.0.1", "--helo", "client.example", "--from", "ann@client.example"]
    command += ["--to", f"{to}@example.com", "--data", f"@{file}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())


def supported(feature: str) -> None:
    """Skip where swaks lacks a module of Perl."""
    said = subprocess.run([program("swaks"), "--support"], capture_output=True, text=True, env=environment()).stdout
    if f"=== {feature} supported" not in said:
        pytest.skip(f"swaks has no {feature} here: run .ci/peers")


WAYS = {"clear": [], "starttls": ["--tls"], "implicit": ["--tls-on-connect"]}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_swaks(secure: Secure, mechanism: str, way: str, tmp_path: Path) -> None:
    if mechanism in ("CRAM-MD5", "DIGEST-MD5"):
        supported(f"AUTH {mechanism}")
    if way != "clear":
        supported("TLS")
    to, port = f"swaks-{mechanism}-{way}".lower(), secure.implicit if way == "implicit" else secure.host.port
    login = ["--auth", mechanism, "--auth-user", USER, "--auth-password", PASSWORD, "--port", str(port)]
    ran = swaks(secure, to, tmp_path / "message", *login, *WAYS[way])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with_words(secure, to, b"with ESMTPA\r\n" if way == "clear" else b"with ESMTPSA (cipher=")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_swaks_with_a_wrong_password(secure: Secure, mechanism: str, tmp_path: Path) -> None:
    if mechanism in ("CRAM-MD5", "DIGEST-MD5"):
        supported(f"AUTH {mechanism}")
    login = ["--auth", mechanism, "--auth-user", USER, "--auth-password", "wrong", "--port", str(secure.host.port)]
    ran = swaks(secure, "nobody", tmp_path / "message", *login)
    assert ran.returncode == 28  # "error during authentication"
    assert "535 5.7.8" in ran.stdout


@pytest.mark.parametrize("implicit", [False, True])
def test_curl(secure: Secure, implicit: bool, tmp_path: Path) -> None:
    to, file = f"curl-{implicit}".lower(), tmp_path / "message"
    file.write_bytes(MESSAGE)
    place = f"smtps://localhost:{secure.implicit}" if implicit else f"smtp://localhost:{secure.host.port}"
    command = [program("curl"), "--silent", "--show-error", "--ssl-reqd", "--cacert", f"{CERTIFICATES}/authority.pem"]
    command += ["--user", f"{USER}:{PASSWORD}", "--mail-from", "ann@client.example", "--upload-file", str(file)]
    command += ["--mail-rcpt", f"{to}@example.com", f"{place}/client.example"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment())
    with_words(secure, to, b"with ESMTPSA (cipher=")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("implicit", [False, True])
def test_openssl(secure: Secure, version: str, implicit: bool) -> None:
    port = secure.implicit if implicit else secure.host.port
    command = [program("openssl"), "s_client", version, "-connect", f"localhost:{port}", "-quiet"]
    command += ["-CAfile", f"{CERTIFICATES}/authority.pem", "-verify_return_error", "-verify_hostname", "localhost"]
    command += ["-crlf", *(() if implicit else ("-starttls", "smtp"))]
    ran = subprocess.run(command, input="EHLO a\nQUIT\n", capture_output=True, text=True, timeout=60)
    assert "221 2.0.0 mail.example.com closing connection" in ran.stdout, ran.stdout + ran.stderr


def test_openssl_finds_no_old_protocol(secure: Secure) -> None:
    command = [program("openssl"), "s_client", "-connect", f"localhost:{secure.implicit}", "-tls1_1"]
    ran = subprocess.run(
        [*command, "-cipher", "ALL:@SECLEVEL=0"], input="QUIT\n", capture_output=True, text=True, timeout=60
    )
    assert ran.returncode != 0
    assert "closing connection" not in ran.stdout


def test_a_browser_and_a_client_in_clear_at_the_port_of_tls(secure: Secure) -> None:
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        smtplib.SMTP("localhost", secure.implicit, timeout=10).noop()


def test_our_own_client(secure: Secure, tmp_path: Path) -> None:
    """Delivery of one host to the listener of another, within TLS that it verifies, and authenticated."""
    options = f"""
TLS = required TLS_Verify = ca TLS_CA = "{CERTIFICATES}/authority.pem"
Outbound_SMTP_AUTH_Type = PLAIN Outbound_SMTP_AUTH_User = "{USER}" Outbound_SMTP_AUTH_Pass = "{PASSWORD}"
"""
    text = RELAY.format(folder=tmp_path, gateway=f"127.0.0.1:{secure.host.port}") + options
    with running(tmp_path, text) as relay:
        send(relay.port, b"Hello\r\n", "own")
        delivered(tmp_path, 1)
    (stored,) = secure.host.wait_for_messages("own", 1)
    assert b"with ESMTPSA (cipher=" in stored.partition(b"\r\n\tid ")[0]


@needs_root
def test_postfix_within_tls(own_folder: Path) -> None:
    """A client, Postfix, and this host, to which it speaks TLS where it is offered."""
    end = own_folder / "end"
    end.mkdir()
    secrets(end)
    with (
        running(end, configured(end, free_port(), enable="false")) as host,
        postfix(own_folder / "postfix", host.port) as port,
    ):
        with smtplib.SMTP("localhost", port) as client:
            client.starttls()
            client.sendmail("ann@client.example", ["bob@example.com"], MESSAGE)
        (message,) = arrived(host.mailbox("bob").parent, 1)
    assert b"helo=postfix.example)" in message
    assert b"with ESMTPS (cipher=" in message.partition(b"\r\n\tid ")[0]
