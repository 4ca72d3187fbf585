"""Exim and Postfix hand mail on to this host: chunks, pipelining, notifications, TLS that is verified and AUTH."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from host import Host, running
from mail_servers import CERTIFICATES, needs_root, postfix, through_exim
from test_chain_real import BODIES, own_folder
from test_relay_real import HEADERS
from test_secure_clients import PASSWORD, TLS, USER, secrets
from wiretap import Wiretap

pytestmark = [pytest.mark.interop, needs_root]

__all__ = ["own_folder"]

HOST = """
Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR  Maildir_Path = "{folder}/mail/%d/%l" }}
Domain "client.example" {{ Delivery_Method = MAILDIR  Maildir_Path = "{folder}/mail/%d/%l" }}
ESMTP_Listener {{
  SMTP_Extensions = ( "CHUNKING" "DSN" "SMTPUTF8" "ENHANCEDSTATUSCODES" {more} )
  AuthPlainParameters = [ uri = "hashed://{folder}/hashed" ]
  AuthLoginParameters = [ uri = "file://{folder}/file" ]
  AuthCramMD5Parameters = [ uri = "file://{folder}/file" ]
  {options}
  Listen "127.0.0.1:0" {{}}
}}
Control_Listener {{ Listen "{folder}/control" {{}} }}
"""
NOTICE = {
    b"Original-Envelope-Id: QQ314159",
    b"Original-Recipient: rfc822;bob+x@else.example",
    b"Action: delivered",
}


@contextmanager
def taking(folder: Path, more: str = "", options: str = "") -> Iterator[Host]:
    folder.mkdir()
    secrets(folder)
    with running(folder, HOST.format(folder=folder, more=more, options=options)) as host:
        yield host


def transaction(body: bytes, *recipients: str, mail: str = "", rcpt: str = "") -> bytes:
    """What a client says to Exim for one message."""
    content = re.sub(rb"(?m)^\.", b"..", HEADERS + body)
    named = "".join(f"RCPT TO:<{name}@example.com>{rcpt}\r\n" for name in recipients)
    return f"MAIL FROM:<ann@client.example> BODY=8BITMIME{mail}\r\n{named}DATA\r\n".encode() + content + b".\r\n"


def session(*transactions: bytes) -> bytes:
    return b"EHLO client.example\r\n" + b"".join(transactions) + b"QUIT\r\n"


def test_exim_in_chunks(own_folder: Path) -> None:
    """Each body comes whole, to two recipients, as one chunk after another; commands come together."""
    words = session(*(transaction(BODIES[body], f"one-{body}", f"two-{body}") for body in BODIES))
    with taking(own_folder / "end") as host, Wiretap(host.port) as tap:
        through_exim(own_folder / "exim", words, tap.port, USER, PASSWORD)
        for body in BODIES:
            for name in ("one", "two"):
                (stored,) = host.wait_for_messages(f"{name}-{body}", 1)
                assert stored.endswith(HEADERS + BODIES[body])
    sent = b"".join(tap.bursts)
    assert len(re.findall(rb"(?m)^BDAT \d+ LAST\r$", sent)) == len(BODIES)
    assert re.search(rb"(?m)^BDAT \d+\r$", sent)  # the large one: first its header section
    assert re.search(rb"(?m)^DATA\r$", sent) is None
    assert any(burst.startswith(b"MAIL FROM:") and burst.count(b"RCPT TO:") == 2 for burst in tap.bursts)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_exim_within_tls_that_it_verifies_and_authenticated(own_folder: Path, mechanism: str) -> None:
    wanted = ["hosts_require_tls = *", "tls_verify_hosts = *", f"tls_verify_certificates = {own_folder}/authority.pem"]
    wanted += ["hosts_require_auth = *", "tls_verify_cert_hostnames ="]
    (own_folder / "authority.pem").write_bytes((CERTIFICATES / "authority.pem").read_bytes())
    offered = f'"STARTTLS" "AUTH {mechanism}"'
    with taking(own_folder / "end", offered, f"{TLS} Enable_Authentication = true") as host:
        words = session(transaction(BODIES["dots"], "bob"))
        through_exim(own_folder / "exim", words, host.port, USER, PASSWORD, *wanted)
        (stored,) = host.wait_for_messages("bob", 1)
    assert stored.endswith(HEADERS + BODIES["dots"])
    assert b"with ESMTPSA (cipher=" in stored.partition(b"\r\n\tid ")[0]


def noticed(host: Host) -> None:
    """The client's own mailbox has the one report of a delivery that he asked for."""
    host.wait_for_messages("bob", 1)
    (report,) = host.wait_for_messages("ann", 1, domain="client.example")
    assert set(report.splitlines()) >= NOTICE, report


def test_exim_hands_on_what_the_client_wants_to_be_told(own_folder: Path) -> None:
    mail, rcpt = " RET=HDRS ENVID=QQ314159", " NOTIFY=SUCCESS ORCPT=rfc822;bob+2Bx@else.example"
    words = session(transaction(BODIES["small"], "bob", mail=mail, rcpt=rcpt))
    with taking(own_folder / "end", options='Relay_Hosts = ( "127.0.0.1" )') as host:
        through_exim(own_folder / "exim", words, host.port, USER, PASSWORD)
        noticed(host)


def test_postfix_pipelined_with_what_the_client_wants_to_be_told(own_folder: Path) -> None:
    with (
        taking(own_folder / "end", options='Relay_Hosts = ( "127.0.0.1" )') as host,
        Wiretap(host.port) as tap,
        postfix(own_folder / "postfix", tap.port) as port,
    ):
        with smtplib.SMTP("localhost", port) as client:
            client.starttls()
            wish = ["NOTIFY=SUCCESS", "ORCPT=rfc822;bob+2Bx@else.example"]
            client.sendmail(
                "ann@client.example",
                ["bob@example.com"],
                HEADERS + BODIES["dots"],
                ["RET=HDRS", "ENVID=QQ314159"],
                wish,
            )
        noticed(host)
        (stored,) = host.messages("bob")
    assert stored.endswith(HEADERS + BODIES["dots"])
    together = rb"MAIL FROM:<ann@client\.example>[^\r]*\r\nRCPT TO:<bob@example\.com> [^\r]*\r\nDATA\r\n"
    assert any(re.match(together, burst) for burst in tap.bursts), tap.bursts
