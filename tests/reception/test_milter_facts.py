"""What a milter is told of a session: each fact under the name that Sendmail gave it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.protocol.milter.command import Connect, Family, Mail, Rcpt
from momentum_trio.reception.policy import facts
from momentum_trio.reception.policy.facts import Asked, Session
from momentum_trio.reception.policy.milter_facts import connect_of, macros_of, mail_of, rcpt_of

SESSION = Session(
    connection_id="1",
    peer_address=ip_address("192.0.2.7"),
    peer="192.0.2.7:4711",
    local="198.51.100.1:25",
    is_unix=False,
    protocol="esmtp",
    hostname="mx.example",
    hello="client.example",
    extended=True,
    tls=None,
    user="",
    mechanism="",
    may_relay=False,
    pathway="",
    variables={},
)
MAIL = facts.Mail("ann@b.example", ("c@example.com",), "8BITMIME", True, {})


def test_clients() -> None:
    six = replace(SESSION, peer_address=ip_address("2001:db8::1"), peer="[2001:db8::1]:4711", local="[2001:db8::2]:25")
    unix = replace(SESSION, peer_address=ip_address("127.0.0.1"), peer="", local="/run/smtp", is_unix=True)
    assert connect_of(SESSION) == Connect(b"unknown", Family.INET, 4711, b"192.0.2.7")
    assert connect_of(six) == Connect(b"unknown", Family.INET6, 4711, b"2001:db8::1")
    assert connect_of(unix) == Connect(b"localhost", Family.UNIX, 0, b"/run/smtp")
    assert macros_of(Asked(six)).items() >= {"{daemon_addr}": "2001:db8::2", "{daemon_port}": "25"}.items()
    assert macros_of(Asked(unix)).items() >= {"_": "localhost [127.0.0.1]", "{daemon_port}": ""}.items()
    assert connect_of(replace(SESSION, peer="192.0.2.7")).port == 0  # a proxy that does not say it


def test_envelopes() -> None:
    assert mail_of(MAIL) == Mail(b"<ann@b.example>", (b"BODY=8BITMIME", b"SMTPUTF8"))
    assert mail_of(replace(MAIL, reverse_path="", body="", smtputf8=False)) == Mail(b"<>")
    assert rcpt_of("grün@example.com") == Rcpt("<grün@example.com>".encode())
    told = macros_of(Asked(SESSION, MAIL, recipient="c@example.com"))
    assert told["{mail_host}"] == "b.example"
    assert told["{rcpt_host}"] == "example.com"
    assert not macros_of(Asked(SESSION, MAIL))["{rcpt_mailer}"]


def test_who_has_proved_what() -> None:
    session = replace(
        SESSION, user="ann", mechanism="PLAIN", tls=TlsFacts("TLSv1.3", "AES", 256, True, "/CN=a", "a", "/CN=b", "b")
    )
    assert (
        macros_of(Asked(session)).items()
        >= {
            "{auth_type}": "PLAIN",
            "{auth_authen}": "ann",
            "{tls_version}": "TLSv1.3",
            "{cipher}": "AES",
            "{cipher_bits}": "256",
            "{cert_subject}": "/CN=a",
            "{cert_issuer}": "/CN=b",
            "{verify}": "OK",
        }.items()
    )
    assert "{tls_version}" not in macros_of(Asked(SESSION))
