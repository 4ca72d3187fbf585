"""Over real loopback and the real spool: the Authentication-Results of a message as its reader gets them."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from email import message_from_bytes
from pathlib import Path

import trio
from dkim_keys import pem, private, record
from esmtp_host import BASIC, host

from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.dns_records import DnsAnswer, NoRecords, Question, Records
from momentum_trio.protocol.dkim.canonical import BodyHash, Canon
from momentum_trio.protocol.dkim.key import Key
from momentum_trio.protocol.dkim.signature import Algorithm, Signature, SignatureTerms, header_fields
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.spool.spool import SpoolTerms, open_spool

CONFIG = BASIC + 'spf_v1 "s" {} dkim_validate "k" {} dmarc "m" {}'
RSA = private(Algorithm.RSA_SHA256)
ZONE: Mapping[str, str] = {
    "b.example": "v=spf1 ip4:192.0.2.0/24 -all",
    "_dmarc.b.example": "v=DMARC1; p=reject",
    "s._domainkey.b.example": record(RSA).decode(),
}


async def ask(question: Question) -> DnsAnswer:
    await trio.lowlevel.checkpoint()
    return Records((ZONE[question.name],)) if question.name in ZONE else NoRecords(exists=False)


def signed(content: bytes) -> bytes:
    how = SignatureTerms(
        "b.example", "s", Algorithm.RSA_SHA256, Canon.RELAXED, Canon.SIMPLE, ("from",), frozenset(("from",)), 1
    )
    section, _, body = content.partition(b"\r\n\r\n")
    digest = BodyHash(how.body_canon)
    digest.part(body)
    signature = Signature(how, header_fields(section + b"\r\n"), digest.digest())
    return signature.field(Key.parse(pem(RSA)).sign(signature.to_sign)) + content


async def test_a_received_message_says_what_was_found(tmp_path: Path) -> None:
    content = signed(
        b"From: Ann <ann@b.example>\r\nAuthentication-Results: mx.example; dkim=pass\r\n\r\nhello\r\n.dot\r\n"
        + b"x\r\n" * 60_000
    )

    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.ehlo("mail.b.example")
            assert client.sendmail("ann@b.example", ["c@d.example"], content) == {}

    machine = os_machine()
    terms = SpoolTerms(str(tmp_path / "spool"))
    async with (
        open_spool(machine, terms) as spool,
        host(CONFIG, connected_as="192.0.2.1", real=spool, machine=machine) as at,
    ):
        at.door.desk = Desk(machine, ask)
        await trio.to_thread.run_sync(send, at.port)
        octets = await spool.content(at.accepted[0].batch_id)
    received = message_from_bytes(octets)
    (results,) = received.get_all("Authentication-Results", [])
    methods = [line.strip() for line in results.split(";")]
    assert [method.split()[0] for method in methods] == ["mx.example", "spf=pass", "dkim=pass", "dmarc=pass"]
    assert "header.d=b.example" in methods[2]
    assert octets.endswith(content.partition(b"\r\n\r\n")[2])
